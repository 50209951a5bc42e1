package server

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"mailhint/domains"
)

// behindProxy makes a server expect the PROXY protocol from loopback.
func behindProxy(config domains.Server) domains.Server {
	config.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")}
	config.ProxyProtocol = true
	return config
}

// header writes a header of the PROXY protocol.
func header(t testing.TB, version byte, command proxyproto.ProtocolVersionAndCommand, from, to net.Addr, tlvs ...proxyproto.TLV) string {
	t.Helper()
	h := proxyproto.HeaderProxyFromAddrs(version, from, to)
	h.Command = command
	if err := h.SetTLVs(tlvs); err != nil {
		t.Fatal(err)
	}
	text, err := h.Format()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func tcp(text string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(text)) }

func udp(text string) net.Addr { return net.UDPAddrFromAddrPort(netip.MustParseAddrPort(text)) }

func TestProxyProtocol(t *testing.T) {
	t.Parallel()
	s := run(t, behindProxy(offline()), nil)
	const unknown = "https autoconfig.example.com /mail/config-v1.1.xml;" // the client
	const proxy, local = proxyproto.PROXY, proxyproto.LOCAL
	client4, server4 := tcp("192.0.2.7:1234"), tcp("198.51.100.1:443")
	client6, server6 := tcp("[2001:db8::7]:1234"), tcp("[2001:db8::1]:80")
	socket := &net.UnixAddr{Net: "unix", Name: "/run/\x1b[31mevil.example"}
	const invented = "X-Forwarded-For: 10.1.1.1\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: http\r\n"
	big := proxyproto.TLV{Type: 0x21, Value: bytes.Repeat([]byte("x"), 2000)}
	for _, c := range []struct{ name, header, more, seen string }{
		{"version 1", header(t, 1, proxy, client4, server4), "", "https autoconfig.example.com /mail/config-v1.1.xml 192.0.2.7:1234"},
		{"version 1, IPv6, port 80", header(t, 1, proxy, client6, server6), "", "http autoconfig.example.com /mail/config-v1.1.xml [2001:db8::7]:1234"},
		{"version 1, unknown", "PROXY UNKNOWN\r\n", "", unknown},
		{"version 2", header(t, 2, proxy, client4, server4), "", "https autoconfig.example.com /mail/config-v1.1.xml 192.0.2.7:1234"},
		{"version 2, IPv6, port 80", header(t, 2, proxy, client6, server6), "", "http autoconfig.example.com /mail/config-v1.1.xml [2001:db8::7]:1234"},
		{"version 2 with 2,000 octets more", header(t, 2, proxy, client4, server4, big), "", "https autoconfig.example.com /mail/config-v1.1.xml 192.0.2.7:1234"},
		{"health check", header(t, 2, local, client4, server4), "", unknown},
		{"Unix socket", header(t, 2, proxy, socket, socket), "", unknown},
		{"another port", header(t, 2, proxy, client4, tcp("198.51.100.1:8000")), "", "https autoconfig.example.com /mail/config-v1.1.xml 192.0.2.7:1234"},
		{"X-Forwarded by the client", header(t, 2, proxy, client4, server4), invented,
			"https autoconfig.example.com /mail/config-v1.1.xml 192.0.2.7:1234"},
		{"X-Forwarded, version 1, unknown", "PROXY UNKNOWN\r\n", invented, unknown},
		{"X-Forwarded, health check", header(t, 2, local, client4, server4), invented, unknown},
		{"X-Forwarded, Unix socket", header(t, 2, proxy, socket, socket), invented, unknown},
		{"X-Forwarded, UDP", header(t, 2, proxy, udp("10.9.3.4:1234"), udp("198.51.100.1:443")), invented, unknown},
		{"X-Forwarded by a second proxy", header(t, 2, proxy, tcp("10.2.3.4:1"), server4), "X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-Proto: http\r\n",
			"http autoconfig.example.com /mail/config-v1.1.xml 192.0.2.9:0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			request := "GET /mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + c.more + "\r\n"
			r := send(t, s.http, []string{c.header + request + request}, "GET", "GET")
			for _, r := range r {
				if got := r.Header.Get("X-Seen") + ";"; !strings.HasPrefix(got, c.seen) {
					t.Errorf("the handler saw %q, want %q", got, c.seen)
				}
			}
		})
	}
}

