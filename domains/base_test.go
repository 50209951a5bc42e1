package domains_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"mailhint/domains"
	"mailhint/settings"
)

const storeBase = `
[defaults]
docs = "https://help.example.com/"
[profiles.shared]
imap = "imap.example.com"
smtp = "smtp.example.com"
[profiles.incoming]
imap = "imap.example.com"
[profiles.plain]
imap = "imap+plain://imap.example.com"
smtp = "smtp.example.com"
allow_plaintext = ["10.0.0.0/8"]
[profiles.made]
imap = "imap.%EMAILDOMAIN%"
smtp = "smtp.example.com"
[domains."file.example"]
profile = "shared"
aliases = ["alias.example"]
[domains."*.file.example"]
profile = "shared"
`

// storedTables are tables of domains as both a file and a database may have them.
var storedTables = []string{
	`profile = "shared"`,
	`imap = "mail.example.com"
smtp = "mail.example.com"`,
	`imap = ["imaps://a.example.com:1993", { url = "b.example.com", login = "%EMAILLOCALPART%" }]
smtp = "a.example.com"
name = "Firm"
accent = "#0b6e4f"`,
	`profile = "shared"
aliases = ["second.example", "Dritte.Example"]
[domains."new.example".oauth2]
issuer = "login.example.com"
scope = ["mail"]
auth_url = "https://login.example.com/auth"
token_url = "https://login.example.com/token"`,
	`profile = "incoming"`,
	`profile = "incoming"
smtp = "mail.example.com"`,
	`profile = "shared"
smtp = []`,
	`profile = "shared"
enabled = false`,
	`profile = "plain"`,
	`profile = "plain"
allow_plaintext = []`,
	`profile = "missing"`,
	`imap = "mail.example.com"`,
	`iamp = "mail.example.com"
smtp = 7`,
	`autodiscover = "redirect:https://autodiscover.new.example/autodiscover/autodiscover.xml"`,
	`profile = "shared"
[[domains."new.example".rules]]
from = ["192.0.2.0/24"]
profile = "plain"
[[domains."new.example".rules]]
from = ["10.0.0.0/8"]
login = "%EMAILLOCALPART%"`,
	`profile = "shared"
[[domains."new.example".rules]]
login = "x"`,
	``,
}

func loadBase(t *testing.T) *domains.Snapshot {
	t.Helper()
	return loadFile(t, writeAll(t, t.TempDir(), map[string]string{"domains.toml": storeBase}))
}

func decodeTable(t *testing.T, text string) map[string]any {
	t.Helper()
	var file struct {
		Domains map[string]map[string]any `toml:"domains"`
	}
	if _, err := toml.Decode("[domains.\"new.example\"]\n"+text, &file); err != nil {
		t.Fatal(err)
	}
	return file.Domains["new.example"]
}

// A table means the same in a database as in a file, and what is refused there is refused here.
func TestStoredTablesMeanTheSame(t *testing.T) {
	base := loadBase(t).Base()
	for _, text := range storedTables {
		inFile, err := domains.Load(writeAll(t, t.TempDir(), map[string]string{"domains.toml": storeBase + "[domains.\"new.example\"]\n" + text}))
		r, problems := base.Resolve("new.example", decodeTable(t, text))
		if err != nil {
			var want domains.Problems
			errors.As(err, &want)
			if got, want := withoutPlaces(problems), withoutPlaces(want); !slices.Equal(got, want) {
				t.Errorf("%s\nin a database: %v\nin a file:     %v", text, got, want)
			}
			continue
		}
		if problems != nil {
			t.Errorf("%s\nin a database: %v", text, problems)
			continue
		}
		stored := loadBase(t).With(domains.NewRecordSet(map[string]*domains.Resolved{"new.example": r}))
		for _, d := range []settings.Domain{"new.example", "second.example", "dritte.example", "other.example"} {
			for _, client := range []string{"192.0.2.1", "10.1.1.1", "203.0.113.1"} {
				q := settings.Question{Host: d, Client: netip.MustParseAddr(client)}
				want, wantErr := inFile.Lookup(t.Context(), q)
				got, err := stored.Lookup(t.Context(), q)
				if !reflect.DeepEqual(got, want) || !errors.Is(err, wantErr) {
					t.Errorf("%s\n%s for %s: %+v, %v; want %+v, %v", text, d, client, got, err, want, wantErr)
				}
				if a, b := len(stored.Explain(got.Settings)), len(inFile.Explain(want.Settings)); a != b {
					t.Errorf("%s\n%s: %d origins, want %d", text, d, a, b)
				}
			}
		}
		if got, want := stored.Entries(), inFile.Entries(); len(got) != len(want) || !sameNames(got, want) {
			t.Errorf("%s\nentries %+v, want %+v", text, got, want)
		}
	}
}

func withoutPlaces(problems domains.Problems) []string {
	var texts []string
	for _, p := range problems {
		text := p.Key + ": " + p.Text
		text, _, _ = strings.Cut(text, "(built-in")
		texts = append(texts, text)
	}
	slices.Sort(texts)
	return texts
}

func sameNames(a, b []domains.Entry) bool {
	names := func(entries []domains.Entry) (all []string) {
		for _, e := range entries {
			all = append(all, fmt.Sprint(e.Kind, slices.Sorted(slices.Values(e.Names)), e.Disabled))
		}
		slices.Sort(all)
		return all
	}
	return slices.Equal(names(a), names(b))
}

