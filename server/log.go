package server

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
)

// logs reports whether requests are logged at all.
func (o *outcome) logs() bool { return o.handler.Enabled(context.Background(), slog.LevelInfo) }

// log writes the line of a request that is done. It says for which domain it was answered (that of the host if there is no answer),
// from what kind of client, and how it ended; never an e-mail address, a query, a path, a User-Agent or the client's IP address.
func (o *outcome) log(line requestLine) {
	if o.short != nil {
		o.short.write(o.fixed, line)
		return
	}
	o.handler.Handle(context.Background(), line.record()) // a log that cannot be written is no reason to refuse requests
}

var knownMethods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions, http.MethodPut, http.MethodDelete, http.MethodPatch,
	http.MethodConnect, http.MethodTrace, "PROPFIND", "REPORT",
}

// knownMethod returns the method, or "other", because a client can send any word.
func knownMethod(method string) string {
	if slices.Contains(knownMethods, method) {
		return method
	}
	return "other"
}
