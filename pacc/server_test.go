package pacc

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"mailhint/edge/edgetest"
	"mailhint/settings"
)

func newHandler(lookup settings.Lookup) *Handler { return New(lookup, slog.New(slog.DiscardHandler)) }

func TestEdge(t *testing.T) { edgetest.Script(t, newHandler(edgetest.Load(t).Lookup)) }

func TestUnavailable(t *testing.T) {
	w := httptest.NewRecorder()
	newHandler(edgetest.Failing(settings.ErrUnavailable)).ServeHTTP(w, httptest.NewRequest("GET", "https://ua-auto-config.example.com"+Path, nil))
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("got %d %v", w.Code, w.Header())
	}
}

func BenchmarkServeHTTP(b *testing.B) {
	h := newHandler(edgetest.Load(b).Lookup)
	r := httptest.NewRequest("GET", "https://ua-auto-config.example.com"+Path, nil)
	w := &edgetest.Discard{Head: make(http.Header)}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.Head)
		h.ServeHTTP(w, r)
	}
}
