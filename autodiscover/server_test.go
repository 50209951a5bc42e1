package autodiscover

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailhint/edge/edgetest"
	"mailhint/settings"
)

// world is the domains that testdata/edge.txt describes.
func world() map[settings.Domain]settings.Found {
	firm := withHost(withLogin(both(), "%EMAILLOCALPART%@%PRIMARYDOMAIN%"), "mail.%PRIMARYDOMAIN%")
	phone := both()
	phone.ActiveSync = "https://eas.%EMAILDOMAIN%/Microsoft-Server-ActiveSync"
	moved := both()
	moved.AutodiscoverRedirect = "https://autodiscover-s.outlook.com/autodiscover/autodiscover.xml"
	oauth := both()
	withAuth(oauth.Servers, settings.OAuth2Token)
	return map[settings.Domain]settings.Found{
		"example.com":           {Settings: both(), Domain: "example.com", Primary: "example.com"},
		"firm.example":          {Settings: firm, Domain: "firm.example", Primary: "firm.example"},
		"firma.example":         {Settings: firm, Domain: "firma.example", Primary: "firm.example"},
		"xn--bcher-kva.example": {Settings: withHost(both(), "mail.%EMAILDOMAIN%"), Domain: "xn--bcher-kva.example", Primary: "xn--bcher-kva.example"},
		"varies.example":        {Settings: both(), Domain: "varies.example", Primary: "varies.example", Varies: true},
		"phone.example":         {Settings: phone, Domain: "phone.example", Primary: "phone.example"},
		"moved.example":         {Settings: moved, Domain: "moved.example", Primary: "moved.example"},
		"oauth.example":         {Settings: oauth, Domain: "oauth.example", Primary: "oauth.example"},
	}
}

// newHandler answers for the domains of a world, at a fixed time.
func newHandler(t testing.TB, domains map[settings.Domain]settings.Found) *Handler {
	t.Helper()
	h := New(edgetest.Lookup(domains), slog.New(slog.DiscardHandler))
	h.ID = 2477272013
	h.Now = func() time.Time { return time.Date(2026, 8, 24, 14, 3, 27, 531_000_000, time.UTC) }
	return h
}

func TestEdge(t *testing.T) { runScript(t, "testdata/edge.txt", newHandler(t, world())) }

// TestBody is about how a body arrives, which edge.txt cannot say.
func TestBody(t *testing.T) {
	h := newHandler(t, world())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host, r.URL.Scheme = "autodiscover.example.com", "https"
		r.Body = http.MaxBytesReader(w, r.Body, maxBody) // as package server does
		h.ServeHTTP(w, r)
	}))
	defer server.Close()
	fred := body("fred@example.com")
	tests := []struct {
		name   string
		body   io.Reader
		status int
		has    string
	}{
		{"whole", strings.NewReader(fred), 200, "<LoginName>fred@example.com<"},
		{"chunked", io.MultiReader(strings.NewReader(fred[:100]), strings.NewReader(fred[100:])), 200, "<LoginName>fred@example.com<"},
		{"UTF-16", strings.NewReader("\xFF\xFE" + utf16Body(fred, false)), 200, "<LoginName>fred@example.com<"},
		{"64 KiB", strings.NewReader(fred + strings.Repeat(" ", maxBody-len(fred))), 200, "<LoginName>fred@example.com<"},
		{"64 KiB and one octet", strings.NewReader(fred + strings.Repeat(" ", maxBody-len(fred)+1)), 413, "too large"},
		{"64 KiB and one octet, chunked", io.MultiReader(strings.NewReader(fred + strings.Repeat(" ", maxBody-len(fred)+1))), 413, "too large"},
		{"an address of 64 KiB", strings.NewReader(body(strings.Repeat("a", maxBody-300) + "@example.com")), 200, "<ErrorCode>600<"},
		{"an address of 254 octets", strings.NewReader(body(strings.Repeat("a", 242) + "@example.com")), 200, "<User/>"},
		{"an address of 255 octets", strings.NewReader(body(strings.Repeat("a", 243) + "@example.com")), 200, "<ErrorCode>600<"},
		{"no body", nil, 200, "<ErrorCode>600<"},
	}
	for _, test := range tests {
		r, err := http.NewRequest("POST", server.URL, test.body)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		content, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != test.status || !strings.Contains(string(content), test.has) {
			t.Errorf("%s: status %d, %v; want %d and %q in\n%s", test.name, answer.StatusCode, err, test.status, test.has, content)
		}
	}
}