// What names a file of one machine, or cannot be the name of a domain, is refused.
func TestResolveRefuses(t *testing.T) {
	base := loadBase(t).Base()
	for name, values := range map[string]map[string]any{
		"a.example":      {"profile": "shared", "logo": "logo.png"},
		"b.example":      {"profile": "shared", "rules": []any{map[string]any{"users_file": "/etc/passwd"}}},
		"Upper.example":  {"profile": "shared"},
		"no domain":      {"profile": "shared"},
		"*.com":          {"profile": "shared"},
		"*":              {"profile": "shared"},
		"*.w.example":    {"profile": "shared", "aliases": []any{"x.example"}},
		"self.example":   {"profile": "shared", "aliases": []any{"self.example"}},
		"twice.example":  {"profile": "shared", "aliases": []any{"x.example", "X.example"}},
		"number.example": {"profile": 7.5},
	} {
		if _, problems := base.Resolve(name, values); len(problems) == 0 {
			t.Errorf("%s %v is accepted", name, values)
		}
	}
	for name, values := range map[string]map[string]any{
		"a": {"logo": "logo.png"}, "b": {"domains_file": "/etc/passwd"}, "c": {"domains": []any{"x.example"}}, "d": {"imap": 7}, "e": {"profile": "shared"},
	} {
		if next, failed := base.With(map[string]map[string]any{name: values}); len(failed[name]) == 0 || next.HasProfile(name) {
			t.Errorf("profile %s %v is accepted", name, values)
		}
	}
}

// A profile of the database is like one of the files.
func TestStoredProfiles(t *testing.T) {
	base := loadBase(t).Base()
	with, failed := base.With(map[string]map[string]any{"stored": {"imap": "imap.stored.example", "smtp": "smtp.stored.example"}, "made": nil, "plain": {"imap": 7}})
	if len(failed) != 1 || !with.HasProfile("stored") || base.HasProfile("stored") || with.HasProfile("made") || !with.HasProfile("plain") {
		t.Fatal(failed)
	}
	r, problems := with.Resolve("a.example", map[string]any{"profile": "stored"})
	if problems != nil || r.Settings().Servers[0].Host != "imap.stored.example" || r.Settings().Docs != "https://help.example.com/" {
		t.Errorf("%v, %v", r, problems)
	}
}

// Two tables with the same profile and shape are both good, or both bad, whatever the profile becomes.
func TestShape(t *testing.T) {
	values := map[string][]any{
		"imap":            {nil, "imap.example.com", "imap+plain://imap.example.com", []any{}},
		"smtp":            {nil, "smtp.example.com", "submission+anyport://smtp.example.com:25", []any{}},
		"pop3":            {nil, nil, "pop3s://pop.example.com", []any{}},
		"caldav":          {nil, nil, "https://dav.example.com/", ""},
		"allow_plaintext": {nil, nil, []any{"10.0.0.0/8"}, []any{}},
		"autodiscover":    {nil, nil, "redirect:https://autodiscover.example.com/", ""},
		"name":            {nil, "Firm", "Other"},
	}
	random := rand.New(rand.NewPCG(3, 4))
	layer := func() map[string]any {
		table := make(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(values)) { // the same in every run
			list := values[key]
			if v := list[random.IntN(len(list))]; v != nil {
				table[key] = v
			}
		}
		return table
	}
	empty := loadBase(t).Base()
	shapes := make(map[string][]map[string]any)
	complete := must(t, empty, "complete", map[string]any{"imap": "a.example.com", "smtp": "a.example.com", "allow_plaintext": []any{"10.0.0.0/8"}})
	for range 1500 {
		table := layer()
		table["profile"] = "complete"
		if random.IntN(4) == 0 {
			rule := layer()
			rule["from"] = []any{"192.0.2.0/24"}
			table["rules"] = []any{rule}
		}
		if r, problems := complete.Resolve("a.example", table); problems == nil {
			shapes[r.Shape()] = append(shapes[r.Shape()], table)
		}
	}
	good, bad := 0, 0
	for range 20 {
		base := must(t, empty, "complete", layer())
		for shape, tables := range shapes {
			_, first := base.Resolve("a.example", tables[0])
			for _, table := range tables[1:] {
				_, problems := base.Resolve("a.example", table)
				if (first == nil) != (problems == nil) {
					t.Fatalf("shape %q: %v is %v, %v is %v", shape, tables[0], first, table, problems)
				}
				if problems == nil {
					good++
				} else {
					bad++
				}
			}
		}
	}
	t.Logf("%d shapes, %d good and %d bad tables", len(shapes), good, bad)
	if len(shapes) < 50 || good < 300 || bad < 300 {
		t.Errorf("only %d shapes, %d good and %d bad tables", len(shapes), good, bad)
	}
}

func must(t *testing.T, b *domains.Base, profile string, values map[string]any) *domains.Base {
	t.Helper()
	next, failed := b.With(map[string]map[string]any{profile: values})
	if len(failed) > 0 {
		t.Fatal(failed)
	}
	return next
}

// A logo of a profile that only tables of the database have is read with the files.
func TestStoredTableInheritsLogo(t *testing.T) {
	dir := t.TempDir()
	s := loadFile(t, writeAll(t, dir, map[string]string{
		"domains.toml": storeBase + "[profiles.branded]\nimap = \"a.example.com\"\nsmtp = \"a.example.com\"\nlogo = \"logo.png\"\n",
	}))
	r, problems := s.Base().Resolve("a.example", map[string]any{"profile": "branded"})
	if problems != nil {
		t.Fatal(problems)
	}
	if logo := r.Settings().Logo; logo == nil || s.Logo(logo.Name) != logo || logo.File != filepath.Join(dir, "logo.png") {
		t.Errorf("logo %+v", logo)
	}
}
