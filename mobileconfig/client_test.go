package mobileconfig

import (
	"net/http"
	"testing"

	"mailhint/edge/edgetest"
	"mailhint/settings"
)

// What a browser sends for an address is its link, and gets its profile, whatever characters are in it.
func TestRequest(t *testing.T) {
	h := newHandler(edgetest.Load(t).Lookup)
	for text, want := range map[string]string{
		"fred@example.com":      "https://autoconfig.example.com/mobileconfig?emailaddress=fred%40example.com",
		"u+tag@example.com":     "https://autoconfig.example.com/mobileconfig?emailaddress=u%2Btag%40example.com",
		`"a b"@example.com`:     "https://autoconfig.example.com/mobileconfig?emailaddress=%22a%20b%22%40example.com",
		"jörg&x=1%@example.com": "https://autoconfig.example.com/mobileconfig?emailaddress=j%C3%B6rg%26x%3D1%25%40example.com",
	} {
		a, err := settings.ParseAddress(text)
		if err != nil {
			t.Fatal(err)
		}
		r := Request(a)
		if r.Method != http.MethodGet || r.URL.String() != want || Link(r.URL.Host, a) != want {
			t.Errorf("%s: sends %s %s, and the link is %s; want %s", text, r.Method, r.URL.String(), Link(r.URL.Host, a), want)
		}
		w := ask(h, r.Method, r.URL.Scheme, r.URL.Host, r.URL.RequestURI(), "")
		if w.Code != http.StatusOK {
			t.Errorf("%s: got %d %s", text, w.Code, w.Body)
			continue
		}
		if got := read(t, w.Body.Bytes()).parts()[0].text("EmailAddress"); got != text {
			t.Errorf("%s: the profile is for %s", text, got)
		}
	}
}
