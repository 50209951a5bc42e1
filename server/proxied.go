package server

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"

	"mailhint/settings"
)

// proxyHeaders reads the headers of the PROXY protocol with which trusted proxies begin their connections, in both versions: they
// say whose connection it is. From anybody else such a header is nothing but a bad request.
type proxyHeaders struct {
	proxies []netip.Prefix
	wait    time.Duration
	log     *slog.Logger
	once    sync.Once // a proxy that sends none does so again and again
}

// wrap returns a connection whose first use reads the header. That is in the goroutine that serves it, so that a slow one holds up
// nobody else.
func (h *proxyHeaders) wrap(c net.Conn) net.Conn {
	tcp, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok || !settings.Networks(h.proxies).Contain(tcp.AddrPort().Addr()) {
		return c
	}
	return &proxied{proxyproto.NewConn(c, proxyproto.WithPolicy(proxyproto.REQUIRE), proxyproto.SetReadHeaderTimeout(h.wait)), h}
}

// proxied is a connection from a trusted proxy. One without a good header fails at its first use.
type proxied struct {
	*proxyproto.Conn
	headers *proxyHeaders
}

var errNoHeader = errors.New("there is no good PROXY header")

// Read fails at once if there was no good header. Without this a header that came too slowly would look like one of our own deadlines
// that struck too early, after which conn reads again.
func (p *proxied) Read(b []byte) (int, error) {
	if p.ProxyHeader() == nil {
		return 0, errNoHeader
	}
	return p.Conn.Read(b)
}

// RemoteAddr returns the client's address. A health check of the proxy's own (LOCAL) has the proxy's, and so has a client that came
// to it by a Unix socket or by nothing we know.
func (p *proxied) RemoteAddr() net.Addr {
	if p.ProxyHeader() == nil {
		p.headers.once.Do(func() {
			p.headers.log.Warn("a trusted proxy opened a connection without a good PROXY header, and it was closed (this is said once); " +
				"let the proxy send one, or remove proxy_protocol from [server]")
		})
	}
	if tcp, ok := p.Conn.RemoteAddr().(*net.TCPAddr); ok {
		return tcp
	}
	return p.Raw().RemoteAddr()
}

// LocalAddr returns the address that the client connected to.
func (p *proxied) LocalAddr() net.Addr {
	if tcp, ok := p.Conn.LocalAddr().(*net.TCPAddr); ok {
		return tcp
	}
	return p.Raw().LocalAddr()
}

// schemeByPort returns how a request came to a proxy that does TLS and says with the PROXY protocol at which port; "" if the port
// does not tell.
func schemeByPort(r *http.Request) string {
	tcp, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return ""
	}
	switch tcp.Port {
	case 80:
		return "http"
	case 443:
		return "https"
	}
	return ""
}
