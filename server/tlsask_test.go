package server

import (
	"net/url"
	"testing"
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
