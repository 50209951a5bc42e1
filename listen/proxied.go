package listen

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"

	"mailhint/settings"
)

// proxyHeaders reads the headers of the PROXY protocol, in both versions, with which trusted proxies begin their connections to say whose
// they are. From other clients such a header is just a bad request.
type proxyHeaders struct {
	proxies []netip.Prefix
	wait    time.Duration
	log     *slog.Logger
	once    sync.Once // a proxy that sends none does so on every connection
}

// wrap returns a connection whose first use reads the header, and passes the client's address on. That happens in the goroutine that serves
// it, so a slow header delays no other connection.
func (h *proxyHeaders) wrap(c net.Conn, assign func(client net.Addr)) net.Conn {
	tcp, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok || !settings.Networks(h.proxies).Contain(tcp.AddrPort().Addr()) {
		return c
	}
	return &proxied{proxyproto.NewConn(c, proxyproto.WithPolicy(proxyproto.REQUIRE), proxyproto.SetReadHeaderTimeout(h.wait)), h, assign, sync.Once{}}
}

// proxied is a connection from a trusted proxy. Without a valid header it fails at its first use.
type proxied struct {
	*proxyproto.Conn
	headers *proxyHeaders
	assign  func(client net.Addr)
	once    sync.Once // for assign
}

var errNoHeader = errors.New("no valid PROXY header")

// Read fails at once if there was no valid header. Otherwise a header that came too slowly would look like one of our own deadlines that
// fired too early, after which conn reads again.
func (p *proxied) Read(b []byte) (int, error) {
	if p.ProxyHeader() == nil {
		return 0, errNoHeader
	}
	return p.Conn.Read(b)
}

// RemoteAddr returns the client's address. It has no text if the header names no client, as for a health check of the proxy's own (LOCAL),
// and for a client that came to it by a Unix socket or an unknown protocol. The address of the proxy would make what such a client writes
// into X-Forwarded-For look like the proxy's word.
func (p *proxied) RemoteAddr() net.Addr {
	header := p.ProxyHeader()
	if header == nil {
		p.headers.once.Do(func() {
			p.headers.log.Warn("a trusted proxy opened a connection without a valid PROXY header; it was closed, and later ones will not be reported; " +
				"make the proxy send one, or remove proxy_protocol from [server]")
		})
		return p.Raw().RemoteAddr()
	}
	if tcp, ok := header.SourceAddr.(*net.TCPAddr); ok && header.Command.IsProxy() {
		p.once.Do(func() { p.assign(tcp) })
		return tcp
	}
	return unnamed{}
}

// unnamed is the address of a client that a PROXY header does not name.
type unnamed struct{}

func (unnamed) Network() string { return "tcp" }
func (unnamed) String() string  { return "" }

// LocalAddr returns the address that the client connected to.
func (p *proxied) LocalAddr() net.Addr {
	if tcp, ok := p.Conn.LocalAddr().(*net.TCPAddr); ok {
		return tcp
	}
	return p.Raw().LocalAddr()
}
