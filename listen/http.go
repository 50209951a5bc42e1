package listen

import (
	"crypto/tls"
	"log/slog"
	"net/http"
)

// headerSlop is what net/http adds to MaxHeaderBytes for HTTP/1 (Go 1.26: 4096 octets, request line included); it is subtracted so that
// Limits.Header holds. HTTP/2 adds 320 octets, so its limit is lower by the difference.
const headerSlop = 4 << 10

func newServer(purpose Purpose, limits Limits, h http.Handler, secure *tls.Config, log *slog.Logger) *http.Server {
	server := &http.Server{
		Handler:                      h,
		MaxHeaderBytes:               limits.Header - headerSlop,
		ReadHeaderTimeout:            limits.ReadHeader,
		ReadTimeout:                  limits.Read,
		IdleTimeout:                  limits.Idle, // there is no WriteTimeout: conn does that
		ErrorLog:                     errorLog(log, purpose),
		DisableGeneralOptionsHandler: true, // the handler answers OPTIONS *, and counts it
		ConnState:                    connState,
	}
	if purpose == HTTPS {
		server.TLSConfig = secure.Clone() // net/http changes it (Go 1.26)
		// ReadHeaderTimeout does not apply to HTTP/2 (Go 1.26): a client that falls silent in the middle of a header would stay for the
		// idle time.
		server.HTTP2 = &http.HTTP2Config{SendPingTimeout: limits.Read, PingTimeout: limits.ReadHeader,
			// A client asks two or three things at once; each could hold back a body, and a connection could cost half a megabyte.
			MaxConcurrentStreams: 4, MaxReceiveBufferPerConnection: 2 * int(limits.Body), MaxReceiveBufferPerStream: int(limits.Body)}
	}
	return server
}
