package listen

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"strings"
)

// errorLog is where net/http writes what it has to say about connections: mostly failed TLS handshakes of scanners, with their address.
// These lines are only for debugging, and appear without what the client sent.
func errorLog(l *slog.Logger, purpose Purpose) *log.Logger {
	return log.New(&errorLogWriter{l, purpose}, "", 0)
}

type errorLogWriter struct {
	log     *slog.Logger
	purpose Purpose
}

func (w *errorLogWriter) Write(line []byte) (int, error) {
	if accept, ok := bytes.CutPrefix(line, []byte("http: Accept error: ")); ok { // too many open files: the admin must know
		w.log.Warn("cannot accept a connection; is the limit of open files (LimitNOFILE) too low?", "listener", string(w.purpose),
			"error", string(bytes.TrimSpace(accept)))
		return len(line), nil
	}
	if w.log.Enabled(context.Background(), slog.LevelDebug) {
		w.log.Debug("connection", "listener", string(w.purpose), "event", anonymous(string(bytes.TrimSpace(line))))
	}
	return len(line), nil
}

// anonymous returns a line of net/http's without addresses and without what it quotes from the client: SECURITY.md promises that the log
// contains no IP address of a client.
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
