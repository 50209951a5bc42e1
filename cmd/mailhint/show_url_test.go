package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever a server answers, a comparison shows it without controlling the terminal.
func TestShowComparesHostileAnswers(t *testing.T) {
	config := filepath.Join(t.TempDir(), "domains.toml")
	write(t, config, oneDomain)
	const hostile = "visible \x1b[2J\x1b]0;title\x07 \u202e\u2066 \x9b31m \r\x00\x7f \u2028 end"
	for what, answer := range map[string]http.HandlerFunc{
		"body": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, hostile) },
		"location": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/visible%1b[2J\u202e")
			w.WriteHeader(302)
		},
	} {
		server := httptest.NewServer(answer)
		defer server.Close()
		for _, format := range []string{"", "--json"} {
			var out, errs bytes.Buffer
			args := []string{"--config", config, "show", "ann@example.com", "--url", server.URL}
			if format != "" {
				args = append(args, format)
			}
			code := run(t.Context(), args, &out, &errs)
			if code != exitProblem || !strings.Contains(out.String(), "visible") || !strings.Contains(out.String(), "<clientConfig") && format == "" {
				t.Errorf("%s %s: exit code %d, %q %q", what, format, code, &out, &errs)
			}
			if i := strings.IndexFunc(out.String()+errs.String(), func(r rune) bool {
				return r < ' ' && r != '\n' || 0x7f <= r && r < 0xa0 || r == 0x2028 || r == 0x202e || r == 0x2066
			}); i >= 0 {
				t.Errorf("%s %s: character %q reaches the terminal: %q", what, format, out.String()[i:i+1], &out)
			}
		}
	}
}
