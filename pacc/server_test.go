package pacc

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"mailhint/edge/edgetest"
	"mailhint/settings"
)

const path = "/.well-known/user-agent-configuration.json"

// newHandler knows example.com, varies.example, whose answer depends on the network, and local.example, which PACC cannot express.
func newHandler(tb testing.TB) *Handler {
	tb.Helper()
	good, local := exampleSettings(), withLogin(mail("imap.example.com", "", "smtp.example.com"), settings.EmailLocalPart)
	starttls := mail("imap://imap.example.com", "", "smtp.example.com")
	known := map[settings.Domain]*settings.Settings{"example.com": good, "varies.example": good, "local.example": local, "starttls.example": starttls}
	found := make(map[settings.Domain]settings.Found)
	for d, s := range known {
		found[d] = settings.Found{Settings: s, Domain: d, Primary: d, Varies: d == "varies.example"}
	}
	return New(edgetest.Lookup(found), slog.New(slog.DiscardHandler))
}

func ask(h http.Handler, method, url string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestServe(t *testing.T) {
	h := newHandler(t)
	tests := []struct {
		url    string
		status int
		cache  string
	}{
		{"https://ua-auto-config.example.com" + path, 200, "public, max-age=3600"},
		{"https://example.com" + path, 200, "public, max-age=3600"}, // a web server in front hands it on
		{"https://ua-auto-config.varies.example" + path, 200, "private, no-store"},
		{"http://ua-auto-config.example.com" + path, 404, "no-store"},
		{"https://ua-auto-config.local.example" + path, 404, "no-store"},
		{"https://ua-auto-config.starttls.example" + path, 404, "no-store"},
		{"https://ua-auto-config.unknown.example" + path, 404, "no-store"},
	}
	for _, test := range tests {
		w := ask(h, "GET", test.url)
		if w.Code != test.status || w.Header().Get("Cache-Control") != test.cache {
			t.Errorf("%s: got %d, Cache-Control %q, want %d, %q", test.url, w.Code, w.Header().Get("Cache-Control"), test.status, test.cache)
		}
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != "*" {
			t.Errorf("%s: Access-Control-Allow-Origin %q, want *", test.url, got)
		}
		if test.status != 200 {
			continue
		}
		if got := w.Header().Get("Content-Type"); got != "application/json" {
			t.Errorf("%s: Content-Type %q, want application/json", test.url, got)
		}
		if got := w.Body.String(); got != example {
			t.Errorf("%s: got %s\nwant %s", test.url, got, example)
		}
		if got := w.Header().Get("Content-Length"); got != "389" {
			t.Errorf("%s: Content-Length %q, want 389", test.url, got)
		}
		if got := Record(w.Body.Bytes()); got != exampleRecord {
			t.Errorf("%s: the record is %s, want %s", test.url, got, exampleRecord)
		}
	}
}

// digestOfExample is what follows d= in exampleRecord.
const digestOfExample = "ciVcFi+G7vTd3TNndpfaVvWSZ9cH3/BfPNGWGRhKY1o="

func TestNotModified(t *testing.T) {
	h := newHandler(t)
	url := "https://ua-auto-config.example.com" + path
	tag := ask(h, "GET", url).Header().Get("ETag")
	if tag != `"`+digestOfExample+`"` {
		t.Errorf("ETag %s, want the digest", tag)
	}
	for known, status := range map[string]int{tag: 304, "W/" + tag: 304, `"other", ` + tag: 304, "*": 304, `"other"`: 200, digestOfExample: 200} {
		w := ask(h, "GET", url, "If-None-Match", known)
		if w.Code != status || status == 304 && w.Body.Len() > 0 {
			t.Errorf("If-None-Match: %s: got %d and %d octets, want %d", known, w.Code, w.Body.Len(), status)
		}
		if w.Header().Get("ETag") != tag {
			t.Errorf("If-None-Match: %s: ETag %q, want %q", known, w.Header().Get("ETag"), tag)
		}
	}
	w := ask(h, "GET", "https://ua-auto-config.varies.example"+path, "If-None-Match", tag)
	if w.Code != 200 || w.Header().Get("ETag") != "" {
		t.Errorf("an answer that varies: got %d and ETag %q, want 200 and none", w.Code, w.Header().Get("ETag"))
	}
}

// TestHead asks a real server, which leaves out the body by itself.
func TestHead(t *testing.T) {
	h := newHandler(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host, r.URL.Scheme = "ua-auto-config.example.com", "https" // as package server does
		h.ServeHTTP(w, r)
	}))
	defer server.Close()
	response, err := http.Head(server.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != 200 || response.ContentLength != int64(len(example)) {
		t.Errorf("got %d and Content-Length %d, want 200 and %d", response.StatusCode, response.ContentLength, len(example))
	}
}

func BenchmarkServeHTTP(b *testing.B) {
	h := newHandler(b)
	r := httptest.NewRequest("GET", "https://ua-auto-config.example.com"+path, nil)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(discard{header: make(http.Header)}, r)
	}
}

// discard is a response that nobody reads.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}
