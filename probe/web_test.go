package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// webServer is a web server under one certificate, and a Prober that reaches it under every name in the resolver.
func webServer(t *testing.T, h http.HandlerFunc, names ...string) *Prober {
	t.Helper()
	ca := newAuthority(t, "Test CA", nil)
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{ca.issue(t, time.Time{}, names...)}}
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(s.Close)
	resolver := hostsFile{"in.example.com": {netip.MustParseAddr("10.0.0.1")}}
	for _, n := range append(names, "other.example.com") {
		resolver[n] = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	}
	return &Prober{Resolver: resolver, Private: loopback, Roots: ca.pool(), Dial: dialTo(s.Listener), Step: longStep}
}

func TestLookURL(t *testing.T) {
	p := webServer(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/redirect":
			w.Header().Set("Location", "https://elsewhere.example/")
			w.WriteHeader(http.StatusMovedPermanently)
		case "/password":
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(http.StatusUnauthorized)
		case "/long":
			_, _ = w.Write(make([]byte, maxBody+10))
		case "/endless":
			for {
				if _, err := w.Write(make([]byte, 1000)); err != nil {
					return
				}
			}
		case "/hints":
			w.WriteHeader(http.StatusEarlyHints)
			_, _ = io.WriteString(w, "hinted")
		case "/echo":
			_, _ = io.WriteString(w, r.Method+" "+r.Host+" "+r.Header.Get("Content-Type")+" "+string(body))
		}
	}, "www.example.com")
	ask := func(q Request) Web {
		t.Helper()
		return p.LookURL(t.Context(), q)
	}

	got := ask(Request{URL: "https://www.example.com:1/echo", Method: "POST", ContentType: "text/xml", Body: []byte("<x/>")})
	if got.Err != nil || got.State != Reached || got.Status != 200 || string(got.Body) != "POST www.example.com:1 text/xml <x/>" {
		t.Errorf("got %+v", got)
	}
	if got.TLS == nil || got.TLS.NameErr != nil || got.TLS.ChainErr != nil {
		t.Errorf("certificate: %+v", got.TLS)
	}
	if got = ask(Request{URL: "https://www.example.com/redirect"}); got.Status != 301 || got.Location != "https://elsewhere.example/" || got.Err != nil {
		t.Errorf("redirect: got %+v", got)
	}
	if got = ask(Request{URL: "https://www.example.com/password"}); got.Status != 401 || got.Header.Get("WWW-Authenticate") != "Basic" {
		t.Errorf("password: got %+v", got)
	}
	if got = ask(Request{URL: "https://www.example.com/long"}); len(got.Body) != maxBody || !got.Cut || got.Err != nil {
		t.Errorf("long: got %d octets, cut %t, %v", len(got.Body), got.Cut, got.Err)
	}
	if got = ask(Request{URL: "https://www.example.com/endless"}); len(got.Body) != maxBody || !got.Cut {
		t.Errorf("endless: got %d octets, cut %t, %v", len(got.Body), got.Cut, got.Err)
	}
	if got = ask(Request{URL: "https://www.example.com/hints"}); got.Status != 200 || string(got.Body) != "hinted" {
		t.Errorf("hints: got %+v", got)
	}
	if got = ask(Request{URL: "https://other.example.com/echo"}); got.Status != 200 || got.TLS.NameErr == nil || got.TLS.ChainErr != nil {
		t.Errorf("other name: got %+v", got)
	}
	if got = ask(Request{URL: "https://in.example.com/"}); got.State != Forbidden || !errors.Is(got.Err, ErrForbidden) {
		t.Errorf("private: got %+v", got)
	}
	if got = ask(Request{URL: "https://www.example.com/echo", Address: netip.MustParseAddr("10.0.0.1")}); got.State != Forbidden {
		t.Errorf("private address given: got %+v", got)
	}
	if got = ask(Request{URL: "https://in.example.com/echo", Address: netip.MustParseAddr("127.0.0.1")}); got.Status != 200 {
		t.Errorf("address given: got %+v", got)
	}
	if got = ask(Request{URL: "https://none.example.com/"}); !errors.Is(got.Err, errNoSuchHost) || got.State != 0 {
		t.Errorf("unknown: got %+v", got)
	}
	for _, u := range []string{"", "ftp://www.example.com/", "https://", "www.example.com", "https://www.example.com:99999/", "https://www.example.com:0/", "https://%zz"} {
		if got = ask(Request{URL: u}); got.Err == nil || got.State != 0 {
			t.Errorf("%q: got %+v", u, got)
		}
	}
}

