package doctor

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"mailhint/probe"
	"mailhint/settings"
)

// TestTargets: domains that the configuration has by name and that are not disabled.
func TestTargets(t *testing.T) {
	snapshot := load(t, `
[profiles.own]
imap = "imap.example.net"
smtp = "smtp.example.net"
domains = ["b.example", "c.example"]

[domains."a.example"]
profile = "own"

[domains."off.example"]
profile = "own"
enabled = false

[domains."*.wild.example"]
profile = "own"

[fallback]
profile = "own"
`)
	all, total := AllTargets(t.Context(), snapshot)
	var names []string
	for target := range all {
		names = append(names, string(target.Found.Domain))
	}
	slices.Sort(names)
	if want := []string{"a.example", "b.example", "c.example"}; !slices.Equal(names, want) || total != len(want) {
		t.Errorf("got %q of %d, want %q", names, total, want)
	}
	if got, want := NotNamed(snapshot), []string{"names below *.wild.example", "names that [fallback] covers"}; !slices.Equal(got, want) {
		t.Errorf("not named: got %q, want %q", got, want)
	}
	for range all {
		break // an early end must not hang or panic
	}
	for name, want := range map[settings.Domain]error{"x.wild.example": nil, "other.example": nil, "off.example": settings.ErrDomainNotFound} {
		if _, err := Target(t.Context(), snapshot, name); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
}

// TestExceptions: a table beside a list that has the domain changes what is expected of this domain, and of no other in the list.
func TestExceptions(t *testing.T) {
	snapshot := load(t, `
[profiles.shared]
imap = "mail.hoster.example"
smtp = "mail.hoster.example"
domains = ["a.example", "own.example", "closed.example"]

[domains."own.example"]
imap = "imap.own.example"

[domains."closed.example"]
enabled = false

[domains."left.example"]
name = "Left the list"
`)
	all, _ := AllTargets(t.Context(), snapshot)
	var targets []Domain
	for target := range all {
		targets = append(targets, target)
	}
	slices.SortFunc(targets, func(a, b Domain) int { return strings.Compare(string(a.Found.Domain), string(b.Found.Domain)) })
	if len(targets) != 2 {
		t.Fatalf("got %d targets, want a.example and own.example: %v", len(targets), targets)
	}
	w := newWorld(t, snapshot, "a.example", "own.example")
	w.looks["imap.own.example:993"] = state(probe.Refused)
	reports := make(map[settings.Domain]Report)
	for _, target := range targets {
		reports[target.Found.Domain] = w.doctor().Examine(t.Context(), target)
	}
	if r := reports["a.example"]; len(r.Findings) > 0 {
		t.Errorf("a.example, which is only in the list: %v, want nothing", r.Findings)
	}
	if r := reports["own.example"]; !slices.Equal(codes(r), []string{"M01"}) || r.Findings[0].Subject != "imap.own.example:993" {
		t.Errorf("own.example: %v, want M01 for its own IMAP server", r.Findings)
	}
	// The list's server is not that of the exception: records that point to it are wrong.
	w.srv["_imaps._tcp.own.example"][0].Target = "mail.hoster.example"
	if r := w.doctor().Examine(t.Context(), targets[1]); !slices.Contains(codes(r), "D05") {
		t.Errorf("own.example with the SRV record of the list: %v, want D05", r.Findings)
	}
}

func TestIssuersOf(t *testing.T) {
	const letsEncrypt, zeroSSL, other = "https://acme-v02.api.letsencrypt.org/directory", "https://acme.zerossl.com/v2/DV90", "https://ca.example/acme"
	for _, test := range []struct{ directories, want []string }{
		{nil, nil},
		{[]string{letsEncrypt, zeroSSL}, []string{"letsencrypt.org", "sectigo.com"}},
		{[]string{letsEncrypt, other}, nil},
		{[]string{"::"}, nil},
	} {
		if got := namesOfIssuers(issuersOf(test.directories)); !slices.Equal(got, test.want) {
			t.Errorf("%q: got %q, want %q", test.directories, got, test.want)
		}
	}
}
