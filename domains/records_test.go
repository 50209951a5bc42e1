package domains_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"mailhint/domains"
	"mailhint/settings"
)

// stored returns a configuration with tables of a database beside its files.
func stored(t *testing.T, text string, tables map[string]map[string]any) *domains.Snapshot {
	t.Helper()
	s := loadFile(t, writeAll(t, t.TempDir(), map[string]string{"domains.toml": text}))
	resolved := make(map[string]*domains.Resolved)
	for name, values := range tables {
		r, problems := s.Base().Resolve(name, values)
		if problems != nil {
			t.Fatal(problems)
		}
		resolved[name] = r
	}
	return s.With(domains.NewRecordSet(resolved))
}

const storeFiles = `
[server]
name = "setup.example.com"
[profiles.shared]
imap = "imap.example.com"
smtp = "smtp.example.com"
domains = ["listed.example"]
[profiles.made]
imap = "imap.%EMAILDOMAIN%"
smtp = "smtp.%PRIMARYDOMAIN%"
[domains."both.example"]
imap = "file.example.com"
smtp = "file.example.com"
[domains."*.wild.example"]
imap = "wild.example.com"
smtp = "wild.example.com"
[fallback]
profile = "shared"
mx = ["mx.example.com"]
`

func storeTables() map[string]map[string]any {
	own := func(host string) map[string]any { return map[string]any{"imap": host, "smtp": host} }
	with := func(values map[string]any, key string, v any) map[string]any { values[key] = v; return values }
	return map[string]map[string]any{
		"own.example":            with(own("own.example.com"), "aliases", []any{"alias.example", "listed.example"}),
		"made.example":           {"profile": "made", "aliases": []any{"made-alias.example"}},
		"both.example":           with(own("store.example.com"), "aliases", []any{"both-alias.example"}),
		"exact.wild.example":     own("exact.example.com"),
		"*.deep.wild.example":    own("deep.example.com"),
		"*.stored.example":       own("stored.example.com"),
		"off.example":            {"profile": "shared", "enabled": false},
		"off.below.wild.example": {"profile": "shared", "enabled": false},
	}
}

// The order is exact name, longest wildcard, fallback, wherever the tables are; and what both have is answered from the files.
func TestStoredLookup(t *testing.T) {
	s := stored(t, storeFiles, storeTables())
	s.AskExchangers(func(d settings.Domain, _ []settings.Domain, _ netip.Addr) bool { return d == "mx-ours.example" })
	for name, want := range map[settings.Domain]string{
		"own.example":            "own.example.com",
		"alias.example":          "own.example.com",
		"listed.example":         "imap.example.com",
		"made.example":           "imap.%EMAILDOMAIN%",
		"both.example":           "file.example.com",
		"both-alias.example":     "",
		"exact.wild.example":     "exact.example.com",
		"other.wild.example":     "wild.example.com",
		"a.deep.wild.example":    "deep.example.com",
		"a.b.deep.wild.example":  "deep.example.com",
		"deep.wild.example":      "wild.example.com",
		"a.stored.example":       "stored.example.com",
		"stored.example":         "",
		"off.example":            "",
		"off.below.wild.example": "",
		"mx-ours.example":        "imap.example.com",
		"unknown.example":        "",
	} {
		found, err := s.Lookup(t.Context(), settings.Question{Host: name})
		switch {
		case want == "" && !errors.Is(err, settings.ErrDomainNotFound):
			t.Errorf("%s: %+v, %v, want not found", name, found.Settings, err)
		case want != "" && (err != nil || string(found.Servers[0].Host) != want):
			t.Errorf("%s: %+v, %v, want %s", name, found.Settings, err, want)
		}
	}
	if found, err := s.Lookup(t.Context(), settings.Question{Host: "made-alias.example"}); err != nil || found.Domain != "made-alias.example" || found.Primary != "made.example" {
		t.Errorf("an alias is %s of %s, %v", found.Domain, found.Primary, err)
	}
}

