package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAskHealth(t *testing.T) {
	for name, test := range map[string]struct {
		status      int
		text        string
		good        bool
		want, error string
	}{
		"healthy":         {200, "ok\n", true, "ok\n", ""},
		"ready":           {200, "ready\nconfiguration: loaded\n", true, "ready\nconfiguration: loaded\n", ""},
		"stopping":        {503, "not ready: shutting down\n", false, "not ready: shutting down\n", ""},
		"broken":          {500, "ok\n", false, "ok\n", ""},
		"hostile":         {200, "ok\n\x1b[31mred\n", true, "ok\n", ""},
		"another program": {200, "<html>\n", false, "", "is not mailhint: status 200"},
		"redirect":        {302, "Found", false, "", "is not mailhint: status 302"},
	} {
		t.Run(name, func(t *testing.T) {
			other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/-/readyz" {
					t.Errorf("it asks for %s", r.URL.Path)
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(test.status)
				w.Write([]byte(test.text))
			}))
			defer other.Close()
			health, err := AskHealth(context.Background(), strings.TrimPrefix(other.URL, "http://"), true)
			switch {
			case test.error != "" && (err == nil || !strings.Contains(err.Error(), test.error)):
				t.Errorf("error %v, want %s", err, test.error)
			case test.error == "" && err != nil:
				t.Error(err)
			case health.Good != test.good, !strings.HasPrefix(health.Text, test.want), strings.Contains(health.Text, "\x1b"):
				t.Errorf("got %+v, want %v %q", health, test.good, test.want)
			}
		})
	}
}

func TestAskHealthWithoutServer(t *testing.T) {
	for admin, want := range map[string]string{
		"":              `admin is ""`,
		"x":             "is not known",
		"127.0.0.1:0":   "is not known",
		"127.0.0.1:1":   "no server answers at 127.0.0.1:1",
		"[::1]:1":       "no server answers at [::1]:1",
		"no.invalid:80": "no server answers at no.invalid:80",
	} {
		if _, err := AskHealth(context.Background(), admin, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %s", admin, err, want)
		}
	}
}
