package autodiscover

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mailhint/edge"
	"mailhint/edge/edgetest"
	"mailhint/settings"
)

// newHandler returns a handler whose clock is stopped.
func newHandler(lookup settings.Lookup) *Handler {
	h := New(lookup, slog.New(slog.DiscardHandler))
	h.ID = 2477272013
	h.Now = func() time.Time { return time.Date(2026, 8, 24, 14, 3, 27, 531_000_000, time.UTC) }
	return h
}

func TestEdge(t *testing.T) {
	h := newHandler(edgetest.Load(t).Lookup)
	edgetest.Script(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, JSONPath) {
			h.JSON().ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(w, r)
	}))
}

// With any status but 200, clients would conclude that this is not an Autodiscover server, and guess.
func TestUnavailable(t *testing.T) {
	for _, err := range []error{settings.ErrUnavailable, errors.New("a fault")} {
		h := newHandler(edgetest.Failing(err))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "https://autodiscover.example.com"+Path, strings.NewReader(body("fred@example.com"))))
		if w.Code != 200 || !strings.Contains(w.Body.String(), "<ErrorCode>603</ErrorCode>") || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%v: got %d %v\n%s", err, w.Code, w.Header(), w.Body)
		}
		w = httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "https://autodiscover.example.com"+Path, nil))
		if want := edge.Status(err); w.Code != want || (w.Header().Get("Retry-After") != "") != (want == 503) {
			t.Errorf("%v: GET got %d %v", err, w.Code, w.Header())
		}
		w = httptest.NewRecorder()
		h.JSON().ServeHTTP(w, httptest.NewRequest("GET", "https://autodiscover.example.com"+JSONPath+"?Email=fred@example.com&Protocol=AutodiscoverV1", nil))
		if want := edge.Status(err); w.Code != want || (w.Header().Get("Retry-After") != "") != (want == 503) || !strings.HasPrefix(w.Body.String(), `{"ErrorCode":"`) {
			t.Errorf("%v: JSON got %d %v\n%s", err, w.Code, w.Header(), w.Body)
		}
	}
}

// TestBody tests ways in which a body can arrive, which edge.txt cannot express.
func TestBody(t *testing.T) {
	h := newHandler(edgetest.Load(t).Lookup)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host, r.URL.Scheme = "autodiscover.example.com", "https"
		r.Body = http.MaxBytesReader(w, r.Body, maxBody) // as package server does
		h.ServeHTTP(w, r)
	}))
	defer server.Close()
	fred := body("fred@example.com")
	tests := []struct {
		name   string
		body   io.Reader
		status int
		has    string
	}{
		{"whole", strings.NewReader(fred), 200, "<LoginName>fred@example.com<"},
		{"chunked", io.MultiReader(strings.NewReader(fred[:100]), strings.NewReader(fred[100:])), 200, "<LoginName>fred@example.com<"},
		{"UTF-16", strings.NewReader("\xFF\xFE" + utf16Body(fred, false)), 200, "<LoginName>fred@example.com<"},
		{"64 KiB", strings.NewReader(fred + strings.Repeat(" ", maxBody-len(fred))), 200, "<LoginName>fred@example.com<"},
		{"64 KiB and one octet", strings.NewReader(fred + strings.Repeat(" ", maxBody-len(fred)+1)), 413, "too large"},
		{"64 KiB and one octet, chunked", io.MultiReader(strings.NewReader(fred + strings.Repeat(" ", maxBody-len(fred)+1))), 413, "too large"},
		{"an address of 64 KiB", strings.NewReader(body(strings.Repeat("a", maxBody-300) + "@example.com")), 200, "<ErrorCode>600<"},
		{"an address of 254 octets", strings.NewReader(body(strings.Repeat("a", 242) + "@example.com")), 200, "a@example.com</LoginName>"},
		{"an address of 255 octets", strings.NewReader(body(strings.Repeat("a", 243) + "@example.com")), 200, "<ErrorCode>600<"},
		{"no body", nil, 200, "<ErrorCode>600<"},
	}
	for _, test := range tests {
		r, err := http.NewRequest("POST", server.URL, test.body)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		content, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if cache := answer.Header.Get("Cache-Control"); cache != "no-store" {
			t.Errorf("%s: Cache-Control is %q", test.name, cache)
		}
		if err != nil || answer.StatusCode != test.status || !strings.Contains(string(content), test.has) {
			t.Errorf("%s: status %d, %v; want %d and %q in\n%s", test.name, answer.StatusCode, err, test.status, test.has, content)
		}
	}
}
