package edgetest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Script runs testdata/edge.txt against an edge, which sees the requests as package server passes them on, or against the server that
// the flag names.
func Script(t *testing.T, h http.Handler) {
	t.Helper()
	if *server != "" {
		LiveScript(t, "testdata", *server)
		return
	}
	s := httptest.NewServer(passOn(h))
	defer s.Close()
	r := &run{t: t, dir: "testdata", base: s.URL, prepare: func(r *http.Request, scheme string) { r.Header.Set(schemeHeader, scheme) }}
	r.script()
}

// LiveScript runs the edge.txt of a folder against a server. The server must have the edge.toml beside it, and list the tester's address
// in trusted_proxies: the tester says as a proxy would whether the client used https.
func LiveScript(t *testing.T, dir, baseURL string) {
	t.Helper()
	r := &run{t: t, dir: dir, base: strings.TrimSuffix(baseURL, "/"), live: true,
		prepare: func(r *http.Request, scheme string) { r.Header.Set("X-Forwarded-Proto", scheme) }}
	r.script()
}

// schemeHeader is how a script tells passOn which scheme the client used.
const schemeHeader = "Test-Scheme"

// passOn changes a request as package server does before a handler sees it.
func passOn(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := strings.Cut(r.Host, ":")
		r.Host = strings.TrimSuffix(strings.ToLower(host), ".")
		r.URL.Scheme = r.Header.Get(schemeHeader)
		h.ServeHTTP(w, r)
	})
}

// run is one run of a script.
type run struct {
	t         *testing.T
	dir, base string
	live      bool
	prepare   func(r *http.Request, scheme string)

	at      string        // file, line and text, for messages
	request *http.Request // not sent yet
	answer  *http.Response
	body    string
}

func (r *run) script() {
	r.t.Helper()
	name := filepath.Join(r.dir, "edge.txt")
	text, err := os.ReadFile(name)
	if err != nil {
		r.t.Fatal(err)
	}
	sent := 0
	for i, line := range strings.Split(string(text), "\n") {
		r.at = fmt.Sprintf("%s:%d: %s", name, i+1, line)
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		rest = strings.TrimSpace(rest)
		switch {
		case word == "" || word[0] == '#':
		case strings.HasPrefix(rest, "http://"), strings.HasPrefix(rest, "https://"):
			r.begin(word, rest)
			sent++
		case r.request != nil && strings.HasSuffix(word, ":"):
			if r.answer != nil {
				rest = strings.ReplaceAll(rest, "ETAG", r.answer.Header.Get("ETag"))
			}
			r.request.Header.Add(strings.TrimSuffix(word, ":"), rest)
		case r.request != nil && (word == "send" || word == "form"):
			r.addBody(word, rest)
		default:
			r.send()
			r.expect(word, rest)
		}
	}
	if sent == 0 {
		r.t.Errorf("%s has no request", name)
	}
}

func (r *run) fail(format string, args ...any) {
	r.t.Helper()
	r.t.Errorf("%s\n\t%s", r.at, fmt.Sprintf(format, args...))
}

func (r *run) begin(method, target string) {
	if r.request != nil {
		r.t.Fatalf("%s: nothing is expected of the request before", r.at)
	}
	scheme, rest, _ := strings.Cut(target, "://")
	host, path, _ := strings.Cut(rest, "/")
	request, err := http.NewRequest(method, r.base+"/"+path, nil)
	if err != nil { // the URL has a bad percent-encoding, which a client may send all the same
		raw, query, _ := strings.Cut(path, "?")
		base, baseErr := url.Parse(r.base)
		if baseErr != nil {
			r.t.Fatal(baseErr)
		}
		request = &http.Request{Method: method, Header: make(http.Header),
			URL: &url.URL{Scheme: base.Scheme, Host: base.Host, Path: "/" + raw, RawQuery: query}}
	}
	request.Host = host
	r.prepare(request, scheme)
	r.request = request
}

// addBody gives the request a body: a file of the folder, the rest of the line, or that as an HTML form.
func (r *run) addBody(word, rest string) {
	content := []byte(rest)
	if file, isFile := strings.CutPrefix(rest, "file "); isFile {
		var err error
		if content, err = os.ReadFile(filepath.Join(r.dir, file)); err != nil {
			r.t.Fatalf("%s: %v", r.at, err)
		}
	}
	if word == "form" {
		r.request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.request.Body, r.request.ContentLength = io.NopCloser(bytes.NewReader(content)), int64(len(content))
}

// send sends the request, if it has not been sent yet.
func (r *run) send() {
	if r.request == nil {
		return
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r.request)
	if err != nil {
		r.t.Fatalf("%s: %v", r.at, err)
	}
	content, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil {
		r.t.Fatalf("%s: %v", r.at, err)
	}
	r.request, r.answer, r.body = nil, answer, string(content)
	if answer.StatusCode == http.StatusUnauthorized || answer.StatusCode >= 500 {
		r.fail("status %d must never occur", answer.StatusCode)
	}
}

// differing is what differs between servers and moments in Autodiscover's errors.
var differing = regexp.MustCompile(`Time="[^"]*" Id="[0-9]*"`)

func (r *run) expect(word, rest string) {
	r.t.Helper()
	if r.answer == nil {
		r.t.Fatalf("%s: no request has been sent", r.at)
	}
	switch word {
	case "status":
		if got := strconv.Itoa(r.answer.StatusCode); got != rest {
			r.fail("got %s\n%s", got, r.body)
		}
	case "header":
		key, want, _ := strings.Cut(rest, ": ")
		if got := strings.Join(r.answer.Header.Values(strings.TrimSuffix(key, ":")), ", "); got != want {
			r.fail("got %q", got)
		}
	case "has":
		if !strings.Contains(r.body, rest) {
			r.fail("not in\n%s", r.body)
		}
	case "lacks":
		var header strings.Builder
		r.answer.Header.Write(&header) // writing to a strings.Builder cannot fail
		if whole := header.String() + r.body; strings.Contains(whole, rest) {
			r.fail("in\n%s", whole)
		}
	case "empty":
		if r.body != "" {
			r.fail("got\n%s", r.body)
		}
	case "golden":
		content, err := os.ReadFile(filepath.Join(r.dir, "golden", rest))
		if err != nil {
			r.t.Fatalf("%s: %v", r.at, err)
		}
		got, want := r.body, string(content)
		if r.live {
			got, want = differing.ReplaceAllString(got, ""), differing.ReplaceAllString(want, "")
		}
		if got != want {
			r.fail("got\n%s", r.body)
		}
	default:
		r.t.Fatalf("%s: unknown word %q", r.at, word)
	}
}