// A header that is missing or broken ends the connection without an answer: guessing would allow clients to write headers themselves.
func TestBadProxyHeaders(t *testing.T) {
	t.Parallel()
	s := run(t, behindProxy(offline()), func(s *Server) { s.limits.ReadHeader = 300 * time.Millisecond })
	const request = "GET /mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + "\r\n"
	good := header(t, 2, proxyproto.PROXY, tcp("192.0.2.7:1234"), tcp("198.51.100.1:443"))
	for name, sent := range map[string]string{
		"none":              request,
		"nothing at all":    "",
		"half":              good[:14],
		"slow":              good[:5],
		"half of version 1": "PROXY TCP4 192.0",
		"endless":           "PROXY TCP4 " + strings.Repeat("1", 5000),
		"too much":          good[:14] + "\xff\xff" + strings.Repeat("x", 70000),
		"no addresses":      "PROXY TCP4 a b c d\r\n" + request,
		"a name":            "PROXY TCP4 localhost localhost 1 2\r\n" + request,
		"version 3":         good[:12] + "\x31" + good[13:] + request,
		"twice":             "PROXY TCP4 192.0.2.7 192.0.2.8 1 443\r\nPROXY TCP4 10.0.0.1 10.0.0.1 1 443\r\n" + request, // the second is a bad request
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := net.Dial("tcp", s.http)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			io.WriteString(c, sent) // may fail at once
			c.SetReadDeadline(time.Now().Add(testTimeout))
			answer, err := io.ReadAll(c)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection is not cut off")
			}
			if bytes.Contains(answer, []byte(document)) || len(answer) > 0 && name != "twice" {
				t.Errorf("answered with %q", answer)
			}
		})
	}
	t.Cleanup(func() {
		if n := strings.Count(s.log.String(), "without a valid PROXY header"); n != 1 {
			t.Errorf("the log reports bad headers %d times, want once", n)
		}
	})
}

// From other clients a header is not read as such: it is just an invalid request.
func TestProxyProtocolFromStrangers(t *testing.T) {
	t.Parallel()
	config := behindProxy(offline())
	config.TrustedProxies = config.TrustedProxies[1:]
	s := run(t, config, nil)
	const request = "GET /mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + "\r\n"
	for _, version := range []byte{1, 2} {
		if r := send(t, s.http, []string{header(t, version, proxyproto.PROXY, tcp("10.0.0.1:1"), tcp("10.0.0.2:443")) + request}, "GET")[0]; r.StatusCode != 400 {
			t.Errorf("version %d: %s, want 400", version, r.Status)
		}
	}
	r := send(t, s.http, []string{request}, "GET")[0]
	if want := seen("https", "autoconfig.example.com", "/mail/config-v1.1.xml"); !strings.HasPrefix(r.Header.Get("X-Seen"), want) {
		t.Errorf("a plain request: %s, the handler saw %q, want %q", r.Status, r.Header.Get("X-Seen"), want)
	}
}

// With TLS the header comes before the handshake. Proxies that are slow with it delay no one else.
func TestProxyProtocolBeforeTLS(t *testing.T) {
	t.Parallel()
	s := run(t, behindProxy(secured(newPair(t, "autoconfig.example.com"))), func(s *Server) { s.limits.ReadHeader = 2 * testTimeout })
	for range 50 {
		c, err := net.Dial("tcp", s.https)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "PROXY")
	}
	for _, version := range []byte{1, 2} {
		raw, err := net.Dial("tcp", s.https)
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		raw.SetDeadline(time.Now().Add(testTimeout)) // before the slow ones are cut off
		io.WriteString(raw, header(t, version, proxyproto.PROXY, tcp("[2001:db8::7]:1234"), tcp("[2001:db8::1]:80")))
		c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
		io.WriteString(c, "GET /mail/config-v1.1.xml HTTP/1.1\r\n"+hostLine+"\r\n")
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := r.Header.Get("X-Seen"), "https autoconfig.example.com /mail/config-v1.1.xml [2001:db8::7]:1234"; got != want {
			t.Errorf("version %d: the handler saw %q, want %q", version, got, want)
		}
	}
}
