package server

import (
	"net/http"
	"os"
	"strings"
	"testing"
)

// A web page whose name points to the admin listener learns nothing.
func TestAdminHosts(t *testing.T) {
	t.Parallel()
	config := offline()
	config.Name = "setup.hoster.example"
	config.Admin = "localhost:0"
	s := run(t, config, nil)
	machine, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{
		"localhost": 200, "LocalHost:8081": 200, "127.0.0.1": 200, s.admin: 200, "10.1.2.3:8081": 200, "[::1]": 200, "[2001:db8::1]:8081": 200,
		"mailhint:8081": 200, "mailhint.mail.svc:8081": 200, "mailhint.mail.svc.cluster.local.": 200, "metrics.internal": 200, "a.localhost": 200,
		"setup.hoster.example:8081": 200, "Setup.Hoster.Example": 200, "": 200, machine: 200,

		"evil.example": 421, "evil.example:8081": 421, "127.0.0.1.evil.example": 421, "localhost.evil.example": 421, "autoconfig.example.com": 421,
		"hoster.example": 421, "setup.hoster.example.evil.example": 421, "evilsvc.example": 421, "1.2.3.4.5": 421, "a_b.c": 421,
	} {
		for _, path := range []string{"/-/healthz", "/-/readyz", "/-/config", "/-/metrics", "/-/tls-ask?domain=autoconfig.example.com"} {
			r := send(t, s.admin, []string{"GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n"}, "GET")[0]
			if r.StatusCode != want {
				t.Errorf("Host %q: %s %s, want %d", host, path, r.Status, want)
			}
			if want != http.StatusOK && (!strings.Contains(r.body, "does not answer at this name") || strings.Contains(r.body, "evil")) {
				t.Errorf("Host %q: %q", host, r.body)
			}
		}
	}
	if r := send(t, s.admin, []string{"GET /-/healthz HTTP/1.0\r\n\r\n"}, "GET")[0]; r.StatusCode != 200 {
		t.Errorf("no Host: %s, want 200", r.Status)
	}
}
