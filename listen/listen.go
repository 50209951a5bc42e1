// Package listen opens the addresses that the server answers at, and keeps their connections within limits.
//
// It takes sockets from systemd or opens its own, reads the PROXY protocol of trusted proxies, cuts off clients that are too slow,
// makes room when there are too many connections, and shuts down without failing a request. What is answered is the caller's business:
// it passes an http.Handler for each purpose.
//
// Read listen.go first, then serve.go (serving and its end), conn.go (the deadlines of one connection), handshake.go (TLS) and tracker.go
// (all connections together). limits.go has the limits, http.go the HTTP servers, badrequest.go the answer to some bad requests, sockets.go
// what systemd passes, proxied.go the PROXY protocol.
package listen

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"syscall"
)

// Config says what to open and how to serve it.
type Config struct {
	// HTTP and HTTPS are the public addresses, as net.Listen takes them, and Admin is the address for health and metrics; empty for
	// none. An address is not opened if systemd passes a socket for its purpose.
	HTTP, HTTPS []string
	Admin       string
	// TLS is what the listeners for HTTPS use; nil if there are none.
	TLS *tls.Config
	// TrustedProxies may open any number of connections.
	TrustedProxies []netip.Prefix
	// ProxyProtocol is true if the trusted proxies begin each public connection with a header of the PROXY protocol.
	ProxyProtocol bool
	// Limits are what a client may take.
	Limits Limits
	// Handler returns what answers at the listeners for a purpose.
	Handler func(Purpose) http.Handler
	Log     *slog.Logger

	sockets sockets // passed by a test; nil to ask systemd
}

// Listeners are the open addresses of a server.
type Listeners struct {
	config  Config
	tracker *connTracker // of all public listeners
	all     []*listener
}

// listener is an open address and the HTTP server behind it.
type listener struct {
	purpose Purpose
	net.Listener
	server *http.Server
	ended  chan struct{} // closed when nothing more is accepted
}

// Addrs are the addresses that are open, with the actual ports.
type Addrs struct {
	HTTP, HTTPS []net.Addr
	Admin       net.Addr // nil if there is none
}

// Open opens all addresses, or takes the sockets that systemd has opened. Connections wait from then on; Serve answers them. All
// addresses that cannot be opened are reported together, each with what to do about it, and then none is left open.
func Open(c Config) (*Listeners, error) {
	if c.sockets == nil {
		passed, err := socketsFromSystemd()
		if err != nil {
			return nil, err
		}
		c.sockets = passed
	}
	l := &Listeners{config: c, tracker: newConnTracker(c.Limits, c.TrustedProxies)}
	errs := []error{l.take(c.sockets)}
	open := func(purpose Purpose, addresses ...string) {
		if c.sockets.has(purpose) {
			return // then the socket unit says which addresses
		}
		for _, address := range addresses {
			errs = append(errs, l.open(purpose, address))
		}
	}
	open(HTTP, c.HTTP...)
	open(HTTPS, c.HTTPS...)
	if c.Admin != "" {
		open(Admin, c.Admin)
	}
	if err := errors.Join(errs...); err != nil {
		l.Close()
		return nil, err
	}
	for _, one := range l.all {
		c.Log.Info("listening", "for", string(one.purpose), "address", one.Addr().String(), "from_systemd", c.sockets.has(one.purpose))
	}
	return l, nil
}

func (l *Listeners) open(purpose Purpose, address string) error {
	opened, err := listenAt(address)
	if err != nil {
		return fmt.Errorf("cannot listen on %s for %s: %w; %s", address, purpose, rootOf(err), advice(err, purpose))
	}
	l.add(purpose, opened)
	return nil
}

// add adds an open listener to those that Serve serves.
func (l *Listeners) add(purpose Purpose, opened net.Listener) {
	limited := &limitedListener{Listener: opened, write: l.config.Limits.Write}
	if purpose != Admin {
		limited.tracker = l.tracker
		if l.config.ProxyProtocol {
			limited.headers = &proxyHeaders{proxies: l.config.TrustedProxies, wait: l.config.Limits.ReadHeader, log: l.config.Log}
		}
	}
	l.all = append(l.all, &listener{purpose, limited, newServer(purpose, l.config.Limits, l.config.Handler(purpose), l.config.TLS, l.config.Log), make(chan struct{})})
}

// take adds the sockets that systemd passes.
func (l *Listeners) take(passed sockets) error {
	if passed.has(HTTPS) && l.config.TLS == nil {
		passed.close()
		return errors.New(`systemd passes a socket for https, but tls is "off"; set tls in [server], or remove the socket from the socket unit`)
	}
	for _, purpose := range []Purpose{HTTP, HTTPS, Admin} {
		for _, one := range passed[purpose] {
			l.add(purpose, one)
		}
	}
	return nil
}

// rootOf drops what net.OpError repeats of the address.
func rootOf(err error) error {
	if op := new(net.OpError); errors.As(err, &op) {
		return op.Err
	}
	return err
}

// advice says what an admin can do about an address that cannot be opened.
func advice(err error, purpose Purpose) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Sprintf("another program is listening there (ss -ltnp shows which): stop it, or choose another address for %s in [server]", purpose)
	case errors.Is(err, syscall.EACCES) && purpose == HTTP:
		return `ports below 1024 need the capability CAP_NET_BIND_SERVICE; or write http = ["localhost:8080"] in [server]`
	case errors.Is(err, syscall.EACCES):
		return fmt.Sprintf("ports below 1024 need the capability CAP_NET_BIND_SERVICE; or choose a higher port for %s in [server]", purpose)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Sprintf("this machine does not have that address: correct %s in [server]", purpose)
	}
	return fmt.Sprintf(`write %s in [server] as "host:port" or ":port"`, purpose)
}

// Addrs returns the addresses that Open has opened.
func (l *Listeners) Addrs() Addrs {
	var a Addrs
	for _, one := range l.all {
		switch one.purpose {
		case HTTP:
			a.HTTP = append(a.HTTP, one.Addr())
		case HTTPS:
			a.HTTPS = append(a.HTTPS, one.Addr())
		case Admin:
			a.Admin = one.Addr()
		}
	}
	return a
}

// Close closes everything at once. It is for listeners that have not been served, and does nothing after Shutdown.
func (l *Listeners) Close() error {
	var errs []error
	for _, one := range l.all {
		if err := errors.Join(one.server.Close(), one.Close()); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
