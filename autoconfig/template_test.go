package autoconfig

import (
	"context"
	"math/rand/v2"
	"net/http/httptest"
	"testing"

	"mailhint/edge/edgetest"
	"mailhint/settings"
)

// A document that was prepared of a template is the same, to the octet, as one that was prepared of the settings.
func TestTemplates(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var found settings.Found
	h := newHandler(func(context.Context, settings.Question) (settings.Found, error) { return found, nil })
	for range 500 {
		with, without := edgetest.Filled(random)
		found = with
		for _, a := range []settings.Address{{}, {Local: "o'b&<", Domain: with.Domain}} {
			for _, evolution := range []bool{false, true} {
				want, err := Answer(without, a, evolution)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := Answer(with, a, evolution); err != nil || string(got) != string(want) {
					t.Fatalf("%+v, filled with %q\ngot %v\n%s\nwant\n%s", with.Template, with.Values, err, got, want)
				}
			}
		}
		want, _ := Answer(without, settings.Address{}, false)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "https://autoconfig.example.com"+Path, nil))
		if w.Body.String() != string(want) {
			t.Fatalf("%+v, filled with %q\ngot\n%s\nwant\n%s", with.Template, with.Values, w.Body, want)
		}
	}
}
