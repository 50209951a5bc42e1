package doctor

import (
	"errors"
	"slices"
	"testing"

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