// TestNotAWebServer sends requests to servers that do not use TLS, or send nothing at all.
func TestNotAWebServer(t *testing.T) {
	noHTTP := func(conn net.Conn) { _, _ = io.WriteString(conn, "\x1b[2J no HTTP\r\n\r\n") }
	for name, test := range map[string]struct {
		url   string
		serve func(net.Conn)
	}{
		"silent, https": {"https://h.example/", silent}, "silent, http": {"http://h.example/", silent},
		"another protocol, https": {"https://h.example/", noHTTP}, "another protocol, http": {"http://h.example/", noHTTP},
	} {
		inBubble(t, name, func(t *testing.T) {
			p := &Prober{Resolver: hostsFile{"h.example": {netip.MustParseAddr("192.0.2.1")}}, Dial: dialServer(t, test.serve), Step: testStep}
			got := p.LookURL(t.Context(), Request{URL: test.url})
			if got.Err == nil || got.State != Reached || got.Status != 0 || got.Took > 15*time.Second {
				t.Errorf("got %+v, want an error within 15 seconds", got)
			}
			if got.Err != nil && strings.ContainsRune(got.Err.Error(), '\x1b') {
				t.Errorf("error %q contains control characters", got.Err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := &Prober{Resolver: hostsFile{"h.example": {netip.MustParseAddr("192.0.2.1")}}, Dial: dialServer(t, silent)}
	if got := p.LookURL(ctx, Request{URL: "https://h.example/"}); got.State != 0 || !errors.Is(got.Err, context.Canceled) {
		t.Errorf("cancelled: got %+v, want context.Canceled", got)
	}
}

// TestSlowWebServer: a web server that never finishes its answer is left after five seconds, or fifteen if the body has begun, and what it has sent is kept.
func TestSlowWebServer(t *testing.T) {
	for name, test := range map[string]struct {
		head, drip string
		within     time.Duration
	}{
		"head": {"HTTP/1.1 200 OK\r\n", "X: y\r\n", 5 * time.Second}, "body": {"HTTP/1.1 200 OK\r\n\r\n", "x", 15 * time.Second},
		"1xx": {"", "HTTP/1.1 100 Continue\r\n\r\n", 5 * time.Second}, "nothing": {"", "", 5 * time.Second},
	} {
		inBubble(t, name, func(t *testing.T) {
			p := &Prober{Resolver: hostsFile{"h.example": {netip.MustParseAddr("192.0.2.1")}}, Dial: dialServer(t, func(conn net.Conn) {
				_, err := io.WriteString(conn, test.head)
				for err == nil {
					time.Sleep(time.Second)
					_, err = io.WriteString(conn, test.drip)
				}
			})}
			got := p.LookURL(t.Context(), Request{URL: "http://h.example/"})
			if got.Err == nil || got.Took > test.within {
				t.Errorf("got %v after %s, want an error within %s", got.Err, got.Took, test.within)
			}
			if name == "body" && (got.Status != 200 || len(got.Body) < 10) {
				t.Errorf("got status %d and %d octets, want what came", got.Status, len(got.Body))
			}
		})
	}
}

// TestErrorsHaveNoPort: an error of a real connection contains neither our address nor our port, which differs each time.
func TestErrorsHaveNoPort(t *testing.T) {
	l := listen(t)
	go func() {
		if conn, err := l.Accept(); err == nil {
			_, _ = conn.Read(make([]byte, 1))
			conn.Close() // a reset, because more has arrived
		}
	}()
	p := &Prober{Resolver: hostsFile{"h.example": {netip.MustParseAddr("127.0.0.1")}}, Private: loopback, Dial: dialTo(l), Step: longStep}
	got := p.LookURL(t.Context(), Request{URL: "https://h.example/"})
	if got.Err == nil || strings.Contains(got.Err.Error(), "127.0.0.1") {
		t.Errorf("got %v, want an error without the address", got.Err)
	}
}
