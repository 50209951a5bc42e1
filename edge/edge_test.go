package edge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"mailhint/settings"
)

func TestFail(t *testing.T) {
	tests := []struct {
		err        error
		status     int
		retryAfter string
		body       string
		logged     bool
	}{
		{settings.ErrDomainNotFound, 404, "", "not here", false},
		{settings.ErrNotForClient, 404, "", "not here", false},
		{fmt.Errorf("%w: no server", settings.ErrNotExpressible), 404, "", "not here", false},
		{fmt.Errorf("store: %w", settings.ErrUnavailable), 503, RetryAfter, Unavailable, false},
		{context.Canceled, 503, RetryAfter, Unavailable, false},
		{context.DeadlineExceeded, 503, RetryAfter, Unavailable, false},
		{errors.New("secret"), 500, "", Fault, true},
	}
	for _, test := range tests {
		var log bytes.Buffer
		w := httptest.NewRecorder()
		Fail(w, slog.New(slog.NewTextHandler(&log, nil)), test.err, "not here")
		header := w.Header()
		if w.Code != test.status || w.Body.String() != test.body+"\n" || header.Get("Retry-After") != test.retryAfter {
			t.Errorf("%v: got %d %v\n%s", test.err, w.Code, header, w.Body)
		}
		if header.Get("Cache-Control") != "no-store" || header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%v: headers %v", test.err, header)
		}
		if got := strings.Contains(log.String(), "secret"); got != test.logged || !test.logged && log.Len() > 0 {
			t.Errorf("%v: logged %q", test.err, log.String())
		}
	}
}

func TestOwnHost(t *testing.T) {
	lookup := func(_ context.Context, q settings.Question) (settings.Found, error) {
		if q.Host != "example.com" && q.Host != "other.example" {
			return settings.Found{}, settings.ErrDomainNotFound
		}
		return settings.Found{}, nil
	}
	for host, want := range map[string]string{
		"autoconfig.other.example": "autoconfig.other.example",
		"other.example":            "other.example",
		"evil.example":             "autodiscover.example.com",
		"":                         "autodiscover.example.com",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		if got := OwnHost(lookup, r, "autodiscover.", "example.com"); got != want {
			t.Errorf("asked at %q: got %q, want %q", host, got, want)
		}
	}
}
