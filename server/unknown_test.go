package server

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/domains"
)

// Outsiders do not get what is for the network of a trusted proxy that does not say whose requests it forwards.
func TestUnknownClientsAreOutside(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "domains.toml")
	write(t, file, `
[domains."example.com"]
imap = "imap.example.com"
smtp = "smtp.example.com"
[[domains."example.com".rules]]
from = ["127.0.0.0/8", "0.0.0.0/0"]
imap = "inside.example.com"

[domains."plain.example"]
imap = "imap+plain://inside.example.com"
smtp = "smtp+plain://inside.example.com"
allow_plaintext = ["127.0.0.0/8", "0.0.0.0/0"]

[domains."everyone.example"]
imap = "imap.example.com"
smtp = "smtp.example.com"
[[domains."everyone.example".rules]]
from = ["0.0.0.0/0", "::/0"]
imap = "everyone.example.com"
`)
	snapshot, err := domains.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, protocol := range []bool{false, true} {
		config := offline()
		config.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		config.ProxyProtocol = protocol
		s := run(t, config, func(s *Server) {
			*s.handlers = *newHandlers(domains.Server{}, &s.state, nil, s.log)
			s.Configure(snapshot, nil)
		})
		start := ""
		if protocol {
			start = "PROXY UNKNOWN\r\n"
		}
		ask := func(host, headers string) response {
			return send(t, s.http, []string{start + "GET /mail/config-v1.1.xml HTTP/1.1\r\nHost: autoconfig." + host + "\r\n" + headers + "\r\n"}, "GET")[0]
		}
		send(t, s.http, []string{start + "GET / HTTP/1.1\r\n" + hostLine + "\r\n"}, "GET") // a health check
		if log := s.log.String(); strings.Contains(log, "without naming the client") {
			t.Errorf("the log complains about a health check:\n%s", log)
		}
		for _, headers := range []string{"", "X-Forwarded-For:\r\n", "X-Forwarded-For: unknown\r\n", "X-Forwarded-For: 127.0.0.2, unknown\r\n", "X-Forwarded-For: 127.0.0.1\r\n"} {
			if r := ask("example.com", headers); r.StatusCode != 200 || !strings.Contains(r.body, "<hostname>imap.example.com</hostname>") {
				t.Errorf("%q: %s, want what is for clients outside\n%s", headers, r.Status, r.body)
			}
			if r := ask("plain.example", headers); r.StatusCode != 404 {
				t.Errorf("%q: %s for servers without encryption, want 404\n%s", headers, r.Status, r.body)
			}
			if r := ask("everyone.example", headers); r.StatusCode != 200 || !strings.Contains(r.body, "<hostname>everyone.example.com</hostname>") {
				t.Errorf("%q: %s, want what is for every client\n%s", headers, r.Status, r.body)
			}
		}
		inside := "X-Forwarded-For: 127.0.0.2\r\n"
		if protocol {
			if r := ask("example.com", inside); !strings.Contains(r.body, "<hostname>imap.example.com</hostname>") {
				t.Errorf("a client that the PROXY header does not name, and that writes X-Forwarded-For: %s\n%s", r.Status, r.body)
			}
			start = "PROXY TCP4 127.0.0.1 127.0.0.1 1234 443\r\n" // a second proxy
		}
		if r := ask("example.com", inside); !strings.Contains(r.body, "<hostname>inside.example.com</hostname>") {
			t.Errorf("a client inside: %s\n%s", r.Status, r.body)
		}
		if r := ask("plain.example", inside); r.StatusCode != 200 {
			t.Errorf("a client inside: %s for servers without encryption, want 200", r.Status)
		}
		s.stop()
		if n := strings.Count(s.log.String(), "without naming the client"); n != 1 {
			t.Errorf("the log says %d times that clients are not known, want once:\n%s", n, s.log)
		}
	}
}
