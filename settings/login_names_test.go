package settings

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// Names are looked up for a plausible address of the domain that is answered for, and for no other.
func TestWithLoginNames(t *testing.T) {
	people, guests := NewLookupLogin("people", "", EmailLocalPart), NewLookupLogin("guests", "", EmailAddress)
	s := &Settings{Login: people, Servers: []Server{{Protocol: IMAP, Login: people}, {Protocol: Submission, Login: guests}}}
	s.NameLookups()
	if !slices.Equal(s.Lookups, []string{"people", "guests"}) {
		t.Fatalf("look-ups %q", s.Lookups)
	}
	asked := 0
	found := Found{Settings: s, Domain: "firm.test", Primary: "firm.example"}
	find := func(_ context.Context, lookups []string, q PersonQuestion) []string {
		asked++
		if !slices.Equal(lookups, s.Lookups) || q.Address.Domain != "firm.test" || q.Primary != "firm.example" || q.Client != netip.MustParseAddr("192.0.2.1") {
			t.Errorf("asked for %q with %+v", lookups, q)
		}
		return []string{"ab123", ""}
	}
	for _, test := range []struct {
		find  FindLoginNames
		who   Address
		want  []string
		asked int
	}{
		{find, Address{"ann", "firm.test"}, []string{"ab123", "ann@firm.test"}, 1},
		{nil, Address{"ann", "firm.test"}, []string{"ann", "ann@firm.test"}, 0},
		{find, Address{"ann", "firm.example"}, []string{"ann", "ann@firm.example"}, 0},
		{find, Address{"%EMAILADDRESS%", "firm.test"}, []string{"%EMAILADDRESS%", "%EMAILADDRESS%@firm.test"}, 0},
		{find, Address{"a\x00nn", "firm.test"}, []string{"a\x00nn", "a\x00nn@firm.test"}, 0},
		{find, Address{EvolutionUser, "firm.test"}, []string{EvolutionUser, EvolutionUser + "@firm.test"}, 0},
	} {
		asked, found.FindNames = 0, test.find
		got := found.WithLoginNames(t.Context(), test.who, netip.MustParseAddr("192.0.2.1")).LookedUpNames(test.who)
		if !slices.Equal(got, test.want) || asked != test.asked {
			t.Errorf("%q: got %q, asked %d times; want %q", test.who, got, asked, test.want)
		}
	}
	if got := found.WithNames([]string{"one", "two"}).LoginName(guests, Address{"ann", "firm.test"}); got != "two" {
		t.Errorf("given names: %q", got)
	}
	if got := found.WithNames([]string{"one", "two"}).LoginName(EmailLocalPart, Address{"ann", "firm.test"}); got != "ann" {
		t.Errorf("a service without a look-up: %q", got)
	}
}

func TestCheckLoginName(t *testing.T) {
	for _, good := range []string{"ab123", "ann@uni.example", `UNI\ann`, "o'neil", "ann example", "müller", "名前", strings.Repeat("a", 254)} {
		if err := CheckLoginName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", " a", "a\n", "a\tb", "a\x00b", "a\x1bb", "a\u200bb", "a\u202eb", "a\xffb", "a\ufffeb", "<a>", "a&b", `a"b`, "%EMAILADDRESS%", "%emaildomain%x", strings.Repeat("a", 255)} {
		if err := CheckLoginName(bad); err == nil || len(bad) > 2 && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
