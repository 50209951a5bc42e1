package server

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/domains"
)

func TestTLSAsk(t *testing.T) {
	t.Parallel()
	s := run(t, offline(), nil)
	ask := func(name string) (int, string) {
		return get(t, "http://"+s.admin+"/-/tls-ask?domain="+url.QueryEscape(name))
	}
	for _, name := range []string{"autoconfig.example.com", "AutoConfig.Example.COM"} {
		if status, _ := ask(name); status != 200 {
			t.Errorf("%s: %d, want 200", name, status)
		}
	}
	for _, name := range []string{"", "example.com", "autoconfig.other.example", "autoconfig.example.com.", "\u212A", "<script>"} {
		if status, body := ask(name); status != 404 || body != "" {
			t.Errorf("%s: %d %q, want an empty 404", name, status, body)
		}
	}
	if status, _ := get(t, "http://"+s.http+"/-/tls-ask?domain=autoconfig.example.com"); status != 404 {
		t.Errorf("on the public listener: %d, want 404", status)
	}
	s.state.Store(nil)
	if status, _ := ask("autoconfig.example.com"); status != 404 {
		t.Errorf("before there are domains: %d, want 404", status)
	}
}

// A stranger makes up 300 names below a wildcard: 10 are allowed, again and again, and listed names all the time.
func TestTLSAskIsBounded(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "domains.toml")
	write(t, file, "[domains.\"example.com\"]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n"+
		"[domains.\"*.example.org\"]\nimap = \"imap.example.org\"\nsmtp = \"smtp.example.org\"\n")
	snapshot, err := domains.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	s := run(t, offline(), func(s *Server) { s.Configure(snapshot, nil) })
	ask := func(name string) int {
		status, _ := get(t, "http://"+s.admin+"/-/tls-ask?domain="+name)
		return status
	}
	count := make(map[int]int)
	for range 2 {
		clear(count)
		for i := range 300 {
			count[ask(fmt.Sprintf("autoconfig.x%d.example.org", i))]++
		}
		if count[200] != 10 || count[429] != 290 {
			t.Errorf("statuses %v of 300 names, want 10 times 200 and 290 times 429", count)
		}
	}
	if status := ask("autoconfig.example.com"); status != 200 {
		t.Errorf("a listed name: %d, want 200", status)
	}
	if _, text := get(t, "http://"+s.admin+"/-/metrics"); !strings.Contains(text, "\nmailhint_tls_ask_refused_total 580\n") {
		t.Error("the metrics do not count 580 refusals")
	}
}
