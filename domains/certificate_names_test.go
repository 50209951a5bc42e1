package domains

import (
	"strings"
	"testing"
)

func TestCovers(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "list.txt", "listed.example\n")
	s, err := Load(write(t, dir, "domains.toml", `
[server]
name = "Setup.Hoster.example"
[profiles.shared]
imap = "imap.hoster.example"
smtp = "smtp.hoster.example"
domains = ["baker.example", "moved.example", "cafe.example"]
domains_file = "list.txt"
[domains."firm.example"]
profile = "shared"
aliases = ["firma.example", "xn--bcher-kva.example"]
[domains."moved.example"]
enabled = false
[domains."cafe.example"]
login = "%EMAILLOCALPART%"
[domains."*.students.example"]
profile = "shared"
[domains."closed.students.example"]
profile = "shared"
enabled = false
[domains."*.closed.example"]
profile = "shared"
enabled = false
[domains."shut.example"]
profile = "shared"
enabled = false
aliases = ["locked.example"]
[fallback]
profile = "shared"
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{
		"setup.hoster.example",
		"autoconfig.firm.example", "autodiscover.firm.example", "ua-auto-config.firm.example",
		"autoconfig.firma.example", "autodiscover.xn--bcher-kva.example",
		"autoconfig.baker.example", "autodiscover.listed.example", "autoconfig.cafe.example",
		"autoconfig.a.students.example", "autoconfig.b.a.students.example",
	} {
		if !s.Covers(host) {
			t.Errorf("%q is not covered", host)
		}
		if s.Lists(host) == strings.HasSuffix(host, ".students.example") {
			t.Errorf("%q is listed: %v", host, s.Lists(host))
		}
	}
	for _, host := range []string{
		"", ".", "autoconfig.", "localhost", "192.0.2.1", "autoconfig.192.0.2.1",
		"firm.example", "mail.firm.example", "www.autoconfig.firm.example", "imap.hoster.example", // not names that clients use
		"autoconfig.setup.hoster.example", "hoster.example", // our own name is not a mail domain
		"autoconfig.other.example", "autoconfig.sub.firm.example", // the fallback answers, but does not get certificates
		"autoconfig.autodiscover.firm.example",
		"autoconfig.students.example", // the wildcard is for names below
		"autoconfig.closed.students.example", "autoconfig.a.closed.example", "autoconfig.shut.example", "autoconfig.locked.example",
		"autoconfig.firm.example.", "autoconfig.firm.example:443", "autoconfig..firm.example", "AUTOCONFIG.firm.example", "autoconfig.Firm.example",
		"autoconfig.bücher.example", "autoconfig.\u212Aing.example", "autoconfig.*.students.example", "*.students.example",
		"autoconfig.autoconfig.students.example", "autodiscover.ua-auto-config.a.students.example", "autoconfig.a.autodiscover.students.example",
		"autoconfig.moved.example", // an exception to the list
	} {
		if s.Covers(host) || s.Lists(host) {
			t.Errorf("%q is covered", host)
		}
	}
	var names []string
	for name := range s.Covered() {
		if !s.Covers(name) {
			t.Errorf("%q is yielded and not covered", name)
		}
		names = append(names, name)
	}
	if want := 1 + 3*6; len(names) != want { // the server, and firm, firma, bücher, baker, listed, cafe
		t.Errorf("%d names, want %d: %s", len(names), want, names)
	}
	for range s.Covered() {
		break // must not continue
	}
}

// A zone of [dns] that asks for it has one certificate for all names directly below it.
func TestCertificateFor(t *testing.T) {
	s, err := Load(write(t, t.TempDir(), "domains.toml", `
[server]
name = "setup.hoster.example"
[dns]
server = "ns1.hoster.example"
key_file = "a.key"
wildcard = true
zones = ["hoster.example", "firm.example", "unused.example", { name = "plain.example", wildcard = false }]
[profiles.shared]
imap = "imap.hoster.example"
smtp = "smtp.hoster.example"
domains = ["firm.example", "sub.firm.example", "plain.example", "other.example"]
[domains."shut.example"]
profile = "shared"
`))
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{
		"setup.hoster.example":        "*.hoster.example",
		"autoconfig.firm.example":     "*.firm.example",
		"ua-auto-config.firm.example": "*.firm.example",
		"autoconfig.sub.firm.example": "autoconfig.sub.firm.example", // two labels below the zone
		"autoconfig.plain.example":    "autoconfig.plain.example",
		"autoconfig.other.example":    "autoconfig.other.example",
	} {
		if got := s.CertificateFor(host); got != want || !s.Covers(want) || !s.Lists(want) {
			t.Errorf("%s: got %s, want %s, covered %v, listed %v", host, got, want, s.Covers(want), s.Lists(want))
		}
	}
	for _, name := range []string{"*.unused.example", "*.plain.example", "*.other.example", "*.sub.firm.example", "*.example", "*.", "*.*.firm.example"} {
		if s.Covers(name) || s.Lists(name) {
			t.Errorf("%s is covered", name)
		}
	}
}
