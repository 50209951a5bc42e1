package domains

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"mailhint/settings"
)

const fallbackMX = `
[profiles.shared]
imap = "imap.hoster.example"
smtp = "smtp.hoster.example"
domains = ["list.example"]
[domains."own.example"]
imap = "imap.own.example"
smtp = "smtp.own.example"
aliases = ["alias.example"]
[domains."*.wild.example"]
profile = "shared"
[domains."closed.example"]
enabled = false
profile = "shared"
[fallback]
profile = "shared"
mx = ["MX1.Hoster.example.", "mx2.hoster.example"]
`

// Only the MX of names that are not configured is asked for, and only those whose mail is ours are answered.
func TestFallbackMX(t *testing.T) {
	s, err := Load(write(t, t.TempDir(), "domains.toml", fallbackMX))
	if err != nil {
		t.Fatal(err)
	}
	client := netip.MustParseAddr("192.0.2.1")
	lookup := func(d settings.Domain) bool {
		_, err := s.Lookup(t.Context(), settings.Question{Host: d, Client: client})
		return err == nil
	}
	if lookup("ours.example") {
		t.Error("answered although its MX is not known")
	}
	var asked []settings.Domain
	s.AskExchangers(func(d settings.Domain, hosts []settings.Domain, from netip.Addr) bool {
		asked = append(asked, d)
		if from != client {
			t.Errorf("the client is %s", from)
		}
		if got := fmt.Sprint(hosts); got != "[mx1.hoster.example mx2.hoster.example]" {
			t.Errorf("hosts: %s", got)
		}
		return d == "ours.example"
	})
	for d, want := range map[settings.Domain]bool{
		"own.example": true, "alias.example": true, "list.example": true, "a.wild.example": true, "closed.example": false,
	} {
		if lookup(d) != want {
			t.Errorf("%s: answered %t, want %t", d, !want, want)
		}
	}
	if asked != nil {
		t.Errorf("the MX of %v was asked for, which have entries", asked)
	}
	if !lookup("ours.example") || lookup("theirs.example") {
		t.Error("the fallback does not answer for exactly the names whose mail is ours")
	}
	if !slices.Equal(asked, []settings.Domain{"ours.example", "theirs.example"}) {
		t.Errorf("the MX of %v was asked for", asked)
	}
	// The Host's domain answers for an address whose mail goes elsewhere, as for any unknown one.
	found, err := s.Lookup(t.Context(), settings.Question{Address: settings.Address{Local: "ann", Domain: "theirs.example"}, Host: "own.example", Client: client})
	if err != nil || found.Domain != "own.example" {
		t.Errorf("got %v for %s", err, found.Domain)
	}
}

// The condition is explained and printed, and EntriesFor keeps to it.
func TestFallbackMXIsShown(t *testing.T) {
	s, err := Load(write(t, t.TempDir(), "domains.toml", fallbackMX))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.EntriesFor([]settings.Domain{"ours.example"}); err == nil || !strings.Contains(err.Error(), "only for domains whose MX is mx1.hoster.example or mx2.hoster.example") {
		t.Errorf("got %v", err)
	}
	s.AskExchangers(func(settings.Domain, []settings.Domain, netip.Addr) bool { return true })
	if entries, err := s.EntriesFor([]settings.Domain{"ours.example"}); err != nil || len(entries) != 1 || entries[0].Kind != Single {
		t.Errorf("got %+v, %v", entries, err)
	}
	found, _ := s.Lookup(t.Context(), settings.Question{Host: "ours.example"})
	origins := s.Explain(found.Settings)
	last := origins[len(origins)-1]
	if last.Key != "mx" || last.Value != "[mx1.hoster.example, mx2.hoster.example]" || last.Position.Line != 17 {
		t.Errorf("explained as %+v", last)
	}
	entries := s.Entries()
	text, err := Printer{}.Entry(entries[len(entries)-1])
	if err != nil {
		t.Fatal(err)
	}
	again, err := Load(write(t, t.TempDir(), "domains.toml", text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if !slices.Equal(again.FallbackMX(), s.FallbackMX()) {
		t.Errorf("printed and read again: %v", again.FallbackMX())
	}
	if open, err := Load(write(t, t.TempDir(), "domains.toml", strings.Split(fallbackMX, "mx =")[0])); err != nil || open.FallbackMX() != nil {
		t.Errorf("without mx: %v, %v", open, err)
	}
}
