package listen

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
)

// trustLoopback makes connections of this machine those of a trusted proxy, which must begin with a header.
func trustLoopback(c *Config) {
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	c.ProxyProtocol = true
}

func tcp(text string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(text)) }

// Reading on after half a header has nothing to wait for: a deadline that has not passed yet must not make it try again and again.
func TestReadAfterBadProxyHeader(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	headers := &proxyHeaders{proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, wait: 50 * time.Millisecond, log: slog.New(slog.DiscardHandler)}
	limited := &limitedListener{Listener: l, write: time.Second, headers: headers, tracker: newConnTracker(DefaultLimits(), nil)}
	defer limited.Close()
	client := connect(t, "127.0.0.1", l.Addr().String())
	header, err := proxyproto.HeaderProxyFromAddrs(2, tcp("192.0.2.7:1234"), tcp("198.51.100.1:443")).Format()
	if err != nil {
		t.Fatal(err)
	}
	client.Write(header[:14]) // an error shows below
	c, err := limited.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.RemoteAddr() // as net/http begins
	began := time.Now()
	c.SetReadDeadline(began.Add(testTimeout))
	if n, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %d octets, %v", n, err)
	}
	if took := time.Since(began); took > testTimeout/2 {
		t.Errorf("reading went on for %s", took)
	}
}

// Health and metrics are asked for without a header.
func TestNoProxyHeaderForAdmin(t *testing.T) {
	t.Parallel()
	l := run(t, trustLoopback)
	if !askOn(connect(t, "127.0.0.1", l.admin)) {
		t.Error("no answer without a header at the admin listener")
	}
	c := connect(t, "127.0.0.1", l.http)
	io.WriteString(c, "PROXY TCP4 192.0.2.7 198.51.100.1 1234 443\r\n") // an error shows below
	if !askOn(c) {
		t.Error("no answer with a header at the public listener")
	}
}

// Behind a proxy that sends PROXY headers, one client holds no more than its share of the connections, and others notice nothing. The numbers
// are those of the README.
func TestFloodBehindProxy(t *testing.T) {
	t.Parallel()
	const share = 256
	for _, secure := range []bool{false, true} {
		l := run(t, func(c *Config) {
			trustLoopback(c)
			c.Limits.ReadHeader = 2 * testTimeout // no connection ends for another reason
			if secure {
				withTLS(t, c)
			}
		})
		open := func(client string) net.Conn {
			address := l.http
			if secure {
				address = l.https
			}
			c := connect(t, "127.0.0.1", address)
			io.WriteString(c, "PROXY TCP4 "+client+" 198.51.100.1 1234 443\r\n") // an error shows below
			if secure {
				c = tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
			}
			return c
		}
		other := open("192.0.2.8")
		if !askOn(other) {
			t.Fatal("no answer before the flood")
		}
		for range share + 40 {
			go io.WriteString(open("192.0.2.7"), "GET / HTTP/1.1\r\nX: ") // it may be cut off
		}
		eventually(t, "the flood is bounded", func() bool {
			return l.tracker.evicted.Load() >= 40 && l.tracker.size() <= share+1
		})
		if !askOn(open("192.0.2.7")) {
			t.Error("another connection of the client that has many gets no answer")
		}
		if !askOn(other) || !askOn(open("192.0.2.9")) {
			t.Error("other clients get no answer")
		}
	}
}
