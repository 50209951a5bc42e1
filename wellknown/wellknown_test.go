package wellknown

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"mailhint/edge/edgetest"
	"mailhint/settings"
)

func TestHandler(t *testing.T) {
	all := &settings.Settings{
		CalDAV:  "https://dav.%EMAILDOMAIN%/calendars/",
		CardDAV: "https://dav.hoster.example/contacts/?a=b&c=d",
		JMAP:    "https://jmap.hoster.example/session",
	}
	h := New(edgetest.Lookup(map[settings.Domain]settings.Found{
		"all.example":    {Settings: all, Domain: "all.example", Primary: "all.example"},
		"varies.example": {Settings: all, Domain: "varies.example", Primary: "varies.example", Varies: true},
		"mail.example":   {Settings: new(settings.Settings), Domain: "mail.example", Primary: "mail.example"},
	}), slog.New(slog.DiscardHandler))
	const everybody, nobody = "public, max-age=3600", "private, no-store"
	tests := []struct {
		method, host, path string
		status             int
		location, cache    string
	}{
		{"GET", "all.example", CalDAV, 301, "https://dav.all.example/calendars/", everybody},
		{"PROPFIND", "all.example", CalDAV, 301, "https://dav.all.example/calendars/", everybody},
		{"OPTIONS", "all.example", CardDAV, 301, "https://dav.hoster.example/contacts/?a=b&c=d", everybody},
		{"REPORT", "autoconfig.all.example", CardDAV, 301, "https://dav.hoster.example/contacts/?a=b&c=d", everybody},
		{"GET", "all.example", JMAP, 307, "https://jmap.hoster.example/session", everybody},
		{"HEAD", "all.example", JMAP, 307, "https://jmap.hoster.example/session", everybody},
		{"GET", "varies.example", JMAP, 307, "https://jmap.hoster.example/session", nobody},
		{"PROPFIND", "mail.example", CalDAV, 404, "", "no-store"},
		{"PROPFIND", "mail.example", CardDAV, 404, "", "no-store"},
		{"GET", "mail.example", JMAP, 404, "", "no-store"},
		{"PROPFIND", "unknown.example", CalDAV, 404, "", "no-store"},
		{"PROPFIND", "", CalDAV, 404, "", "no-store"},
		{"GET", "all.example", "/.well-known/other", 404, "", "no-store"},
	}
	for _, test := range tests {
		t.Run(test.method+" "+test.host+test.path, func(t *testing.T) {
			r := httptest.NewRequest(test.method, "https://x"+test.path, nil)
			r.Host = test.host
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != test.status || w.Header().Get("Location") != test.location || w.Header().Get("Cache-Control") != test.cache {
				t.Errorf("got %d %v, want %d to %q, cache %q", w.Code, w.Header(), test.status, test.location, test.cache)
			}
			if w.Header().Get("WWW-Authenticate") != "" || w.Code == http.StatusUnauthorized {
				t.Error("asks for a password")
			}
		})
	}
}
