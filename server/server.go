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

// Server listens as the [server] table of domains.toml says. Use New, Use, Listen and Run, in this order.
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

	handlers func() Answers // made when first asked for, because Certify comes later
	answers  atomic.Pointer[Answers]
	problem  atomic.Pointer[string] // why the file on disk is not the one that serves; nil if it is
	stopping atomic.Bool
	systemd  systemd
	parts    []func() []string // what /-/readyz shows besides
}

// New makes a server that does not listen yet. It reads the certificates; what is wrong with them is one error, each with the
// file and what to do about it.
func New(config domains.Server, log *slog.Logger) (*Server, error) {
	s := &Server{Drain: time.Second, config: config, log: log, limits: listen.DefaultLimits(), reread: 10 * time.Second}
	switch config.TLS {
	case "off", "acme": // Certify comes later
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
	s.handlers = sync.OnceValue(s.newHandlers)
	return s, nil
}

// Use makes requests be served by a from now on. The first time it makes the server ready; later ones count as good reloads.
func (s *Server) Use(a *Answers) {
	reload := s.answers.Swap(a) != nil
	s.problem.Store(nil)
	s.metrics.loaded(a, reload)
	s.systemd.loaded(s.log, fmt.Sprintf("Serving %d domains", a.Domains))
}

// Reject says that what is on disk cannot be used, and why. The last Answers keep serving; /-/readyz shows the reason, and the
// metrics count a failed reload.
func (s *Server) Reject(reason error) {
	detail := reason.Error()
	s.problem.Store(&detail)
	s.metrics.rejected()
	if a := s.answers.Load(); a != nil {
		s.systemd.loaded(s.log, fmt.Sprintf("Serving %d domains; the file on disk is bad: see the log", a.Domains))
	}
}

// Reloading tells systemd that a reload has begun. The next Use or Reject ends it.
func (s *Server) Reloading() { s.systemd.reloading(s.log) }

// ReloadCertificates reads the certificate files again, whether they look changed or not. A pair that cannot be read stays as it
// was, and is part of the error. Run does the same by itself when files change.
func (s *Server) ReloadCertificates() error {
	var errs []error
	for _, p := range s.allPairs() {
		errs = append(errs, p.Reload())
	}
	return errors.Join(errs...)
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
	case s.answers.Load() == nil:
		return errors.New("no domains loaded yet")
	}
	return nil
}
