package autodiscover

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mailhint/edge/edgetest"
	"mailhint/settings"
)

// An answer that was prepared of a template is the same, to the octet, as one that was prepared of the settings.
func TestTemplates(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var found settings.Found
	lookup := func(context.Context, settings.Question) (settings.Found, error) { return found, nil }
	h := newHandler(lookup)
	ask := func(h http.Handler, f settings.Found, method, target, text string) string {
		found = f
		r := httptest.NewRequest(method, "https://autodiscover.example.com"+target, strings.NewReader(text))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Body.String()
	}
	for range 300 {
		with, without := edgetest.Filled(random)
		fresh := newHandler(lookup)
		for _, c := range []struct{ method, target, text string }{
			{"GET", Path, ""},
			{"POST", Path, body("o'b@xn--bcher-kva.example")},
			{"POST", Path, strings.ReplaceAll(body("fred@xn--bcher-kva.example"), "outlook/responseschema/2006a", "mobilesync/responseschema/2006")},
		} {
			if got, want := ask(h, with, c.method, c.target, c.text), ask(fresh, without, c.method, c.target, c.text); got != want || want == "" {
				t.Fatalf("%s %s: %+v, filled with %q\ngot\n%s\nwant\n%s", c.method, c.text, with.Template, with.Values, got, want)
			}
		}
		for _, protocol := range []string{"AutodiscoverV1", "ActiveSync", "Ews"} {
			target := JSONPath + "?Email=fred@xn--bcher-kva.example&Protocol=" + protocol
			if got, want := ask(h.JSON(), with, "GET", target, ""), ask(fresh.JSON(), without, "GET", target, ""); got != want || want == "" {
				t.Fatalf("%s: got\n%s\nwant\n%s", protocol, got, want)
			}
		}
		a := settings.Address{Local: "o'b&<", Domain: with.Domain}
		got, gotErr := Answer(with, a)
		if want, err := Answer(without, a); string(got) != string(want) || (err == nil) != (gotErr == nil) {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
	}
}