// runScript runs a script of requests and what is expected of the answers, as testdata/edge.txt explains it.
func runScript(t *testing.T, name string, h http.Handler) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handOn(h))
	defer server.Close()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var (
		request *http.Request // not sent yet
		answer  *http.Response
		body    string
	)
	for i, line := range strings.Split(string(text), "\n") {
		fail := func(format string, args ...any) {
			t.Helper()
			t.Errorf("%s:%d: %s\n\t%s", name, i+1, line, fmt.Sprintf(format, args...))
		}
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		rest = strings.TrimSpace(rest)
		switch {
		case word == "" || word[0] == '#':
			continue
		case strings.HasPrefix(rest, "http"): // a request begins
			scheme, target, _ := strings.Cut(rest, "://")
			host, path, _ := strings.Cut(target, "/")
			if request, err = http.NewRequest(word, server.URL+"/"+path, nil); err != nil {
				t.Fatalf("%s:%d: %v", name, i+1, err)
			}
			request.Host = host
			request.Header.Set("Test-Scheme", scheme)
			continue
		case request != nil && strings.HasSuffix(word, ":"): // one of its headers
			if word == "If-None-Match:" && answer != nil {
				rest = strings.ReplaceAll(rest, "ETAG", answer.Header.Get("ETag"))
			}
			request.Header.Add(strings.TrimSuffix(word, ":"), rest)
			continue
		case request != nil && word == "send": // its body
			content := []byte(rest)
			if file, isFile := strings.CutPrefix(rest, "file "); isFile {
				if content, err = os.ReadFile(filepath.Join("testdata", file)); err != nil {
					t.Fatal(err)
				}
			}
			request.Body, request.ContentLength = io.NopCloser(bytes.NewReader(content)), int64(len(content))
			continue
		}
		if request != nil { // the first expectation: send it
			if answer, err = client.Do(request); err != nil {
				t.Fatalf("%s:%d: %v", name, i+1, err)
			}
			request = nil
			content, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			body = string(content)
			if answer.StatusCode == http.StatusUnauthorized || answer.StatusCode >= 500 {
				fail("status %d must never be", answer.StatusCode)
			}
		}
		switch word {
		case "status":
			if got := strconv.Itoa(answer.StatusCode); got != rest {
				fail("got %s", got)
			}
		case "header":
			key, want, _ := strings.Cut(rest, ": ")
			if got := strings.Join(answer.Header.Values(strings.TrimSuffix(key, ":")), ", "); got != want {
				fail("got %q", got)
			}
		case "has":
			if !strings.Contains(body, rest) {
				fail("not in\n%s", body)
			}
		case "lacks":
			if strings.Contains(body, rest) {
				fail("in\n%s", body)
			}
		case "empty":
			if body != "" {
				fail("got\n%s", body)
			}
		case "golden":
			want, err := os.ReadFile(filepath.Join("testdata", "golden", rest))
			if err != nil {
				t.Fatal(err)
			}
			if body != string(want) {
				fail("got\n%s", body)
			}
		default:
			t.Fatalf("%s:%d: unknown word %q", name, i+1, word)
		}
	}
}

// handOn changes a request as package server does before a handler sees it.
func handOn(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = strings.TrimSuffix(strings.ToLower(r.Host), ".")
		r.URL.Scheme = r.Header.Get("Test-Scheme")
		h.ServeHTTP(w, r)
	})
}
