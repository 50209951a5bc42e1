// Package server connects the network with the packages that answer mail programs: it has the table of paths, and what is the same for
// every request.
//
// Mail programs ask by http and https, at names such as autoconfig.example.com and paths such as /mail/config-v1.1.xml and
// /autodiscover/autodiscover.xml, which some of them spell oddly. A request first passes the guard, which limits it, normalises host and
// path, and counts and logs it, and then the table in routes.go, which knows only paths. The handler finds the domain from the host and
// the address in the request.
//
// Handlers can rely on the normalised request:
//
//   - Host is a name in lower case (A-labels), without port and trailing dot; empty if the client sent none, or none that is valid.
//   - URL.Path is in lower case, without double slashes, a trailing slash or dot segments. The server never redirects to it: a POST would
//     lose its body.
//   - URL.Scheme is "https" or "http", as the client asked, and RemoteAddr is the client's, also behind a trusted proxy; then its port
//     is 0. It is empty if the proxy does not say whose request it forwards.
//   - Body ends with an *http.MaxBytesError after 64 KiB.
//
// Health and metrics have a listener of their own; they are never served at the names of customers.
//
// To read the package, begin with server.go (the pieces) and run.go (their life), then follow a request: guard.go, visit.go, request.go,
// repeats.go, routes.go, handlers.go, response.go. log.go, requestlog.go, logwriter.go and metrics.go record it. state.go is what is served,
// configure.go how it changes; admin.go, reading.go, admin_hosts.go, parts.go and systemd.go show it, and
// served.go asks another process for it. admin_name.go is how the admin page and the API are reached.
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

	"mailhint/certs"
	"mailhint/domains"
	"mailhint/keypairs"
	"mailhint/listen"
	"mailhint/settings"
)

// Server listens as the [server] table of domains.toml says. Use New, Configure, Listen and Run, in this order.
type Server struct {
	// Drain is how long connections are still accepted after the context of Run is done, so that a load balancer or proxy can see
	// /-/readyz fail and stop sending them. New sets one second.
	Drain time.Duration
	// Version is the version of the program, for the metrics.
	Version string
	// Sequence returns the number of the latest change of the database of [store] that is served, for /-/config; nil without one.
	Sequence func() int64
	// File is the absolute path of the main file of the configuration, for /-/config.
	File string

	config       domains.Server
	log          *slog.Logger
	limits       listen.Limits
	reread       time.Duration // how often the certificate files are examined for changes
	metrics      *metrics
	router       *router
	repeats      *repeats            // nil without a limit
	certificates *keypairs.Pairs     // nil if none are configured
	acme         *certs.Certificates // nil unless TLS is "acme"
	asks         *certs.AskLimit     // of /-/tls-ask
	signing      *keypairs.Pairs     // the pair that signs Apple profiles; nil if none is configured
	listeners    *listen.Listeners   // nil before Listen

	handlers    *handlers
	configuring sync.Mutex // one Configure at a time
	state       current
	stopping    atomic.Bool
	unknown     unknownClients
	systemd     systemd
	parts       parts               // more lines for /-/readyz
	announced   func(digest string) // see OnAnnounced; nil for none
	admin       http.Handler        // see ServeAdmin; nil for none
}

// New makes a server that does not listen yet. acme are the certificates to serve with TLS "acme"; nil otherwise. Certificate files are
// read now: all that is wrong with them is one error, which names the files and says what to do.
func New(config domains.Server, acme *certs.Certificates, log *slog.Logger) (*Server, error) {
	s := &Server{Drain: time.Second, config: config, acme: acme, log: log, limits: listen.DefaultLimits(), reread: 10 * time.Second}
	switch config.TLS {
	case "off", "acme", "files":
	default:
		return nil, fmt.Errorf(`[server] tls = %q is not valid; write "acme", "files" or "off"`, config.TLS)
	}
	if config.TLS == "files" || len(config.Certificates) > 0 {
		p, err := openPairs(log, config.Certificates...)
		if err != nil {
			return nil, err
		}
		s.certificates = p
	}
	if config.Signing != nil {
		p, err := openPairs(log, *config.Signing)
		if err != nil {
			return nil, fmt.Errorf("sign_cert and sign_key: %w", err)
		}
		s.signing = p
	}
	s.metrics = newMetrics(s.state.get)
	if !config.AllowRepeats {
		s.repeats = newRepeats(config.TrustedProxies)
		s.metrics.registry.MustRegister(s.repeats.collector())
	}
	s.asks = certs.NewAskLimit(config.ACME.Orders)
	s.metrics.registry.MustRegister(s.asks)
	if s.certificates != nil && config.TLS != "acme" { // then FirstExpiry is part of the metric of acme
		s.metrics.registry.MustRegister(s.certificates)
	}
	if h, ok := log.Handler().(*LogHandler); ok {
		s.metrics.registry.MustRegister(h.to.collector())
	}
	s.handlers = newHandlers(config, &s.state, newSigner(s.signing, s.acme, s.certificates), log)
	s.metrics.registry.MustRegister(s.handlers.mobileconfig.Collector(), s.handlers.page, s.handlers.pageFiles)
	s.router = newRouter(s.handlers, &s.state, s.limits.Body, s.metrics, log)
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

// HasFileFor reports whether a certificate from a file covers a host name in lower case.
func (s *Server) HasFileFor(host string) bool {
	return s.certificates != nil && s.certificates.Covers(host)
}

// FirstExpiry returns when the first of the certificates from files expires; zero if there are none.
func (s *Server) FirstExpiry() time.Time {
	if s.certificates == nil {
		return time.Time{}
	}
	return s.certificates.FirstExpiry()
}

// uncovered counts the host names that no certificate file covers, and returns the first few of them (keypairs.Pairs.Uncovered). Without
// certificate files there are none: ACME, and a proxy that does TLS, have certificates for every name.
func (s *Server) uncovered(names iter.Seq[string]) (few []string, count int) {
	if s.config.TLS != "files" {
		return nil, 0
	}
	return s.certificates.Uncovered(names)
}

// Config returns the [server] table that the server was made with.
func (s *Server) Config() domains.Server { return s.config }

// Handler returns what the public listeners serve: those with TLS if secure, else those without.
func (s *Server) Handler(secure bool) http.Handler {
	scheme := "http"
	if secure || s.config.TLS == "off" { // then a proxy in front does TLS, or somebody is trying out mailhint
		scheme = "https"
	}
	return &guard{log: s.log, metrics: s.metrics, router: s.router, stopping: &s.stopping, scheme: scheme,
		byPort: s.config.ProxyProtocol && !secure, proxies: s.config.TrustedProxies, repeats: s.repeats, unknown: &s.unknown}
}

// ShowSeen makes the page for people show what was last seen of mail servers. It must be called before Listen. Seen returns a state of
// package monitor, and when it was seen.
func (s *Server) ShowSeen(seen func(host string, server settings.Server) (state string, at time.Time)) {
	s.handlers.page.Seen = seen
}

// errStopping is why a server that is shutting down is not ready.
var errStopping = errors.New("shutting down")

// ready returns why the server should not be sent requests, or nil.
func (s *Server) ready() error {
	switch {
	case s.stopping.Load():
		return errStopping
	case s.state.domains() == nil:
		return errors.New("no domains loaded yet")
	case !s.state.domains().Complete():
		return errors.New("the database has not been read yet")
	}
	return nil
}
