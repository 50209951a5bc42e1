package mobileconfig

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mailhint/edge/edgetest"
	"mailhint/settings"
	"mailhint/texts"
)

// browse sends what a browser sends.
func browse(h http.Handler, method, target, acceptLanguage, form string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(form))
	r.Header.Set("Accept", "text/html,application/xhtml+xml;q=0.9")
	r.Header.Set("Accept-Language", acceptLanguage)
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestLanguages: what the device shows before a profile is installed is in the language of the browser, or in the one that was chosen on the
// page; identifiers are the same in all languages, so that a second download replaces the first.
func TestLanguages(t *testing.T) {
	h := newHandler(edgetest.Load(t).Lookup)
	for _, test := range []struct{ method, query, language, form, want string }{
		{"GET", "?emailaddress=fred@example.com", "", "", "Sets up e-mail for fred@example.com."},
		{"GET", "?emailaddress=fred@example.com", "de-AT,de;q=0.9", "", "Richtet E-Mail für fred@example.com ein."},
		{"GET", "?emailaddress=fred@example.com&lang=fr", "de", "", "Configure la messagerie pour fred@example.com."},
		{"POST", "", "de", "emailaddress=fred@example.com&lang=ja", "fred@example.com のメールを設定します。これは example.com の設定です。"},
		{"POST", "", "de", "emailaddress=fred@example.com&lang=klingon", "Richtet E-Mail für fred@example.com ein."},
	} {
		w := browse(h, test.method, "https://autoconfig.example.com/mobileconfig"+test.query, test.language, test.form)
		if w.Code != 200 || !strings.Contains(w.Body.String(), test.want) {
			t.Errorf("%s %s %s: got %d\n%s\nwant %q in it", test.method, test.query, test.form, w.Code, w.Body, test.want)
		}
	}
	found := edgetest.Find(t, edgetest.Load(t).Lookup, "example.com")
	fred := settings.Address{Local: "fred", Domain: "example.com"}
	identifiers := map[string]bool{}
	for _, l := range texts.Languages() {
		p, err := newProfile(found, fred, texts.For(l))
		if err != nil {
			t.Fatal(err)
		}
		identifiers[p.PayloadIdentifier+p.PayloadUUID] = true
		if strings.ContainsAny(p.PayloadDescription, "{}") {
			t.Errorf("%s: %s", l, p.PayloadDescription)
		}
	}
	if len(identifiers) != 1 {
		t.Errorf("the identifiers depend on the language: %v", identifiers)
	}
}

// TestErrorPages: in a browser, errors are pages in the language of the person. Other programs get a plain sentence.
func TestErrorPages(t *testing.T) {
	h := newHandler(edgetest.Load(t).Lookup)
	for _, test := range []struct {
		target, form string
		status       int
		want         string
	}{
		{"https://autoconfig.example.com/mobileconfig", "", 400, "Das ist keine E-Mail-Adresse"},
		{"https://autoconfig.example.com/mobileconfig?emailaddress=<script>@", "", 400, "Das ist keine E-Mail-Adresse"},
		{"https://autoconfig.example.com/mobileconfig?emailaddress=ann@xn--mnchen-3ya.example", "", 404, "Keine Einstellungen für münchen.example"},
		{"http://autoconfig.example.com/mobileconfig", "emailaddress=fred@example.com", 403, "Nicht verschlüsselt"},
	} {
		method := "GET"
		if test.form != "" {
			method = "POST"
		}
		w := browse(h, method, strings.ReplaceAll(test.target, "<script>", "%3Cscript%3E"), "de", test.form)
		if w.Code != test.status || !strings.Contains(w.Body.String(), test.want) || !strings.Contains(w.Body.String(), `<html lang="de">`) ||
			w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: got %d %v\n%s", test.target, w.Code, w.Header(), w.Body)
		}
		if strings.Contains(w.Body.String(), "%3Cscript") || strings.Contains(w.Body.String(), "<script>@") {
			t.Errorf("%s: the page repeats what was sent\n%s", test.target, w.Body)
		}
	}
	if w := ask(h, "GET", "https", "autoconfig.example.com", "/mobileconfig", ""); w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("a program gets %v", w.Header())
	}
}
