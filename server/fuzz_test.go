package server

import (
	"bufio"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path"
	"strings"
	"testing"
)

// FuzzGuard sends any host, target and proxy headers through the guard. Every answer must be one of the few fixed ones, so that nothing of
// the request comes back, and handlers must see what the package promises.
func FuzzGuard(f *testing.F) {
	for _, seed := range []struct{ host, target, forwarded string }{
		{"autoconfig.example.com", "/mail/config-v1.1.xml?emailaddress=bob%40example.com", ""},
		{"AutoConfig.Example.com.:8080", "//MAIL/./x/../config-v1.1.xml/", "192.0.2.1"},
		{"x", "https://autoconfig.example.com/mail/config-v1.1.xml", "1.2.3.4, 10.0.0.1"},
		{"x", "http://b%C3%BCcher.example:1/autodiscover/autodiscover.xml", "[::1]:80,,"},
		{"[::1]:80", "/%2e%2e/%2F%00%ff", "evil.example"},
		{"a..b", "//evil.example/%2e%2e/", "https"},
		{"localhost", "/-/metrics", "unknown"},
		{"autodiscover.example.com", "/EWS/Exchange.asmx", ""},
		{"", "*", ""},
	} {
		f.Add(seed.host, seed.target, seed.forwarded)
	}
	config := offline()
	config.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("10.0.0.0/8")}
	s, err := New(config, nil, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		f.Fatal(err)
	}
	s.Configure(snapshotOf(f, "example.com"), nil)
	f.Fuzz(func(t *testing.T, host, target, forwarded string) {
		promised := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Host != strings.ToLower(r.Host) || strings.ContainsAny(r.Host, ":/@% ") || strings.HasSuffix(r.Host, "..") || r.URL.Host != r.Host {
				t.Errorf("Host is %q", r.Host)
			}
			if r.URL.Path != lower(path.Clean(r.URL.Path)) || r.URL.Path[0] != '/' || r.URL.RawPath != "" || r.URL.User != nil {
				t.Errorf("URL is %#v", r.URL)
			}
			if r.URL.Scheme != "http" && r.URL.Scheme != "https" {
				t.Errorf("Scheme is %q", r.URL.Scheme)
			}
			if _, err := netip.ParseAddrPort(r.RemoteAddr); err != nil && r.RemoteAddr != "" {
				t.Errorf("RemoteAddr is %q", r.RemoteAddr)
			}
			io.WriteString(w, document)
		})
		*s.handlers = handlers{autoconfig: promised, autodiscover: promised}
		raw := "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\nX-Forwarded-For: " + forwarded + "\r\nX-Forwarded-Host: " + forwarded +
			"\r\nX-Forwarded-Proto: " + forwarded + "\r\n\r\n"
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if err != nil {
			return // net/http refuses it
		}
		r.RemoteAddr = "192.0.2.1:4711"
		for _, secure := range []bool{false, true} {
			w := httptest.NewRecorder()
			s.Handler(secure).ServeHTTP(w, r)
			answer := w.Result()
			switch body := w.Body.String(); {
			case answer.StatusCode == 200 && body == document:
			case answer.StatusCode == 404 && (body == "" || strings.HasPrefix(body, "There is nothing here. ")):
			case answer.StatusCode == 405 && strings.HasPrefix(body, "Allowed methods: GET, HEAD"): // the fuzzer wrote a second request line
			default:
				t.Errorf("%q: %s %q", raw, answer.Status, body)
			}
			for name, values := range answer.Header {
				switch name {
				case "Content-Type", "Content-Length", "Cache-Control", "Allow", "X-Content-Type-Options", "Content-Security-Policy", "Referrer-Policy":
				default:
					t.Errorf("%q: header %s: %q", raw, name, values)
				}
			}
		}
	})
}
