package autoconfig

import (
	"bytes"
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"mailhint/edge/edgetest"
	"mailhint/settings"
)

func newHandler(lookup settings.Lookup) *Handler { return New(lookup, slog.New(slog.DiscardHandler)) }

func TestEdge(t *testing.T) { edgetest.Script(t, newHandler(edgetest.Load(t).Lookup)) }

// A document that cannot be prepared is a fault of ours, which the log shows and the client does not.
func TestFault(t *testing.T) {
	bad := edgetest.Both()
	bad.Name = "private use \uE063"
	lookup := func(context.Context, settings.Question) (settings.Found, error) {
		return settings.Found{Settings: bad, Domain: "example.com", Primary: "example.com"}, nil
	}
	var log bytes.Buffer
	w := httptest.NewRecorder()
	New(lookup, slog.New(slog.NewTextHandler(&log, nil))).ServeHTTP(w, httptest.NewRequest("GET", "https://autoconfig.example.com"+Path, nil))
	if w.Code != 500 || !strings.Contains(log.String(), "U+E063") || strings.Contains(w.Body.String(), "E063") {
		t.Errorf("got %d %s, logged %q", w.Code, w.Body, log.String())
	}
}

func TestUnavailable(t *testing.T) {
	w := httptest.NewRecorder()
	newHandler(edgetest.Failing(settings.ErrUnavailable)).ServeHTTP(w, httptest.NewRequest("GET", "https://autoconfig.example.com"+Path, nil))
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("got %d %v", w.Code, w.Header())
	}
}