func TestStoredNames(t *testing.T) {
	s := stored(t, storeFiles, storeTables())
	if got, want := s.Domains(), 3+12; got != want {
		t.Errorf("%d domains, want %d", got, want)
	}
	for host, want := range map[string][2]bool{ // covered, listed
		"autoconfig.own.example":            {true, true},
		"autoconfig.alias.example":          {true, true},
		"autoconfig.a.stored.example":       {true, false},
		"autoconfig.exact.wild.example":     {true, true},
		"autoconfig.other.wild.example":     {true, false},
		"autoconfig.off.example":            {false, false},
		"autoconfig.off.below.wild.example": {false, false},
		"autoconfig.unknown.example":        {false, false},
		"own.example":                       {false, false},
		"setup.example.com":                 {true, true},
	} {
		if s.Covers(host) != want[0] || s.Lists(host) != want[1] {
			t.Errorf("%s: covered %v, listed %v, want %v", host, s.Covers(host), s.Lists(host), want)
		}
	}
	covered := slices.Collect(s.Covered())
	for _, host := range covered {
		if !s.Lists(host) {
			t.Errorf("%s is yielded and not listed", host)
		}
	}
	slices.Sort(covered)
	if len(slices.Compact(slices.Clone(covered))) != len(covered) {
		t.Errorf("a name is yielded twice: %v", covered)
	}
	for _, d := range []settings.Domain{"own.example", "alias.example", "listed.example", "both.example", "exact.wild.example", "made.example"} {
		for _, host := range settings.ServiceHosts(d) {
			if !slices.Contains(covered, host) {
				t.Errorf("%s is not yielded", host)
			}
		}
	}
	var named []string
	for _, d := range s.NamedDomains() {
		named = append(named, string(d))
	}
	slices.Sort(named)
	want := []string{"alias.example", "both.example", "exact.wild.example", "listed.example", "made-alias.example", "made.example", "own.example"}
	if !slices.Equal(named, want) {
		t.Errorf("named domains %v, want %v", named, want)
	}
}

func TestStoredServersAreAdvertised(t *testing.T) {
	s := stored(t, storeFiles, storeTables())
	hosts := make(map[string]bool)
	for host := range s.Advertised() {
		hosts[host] = true
	}
	for _, host := range []string{"own.example.com", "deep.example.com", "stored.example.com", "imap.made.example", "imap.made-alias.example", "smtp.made.example", "wild.example.com"} {
		if !hosts[host] {
			t.Errorf("%s is not advertised: %v", host, slices.Sorted(maps.Keys(hosts)))
		}
	}
	if hosts["smtp.made-alias.example"] || len(hosts) > 12 {
		t.Errorf("advertised are %v", slices.Sorted(maps.Keys(hosts)))
	}
	for host := range s.Advertised() { // a caller that has enough
		if host != "" {
			break
		}
	}
}

func TestStoredEntriesFor(t *testing.T) {
	s := stored(t, storeFiles, storeTables())
	entries, err := s.EntriesFor([]settings.Domain{"alias.example", "own.example", "a.stored.example", "both.example", "off.example"})
	var got []string
	for _, e := range entries {
		got = append(got, fmt.Sprintf("%d%v%v", e.Kind, e.Names, e.Disabled))
	}
	want := []string{"1[own.example alias.example]false", "1[a.stored.example]false", "1[off.example]true", "1[both.example]false"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	if _, err := s.EntriesFor([]settings.Domain{"unknown.example"}); err == nil {
		t.Error("an unknown name has an entry")
	}
	if err := s.Unanswered("off.example"); err == nil || err.Error() != "off.example is disabled; remove enabled = false" {
		t.Errorf("off.example: %v", err)
	}
}

// incomplete are Records that nothing is known of yet.
type incomplete struct{ *domains.RecordSet }

func (incomplete) Complete() bool { return false }

// As long as not all names are known, a name that is not found is neither unknown nor the fallback's.
func TestIncompleteRecords(t *testing.T) {
	s := loadFile(t, writeAll(t, t.TempDir(), map[string]string{"domains.toml": storeFiles})).With(incomplete{domains.NewRecordSet(nil)})
	s.AskExchangers(func(settings.Domain, []settings.Domain, netip.Addr) bool { return true })
	for _, d := range []settings.Domain{"unknown.example", "a.wild.example"} {
		if found, err := s.Lookup(context.Background(), settings.Question{Host: d}); !errors.Is(err, settings.ErrUnavailable) {
			t.Errorf("%s: %+v, %v", d, found.Settings, err)
		}
	}
	if _, err := s.Lookup(context.Background(), settings.Question{Host: "both.example"}); err != nil {
		t.Errorf("a name of the files: %v", err)
	}
}

func TestClaimed(t *testing.T) {
	s := loadFile(t, writeAll(t, t.TempDir(), map[string]string{"domains.toml": storeFiles}))
	if at, ok := s.Claimed("both.example"); !ok || at.Line != 11 {
		t.Errorf("both.example is at %s, %v", at, ok)
	}
	if _, ok := s.Claimed("*.wild.example"); !ok {
		t.Error("the wildcard is not claimed")
	}
	if _, ok := s.Claimed("wild.example"); ok {
		t.Error("what is above the wildcard is claimed")
	}
	want := []string{"*.wild.example", "both.example", "listed.example"}
	if got := slices.Sorted(iter.Seq[string](s.ClaimedNames())); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
