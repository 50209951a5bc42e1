package preview

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mailhint/settings"
)

// TestFetch: each client asks as it does, at the server that it is given.
func TestFetch(t *testing.T) {
	for name, want := range map[string]string{
		"thunderbird":  "GET autoconfig.example.com/mail/config-v1.1.xml?emailaddress=ann%40example.com",
		"outlook":      "POST autodiscover.example.com/autodiscover/autodiscover.xml",
		"outlook-json": "GET autodiscover.example.com/autodiscover/autodiscover.json?Email=ann%40example.com&Protocol=AutodiscoverV1",
		"apple":        "GET autoconfig.example.com/mobileconfig?emailaddress=ann%40example.com",
		"pacc":         "GET ua-auto-config.example.com/.well-known/user-agent-configuration.json",
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if got := r.Method + " " + r.Host + r.URL.String(); got != want {
					t.Errorf("got %s\nwant %s", got, want)
				}
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				if isPost := r.Method == http.MethodPost; strings.Contains(string(body), ">ann@example.com<") != isPost ||
					(r.Header.Get("Content-Type") != "") != isPost {
					t.Errorf("Content-Type %q with the body %s", r.Header.Get("Content-Type"), body)
				}
				io.WriteString(w, "answer")
			}))
			defer server.Close()
			c, _ := Named(name)
			got, err := c.Fetch(t.Context(), server.URL, settings.Question{Address: ann, Host: "example.com"})
			if err != nil || got.Status != 200 || string(got.Text()) != "answer" {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// TestFetchAtPath: a URL with a path is asked at that path.
func TestFetchAtPath(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/elsewhere", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://moved.example/", http.StatusFound)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	c, _ := Named("thunderbird")
	for path, want := range map[string]string{"/elsewhere": "302 https://moved.example/\n", "/": "status 404 Not Found\n"} {
		got, err := c.Fetch(t.Context(), server.URL+path, settings.Question{Host: "example.com"})
		if err != nil || string(got.Text()) != want {
			t.Errorf("%s: got %q, %v, want %q", path, got.Text(), err, want)
		}
	}
}

func TestFetchFails(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "too little")
	}))
	defer server.Close()
	closed := httptest.NewServer(nil)
	closed.Close()
	for _, test := range []struct {
		client, url string
		want        error
	}{
		{"thunderbird", closed.URL, ErrNoAnswer},
		{"thunderbird", server.URL, ErrNoAnswer},
		{"thunderbird", "example.com", ErrURL},
		{"thunderbird", "ftp://example.com", ErrURL},
		{"srv", server.URL, ErrAsksNoServer},
		{"apple", server.URL, ErrNeedsAddress},
	} {
		c, _ := Named(test.client)
		if _, err := c.Fetch(t.Context(), test.url, settings.Question{Host: "example.com"}); !errors.Is(err, test.want) {
			t.Errorf("%s from %s: got %v, want %v", test.client, test.url, err, test.want)
		}
	}
}

func TestCompare(t *testing.T) {
	ok := func(text string) Answer { return Answer{Status: 200, Body: []byte(text)} }
	if got := differences(ok("same\n"), ok("same\n")); got != "" {
		t.Errorf("got %q for equal answers", got)
	}
	const want = "--- configuration\n+++ server\n@@ -1,3 +1,3 @@\n one\n-two\n+\uFFFD[2J2\n three\n"
	if got := differences(ok("one\ntwo\nthree\n"), ok("one\n\x1b[2J2\nthree\n")); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := differences(ok("one\n"), Answer{Status: 503}); !strings.Contains(got, "-one\n+status 503 Service Unavailable\n") {
		t.Errorf("got %q", got)
	}
}
