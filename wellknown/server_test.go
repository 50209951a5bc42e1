package wellknown

import (
	"log/slog"
	"net/http/httptest"
	"testing"

	"mailhint/edge/edgetest"
	"mailhint/settings"
)

func newHandler(lookup settings.Lookup) *Handler { return New(lookup, slog.New(slog.DiscardHandler)) }

func TestEdge(t *testing.T) { edgetest.Script(t, newHandler(edgetest.Load(t).Lookup)) }

func TestUnavailable(t *testing.T) {
	w := httptest.NewRecorder()
	newHandler(edgetest.Failing(settings.ErrUnavailable)).ServeHTTP(w, httptest.NewRequest("PROPFIND", "https://example.com"+CalDAV, nil))
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("got %d %v", w.Code, w.Header())
	}
}

// A path that is none of ours has no target.
func TestOtherPath(t *testing.T) {
	found := edgetest.Find(t, edgetest.Load(t).Lookup, "all.example")
	if url, status, ok := Target(found, "/.well-known/other"); ok {
		t.Errorf("got %s, %d", url, status)
	}
}
