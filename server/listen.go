package server

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"
)

// limits are what a client may take. Tests use shorter ones.
type limits struct {
	header     int           // octets of a request's header
	body       int64         // octets of its body
	readHeader time.Duration // for the header
	read       time.Duration // for header and body
	write      time.Duration // for taking a piece of the answer
	idle       time.Duration // between two requests of a connection
	stop       time.Duration // for the requests still running when the server stops
	look       time.Duration // between two looks at the certificate files

	connections int // that are open at all public listeners
	perClient   int // of them by one client
	busy        int // of them with requests that have been running for too long
}

var defaultLimits = limits{
	header:     16 << 10,
	body:       64 << 10,
	readHeader: 5 * time.Second,
	read:       10 * time.Second,
	write:      20 * time.Second,
	idle:       60 * time.Second,
	stop:       15 * time.Second,
	look:       10 * time.Second,

	connections: 8192,
	perClient:   256, // an office or a mobile network behind one address has fewer at a time
	busy:        128,
}

// The purposes of listeners.
const (
	forHTTP  = "http"
	forHTTPS = "https"
	forAdmin = "admin"
)

// listener is an open address and the HTTP server behind it.
type listener struct {
	purpose string
	net.Listener
	server *http.Server
	ended  chan struct{} // closed when nothing more is accepted
}

// Addrs are the addresses a server listens on, with the true ports.
type Addrs struct {
	HTTP, HTTPS []net.Addr
	Admin       net.Addr // nil if there is none
}

// Listen opens all addresses, or takes the sockets that systemd has opened. Connections wait from then on; Run serves them. After
// an error none is open.
func (s *Server) Listen() error {
	if s.config.TLS == "acme" && s.acme == nil {
		return errNobodyCertifies
	}
	passed := s.passed
	if passed == nil {
		var err error
		if passed, err = socketsFromSystemd(); err != nil {
			return err
		}
	}
	errs := []error{s.take(passed)}
	open := func(purpose string, addresses []string) {
		if passed.has(purpose) {
			return // the addresses are the socket unit's business
		}
		for _, address := range addresses {
			errs = append(errs, s.open(purpose, address))
		}
	}
	open(forHTTP, s.config.HTTP)
	open(forHTTPS, s.config.HTTPS)
	if s.config.Admin != "" {
		open(forAdmin, []string{s.config.Admin})
	}
	if err := errors.Join(errs...); err != nil {
		for _, l := range s.listeners {
			l.Close() // nothing has come in yet
		}
		s.listeners = nil
		return err
	}
	s.tellPorts()
	s.metrics.built(s.Version)
	for _, l := range s.listeners {
		s.log.Info("listening", "for", l.purpose, "address", l.Addr().String(), "from_systemd", passed.has(l.purpose))
	}
	return nil
}

func (s *Server) open(purpose, address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("cannot listen on %s for %s: %w; %s", address, purpose, rootOf(err), listenAdvice(err, purpose))
	}
	s.add(purpose, l)
	return nil
}

// add has an open listener served.
func (s *Server) add(purpose string, l net.Listener) {
	limited := &connLimiter{Listener: l, write: s.limits.write}
	var h http.Handler
	if purpose == forAdmin {
		h = s.adminHandler()
	} else {
		h = s.answerChallenges(purpose, s.Handler(purpose == forHTTPS))
		limited.crowd = s.crowd()
		if s.config.ProxyProtocol {
			limited.headers = &proxyHeaders{proxies: s.config.TrustedProxies, wait: s.limits.readHeader, log: s.log}
		}
	}
	s.listeners = append(s.listeners, &listener{purpose, limited, s.newHTTPServer(purpose, h), make(chan struct{})})
}

// rootOf drops what net.OpError repeats of the address.
func rootOf(err error) error {
	if op := new(net.OpError); errors.As(err, &op) {
		return op.Err
	}
	return err
}

// listenAdvice says what an admin can do about an address that cannot be opened.
func listenAdvice(err error, purpose string) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "another program listens there (ss -ltnp shows which): stop it, or choose another address for " + purpose + " in [server]"
	case errors.Is(err, syscall.EACCES) && purpose == forHTTP:
		return `ports below 1024 need the capability CAP_NET_BIND_SERVICE; or write http = ["localhost:8080"] in [server]`
	case errors.Is(err, syscall.EACCES):
		return "ports below 1024 need the capability CAP_NET_BIND_SERVICE; or choose a higher one for " + purpose + " in [server]"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this machine does not have that address: correct " + purpose + " in [server]"
	}
	return `write ` + purpose + ` in [server] as "host:port" or ":port"`
}

// headerSlop is what net/http adds to MaxHeaderBytes for HTTP/1 (Go 1.26: 4096 octets, request line included), so that the limit
// is what we say. HTTP/2 adds 320, and its limit is lower by the difference.
const headerSlop = 4 << 10

func (s *Server) newHTTPServer(purpose string, h http.Handler) *http.Server {
	server := &http.Server{
		Handler:                      h,
		MaxHeaderBytes:               s.limits.header - headerSlop,
		ReadHeaderTimeout:            s.limits.readHeader,
		ReadTimeout:                  s.limits.read,
		IdleTimeout:                  s.limits.idle, // WriteTimeout is what conn is for
		ErrorLog:                     connectionLog(s.log, purpose),
		DisableGeneralOptionsHandler: true, // the guard answers OPTIONS *, and counts it
		ConnState:                    noteState,
	}
	if purpose == forHTTPS {
		server.TLSConfig = s.tlsConfig()
		// ReadHeaderTimeout is not for HTTP/2 (Go 1.26): a client silent in the middle of a header would stay for the idle time.
		server.HTTP2 = &http.HTTP2Config{SendPingTimeout: s.limits.read, PingTimeout: s.limits.readHeader,
			// A mail program asks two or three things at once; each could keep a body waiting, and a connection cost half a megabyte.
			MaxConcurrentStreams: 4, MaxReceiveBufferPerConnection: 2 * int(s.limits.body), MaxReceiveBufferPerStream: int(s.limits.body)}
	}
	return server
}

// serve answers until the server is shut down, which is no error.
func (l *listener) serve() error {
	defer close(l.ended)
	var err error
	if l.purpose == forHTTPS {
		err = l.server.ServeTLS(l.Listener, "", "")
	} else {
		err = l.server.Serve(l.Listener)
	}
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("listener %s for %s: %w", l.Addr(), l.purpose, err)
}

// Addrs returns the addresses that Listen has opened.
func (s *Server) Addrs() Addrs {
	var a Addrs
	for _, l := range s.listeners {
		switch l.purpose {
		case forHTTP:
			a.HTTP = append(a.HTTP, l.Addr())
		case forHTTPS:
			a.HTTPS = append(a.HTTPS, l.Addr())
		case forAdmin:
			a.Admin = l.Addr()
		}
	}
	return a
}
