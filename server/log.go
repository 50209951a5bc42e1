package server

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"mailhint/settings"
)

// log writes the line of a request that is done. It says for which domain, from what kind of program, and what became of it;
// never an address, a query, a path, a User-Agent or the client's IP.
func (o *outcome) log(v *visit, took time.Duration) {
	if !o.handler.Enabled(context.Background(), slog.LevelInfo) {
		return
	}
	line := requestLine{
		ended:    v.start.Add(took),
		status:   v.status,
		method:   knownMethod(v.request.Method),
		domain:   settings.MailDomain(v.request.Host),
		duration: took,
	}
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

// knownMethod returns the method, or "other": a client may invent any.
func knownMethod(method string) string {
	if slices.Contains(knownMethods, method) {
		return method
	}
	return "other"
}

// connectionLog is where net/http writes what it has to say about connections: mostly failed TLS handshakes of scanners, with
// their address. It is for debugging only, and without what the stranger sent.
func connectionLog(l *slog.Logger, purpose string) *log.Logger {
	return log.New(&connectionLogWriter{l, purpose}, "", 0)
}

type connectionLogWriter struct {
	log     *slog.Logger
	purpose string
}

func (w *connectionLogWriter) Write(line []byte) (int, error) {
	text := string(bytes.TrimSpace(line))
	if accept, ok := bytes.CutPrefix(line, []byte("http: Accept error: ")); ok { // too many open files: the admin must know
		w.log.Warn("cannot accept a connection; is the limit of open files (LimitNOFILE) too low?", "listener", w.purpose,
			"error", string(bytes.TrimSpace(accept)))
		return len(line), nil
	}
	if w.log.Enabled(context.Background(), slog.LevelDebug) {
		w.log.Debug("connection", "listener", w.purpose, "event", anonymous(text))
	}
	return len(line), nil
}

// anonymous returns a line of net/http's without addresses and without what it quotes from the stranger.
func anonymous(line string) string {
	what, rest, found := strings.Cut(line, " from ") // http: TLS handshake error from 192.0.2.1:1234: EOF
	if !found {
		what, _, _ = strings.Cut(line, " serving ") // http: panic serving 192.0.2.1:1234: …
		what, _, _ = strings.Cut(what, `"`)
		return what
	}
	_, reason, _ := strings.Cut(rest, ": ")
	if strings.Contains(reason, "->") { // read tcp 192.0.2.2:443->192.0.2.1:1234: read: connection reset by peer
		reason = reason[strings.LastIndex(reason, ": ")+len(": "):]
	}
	if i := strings.IndexAny(reason, `"[`); i >= 0 {
		reason = reason[:i]
	}
	return what + ": " + strings.TrimRight(reason, ": (")
}
