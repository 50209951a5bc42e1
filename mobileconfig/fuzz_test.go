package mobileconfig

import (
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"image/png"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"mailhint/edge/edgetest"
	"mailhint/settings"
	"mailhint/texts"
)

// FuzzRequest sends arbitrary queries and forms. No answer may be a fault of ours or repeat the request, except for an address inside a
// property list, a QR code or a link to ourselves; a profile must contain the address that it is for.
func FuzzRequest(f *testing.F) {
	for _, seed := range []struct{ query, form string }{
		{"emailaddress=fred%40example.com", "emailaddress=fred%40example.com"},
		{"email=fred+news@example.com", "email=+fred%40example.com+&password=x"},
		{"emailaddress=%22a%20b%22@b%C3%BCcher.example", "emailaddress=a@b@example.com"},
		{"emailaddress=%22%3C/string%3E%26%22@example.com", "email=%22]]%3E\xff%00%22@example.com"},
		{"emailaddress=%22%EF%BF%BE%E2%80%AE%22@example.com", "%zz=&;=&email"},
		{"email=EVOLUTIONUSER@example.com", "email=fred@oauth.example"},
		{"+&emailaddress=x@receive.example+", strings.Repeat("email=", 20)},
	} {
		f.Add(seed.query, seed.form)
	}
	lookup := settings.Lookup(edgetest.Load(f).Lookup)
	failing := func(string) (*tls.Certificate, error) { return nil, errors.New("none") }
	f.Fuzz(func(t *testing.T, query, form string) {
		var a settings.Address
		seen := func(ctx context.Context, q settings.Question) (settings.Found, error) {
			if !q.Address.IsZero() { // else the look-up is whether a host is ours
				a = q.Address
			}
			return lookup(ctx, q)
		}
		h := New(seen, failing, slog.New(slog.DiscardHandler))
		for _, c := range []struct{ method, scheme, path string }{
			{"GET", "https", "/mobileconfig"}, {"POST", "https", "/mobileconfig"}, {"GET", "http", "/mobileconfig"},
			{"GET", "https", "/mobileconfig/qr.png"}, {"POST", "https", "/mobileconfig/qr.svg"}, {"GET", "http", "/mobileconfig/qr.svg"},
		} {
			a = settings.Address{}
			r := httptest.NewRequest(c.method, c.path, strings.NewReader(form))
			r.URL.Scheme, r.URL.RawQuery, r.Host = c.scheme, query, "autoconfig.example.com"
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			checkAnswer(t, w, c.path, a, lookup)
		}
	})
}

func checkAnswer(t *testing.T, w *httptest.ResponseRecorder, path string, a settings.Address, lookup settings.Lookup) {
	t.Helper()
	header := w.Header()
	if header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d may be cached: %v", w.Code, header)
	}
	switch kind := header.Get("Content-Type"); {
	case w.Code == http.StatusOK && path == "/mobileconfig":
		check(t, w.Body.Bytes(), a)
		if got := read(t, w.Body.Bytes()).parts()[0].text("EmailAddress"); got != a.String() {
			t.Errorf("the profile is for %q, want %q", got, a)
		}
		name, ok := strings.CutPrefix(header.Get("Content-Disposition"), `attachment; filename="`)
		if name = strings.TrimSuffix(name, `.mobileconfig"`); !ok || edgetest.Find(t, lookup, settings.Domain(name)).Settings == nil {
			t.Errorf("Content-Disposition is %q", header.Get("Content-Disposition"))
		}
	case w.Code == http.StatusOK && kind == "image/png":
		if _, err := png.Decode(w.Body); err != nil {
			t.Error(err)
		}
	case w.Code == http.StatusOK && kind == "image/svg+xml":
		var drawing struct {
			Title string `xml:"title"`
		}
		if err := xml.Unmarshal(w.Body.Bytes(), &drawing); err != nil || !strings.HasSuffix(drawing.Title, " for "+a.String()) {
			t.Errorf("%v: %s", err, w.Body)
		}
	case w.Code == http.StatusFound:
		u, err := url.Parse(header.Get("Location"))
		if err != nil || u.Scheme != "https" || u.Host != "autoconfig.example.com" || u.Path != path || u.Query().Get("emailaddress") != a.String() {
			t.Errorf("Location is %q, %v", header.Get("Location"), err)
		}
	case w.Code == http.StatusBadRequest || w.Code == http.StatusNotFound:
		if kind != "text/plain; charset=utf-8" || !fixed(w.Body.String(), a.Domain) {
			t.Errorf("%d %s: %s", w.Code, kind, w.Body)
		}
	default:
		t.Errorf("%d %v", w.Code, header)
	}
}

// fixed reports whether a refusal is one of the sentences in the source, with nothing added to it but a domain.
func fixed(text string, d settings.Domain) bool {
	for _, err := range []error{errNoAddress, errMalformed, settings.ErrDomainNotFound, ErrNoPassword, ErrNoServers} {
		w := httptest.NewRecorder()
		(&Handler{}).refuse(w, httptest.NewRequest("GET", "/", nil), err, settings.Address{Domain: d}, texts.English)
		if w.Body.String() == text {
			return true
		}
	}
	return false
}
