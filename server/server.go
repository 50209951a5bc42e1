// Package server stands between the network and the packages that answer mail programs: the table of paths, and what is the same
// for every request.
//
// Mail programs ask at http and https, under names such as autoconfig.example.com, at paths like /mail/config-v1.1.xml and
// /autodiscover/autodiscover.xml, with odd spellings of both. A request passes the guard, which limits it, brings host and path
// into one spelling, and counts and logs it; then the table in routes.go, which knows paths only. The domain is found by the
// handler itself, from the host and the address in the request.
//
// The normalised request is what handlers can rely on:
//
//   - Host is a name in lower case (A-labels), without port and trailing dot; empty if the client sent none or none that can be one.
//   - URL.Path is in lower case, without double, trailing or dot segments. No redirect is ever sent for that: a POST would lose
//     its body.
//   - URL.Scheme is "https" or "http", as the client asked, and RemoteAddr is the client's, also behind a trusted proxy. Its port
//     is 0 then.
//   - Body ends with an *http.MaxBytesError after 64 KiB.
//
// Health and metrics are on a listener of their own, never on the names of customers.
package server

import (
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"

	"mailhint/certs"
	"mailhint/domains"
	"mailhint/keypairs"
	"mailhint/listen"
)

// Server listens as the [server] table of domains.toml says. Use New, Configure, Listen and Run, in this order.
type Server struct {
	// Drain is for how long connections are still accepted after Run has been told to stop, so that whoever sends them here (a
	// load balancer, a proxy) sees /-/readyz fail and stops doing so. New sets one second.
	Drain time.Duration
	// Version is the program's, for the metrics.
	Version string

	config       domains.Server
	log          *slog.Logger
	limits       listen.Limits
	reread       time.Duration // how often the certificate files are examined for changes
	metrics      *metrics
	router       *mux.Router
	nowhere      *route              // what no row of the table fits
	certificates *keypairs.Pairs     // nil unless TLS is "files"
	acme         *certs.Certificates // nil unless TLS is "acme"
	signing      *keypairs.Pairs     // the pair that signs Apple profiles; nil if none is configured
	listeners    *listen.Listeners   // nil before Listen

	handlers    *handlers
	configuring sync.Mutex            // one Configure at a time
	state       atomic.Pointer[State] // nil before the first Configure
	stopping    atomic.Bool
	systemd     systemd
	parts       []func() []string // what /-/readyz shows besides
}

// New makes a server that does not listen yet. acme are the certificates to serve with TLS "acme"; nil otherwise. Certificate files are
// read now: all that is wrong with them is one error, which names the files and says what to do.
func New(config domains.Server, acme *certs.Certificates, log *slog.Logger) (*Server, error) {
	s := &Server{Drain: time.Second, config: config, acme: acme, log: log, limits: listen.DefaultLimits(), reread: 10 * time.Second}
	switch config.TLS {
	case "off", "acme":
	case "files":
		p, err := openPairs(log, config.Certificates...)
		if err != nil {
			return nil, err
		}
		s.certificates = p
	default:
		return nil, fmt.Errorf(`[server] tls = %q is unknown here; write "acme", "files" or "off"`, config.TLS)
	}
	if config.Signing != nil {
		p, err := openPairs(log, *config.Signing)
		if err != nil {
			return nil, fmt.Errorf("sign_cert and sign_key: %w", err)
		}
		s.signing = p
	}
	s.metrics = newMetrics(s)
	s.router, s.nowhere = s.newRouter()
	s.handlers = s.newHandlers()
	return s, nil
}

func openPairs(log *slog.Logger, files ...domains.KeyPair) (*keypairs.Pairs, error) {
	var all []keypairs.Files
	for _, f := range files {
		all = append(all, keypairs.Files(f))
	}
	return keypairs.Open(all, log)
}

// allPairs are the certificates that are read from files.
func (s *Server) allPairs() []*keypairs.Pairs {
	var all []*keypairs.Pairs
	for _, p := range []*keypairs.Pairs{s.certificates, s.signing} {
		if p != nil {
			all = append(all, p)
		}
	}
	return all
}

// Uncovered counts the host names that no certificate file covers, and returns the first few of them (keypairs.Pairs.Uncovered). Without
// certificate files there are none: ACME, and a proxy that does TLS, have certificates for every name.
func (s *Server) Uncovered(names iter.Seq[string]) (few []string, count int) {
	if s.certificates == nil {
		return nil, 0
	}
	return s.certificates.Uncovered(names)
}

// Config returns the [server] table that the server was made with.
func (s *Server) Config() domains.Server { return s.config }

// Handler returns what the public listeners serve: those with TLS if secure, else those without.
func (s *Server) Handler(secure bool) http.Handler {
	scheme := "http"
	if secure || s.config.TLS == "off" { // then a proxy in front does TLS, or somebody tries mailhint on their own machine
		scheme = "https"
	}
	return &guard{Server: s, scheme: scheme, byPort: s.config.ProxyProtocol && !secure, proxies: s.config.TrustedProxies}
}

// errStopping is why a server that ends is not ready.
var errStopping = errors.New("shutting down")

// ready returns why the server should not be sent requests, or nil.
func (s *Server) ready() error {
	switch {
	case s.stopping.Load():
		return errStopping
	case s.State().Domains == nil:
		return errors.New("no domains loaded yet")
	}
	return nil
}
