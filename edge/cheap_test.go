package edge_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mailhint/autoconfig"
	"mailhint/autodiscover"
	"mailhint/edge/edgetest"
	"mailhint/mobileconfig"
	"mailhint/pacc"
	"mailhint/settings"
	"mailhint/wellknown"
)

// TestCheapAnswers bounds what answers allocate that clients request in loops: Apple's clients ask for Autodiscover 15 to 20 times a second
// each, and KMail keeps repeating its last request after a 404. The bounds are a few more than is needed now, and far fewer than an answer
// that is made anew would take.
func TestCheapAnswers(t *testing.T) {
	s := edgetest.Both()
	s.CalDAV = "https://dav.example.com/calendars/"
	lookup := func(_ context.Context, q settings.Question) (settings.Found, error) {
		for _, d := range []settings.Domain{q.Address.Domain, q.Host} {
			if d == "example.com" {
				return settings.Found{Settings: s, Domain: d, Primary: d}, nil
			}
		}
		return settings.Found{}, settings.ErrDomainNotFound
	}
	log := slog.New(slog.DiscardHandler)
	outlook := autodiscover.New(lookup, log)
	for _, c := range []struct {
		handler     http.Handler
		url         string
		body        string // of a POST
		tag         bool   // the client has the answer already
		status      int
		allocations float64
	}{
		{autoconfig.New(lookup, log), "https://autoconfig.unknown.example/mail/config-v1.1.xml?emailaddress=a%40unknown.example", "", false, 404, 2},
		{autoconfig.New(lookup, log), "https://autoconfig.unknown.example/mail/config-v1.1.xml", "", false, 404, 2},
		{autoconfig.New(lookup, log), "https://autoconfig.example.com/mail/config-v1.1.xml?emailaddress=a%40example.com", "", false, 200, 8},
		{autoconfig.New(lookup, log), "https://autoconfig.example.com/mail/config-v1.1.xml", "", true, 304, 8},
		{pacc.New(lookup, log), "https://ua-auto-config.unknown.example/.well-known/user-agent-configuration.json", "", false, 404, 2},
		{pacc.New(lookup, log), "https://ua-auto-config.example.com/.well-known/user-agent-configuration.json", "", false, 200, 12},
		{outlook.JSON(), "https://autodiscover.unknown.example/autodiscover/autodiscover.json?Email=ann@unknown.example&Protocol=AutodiscoverV1", "", false, 404, 16},
		{outlook.JSON(), "https://autodiscover.example.com/autodiscover/autodiscover.json?Email=ann@example.com&Protocol=AutodiscoverV1", "", false, 200, 20},
		{outlook, "https://autodiscover.unknown.example/autodiscover/autodiscover.xml", "", false, 404, 2},
		{outlook, "https://autodiscover.unknown.example/autodiscover/autodiscover.xml", poxBody("unknown.example"), false, 200, 16},
		{outlook, "https://autodiscover.example.com/autodiscover/autodiscover.xml", poxBody("example.com"), false, 200, 12},
		{mobileconfig.New(lookup, nil, log), "https://autoconfig.unknown.example/mobileconfig?emailaddress=ann@unknown.example", "", false, 404, 16},
		{wellknown.New(lookup, log), "https://unknown.example/.well-known/caldav", "", false, 404, 2},
		{wellknown.New(lookup, log), "https://example.com/.well-known/caldav", "", false, 301, 5},
	} {
		r := httptest.NewRequest("GET", c.url, nil)
		if c.body != "" {
			r.Method = "POST"
		}
		if c.tag {
			r.Header.Set("If-None-Match", "*")
		}
		text := strings.NewReader(c.body)
		r.Body = io.NopCloser(text)
		w := &edgetest.Discard{Head: make(http.Header)}
		got := testing.AllocsPerRun(100, func() {
			clear(w.Head)
			w.Status = 200
			text.Reset(c.body)
			c.handler.ServeHTTP(w, r)
		})
		if w.Status != c.status || got > c.allocations {
			t.Errorf("%s %s: status %d, %v allocations; want %d, at most %v", r.Method, c.url, w.Status, got, c.status, c.allocations)
		}
	}
}

func poxBody(d settings.Domain) string {
	return string(autodiscover.Request(d, settings.Address{Local: "ann", Domain: d}).Body)
}
