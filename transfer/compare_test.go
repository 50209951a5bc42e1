package transfer

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"mailhint/domains"
)

func load(t *testing.T, text string) *domains.Snapshot {
	t.Helper()
	file := filepath.Join(t.TempDir(), "domains.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := domains.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Every way in which an answer can differ is found, in either direction.
func TestCompare(t *testing.T) {
	const before = `
[profiles.shared]
imap = "imap.example"
smtp = "smtp.example"
domains = ["listed.example"]
[domains."a.example"]
profile = "shared"
aliases = ["alias.example"]
[[domains."a.example".rules]]
from = ["192.0.2.0/24"]
imap = "ann.example"
[domains."off.example"]
profile = "shared"
enabled = false
[domains."*.wild.example"]
profile = "shared"
`
	base := func(s *domains.Snapshot) *domains.Base { return s.Base() }
	shared := map[string]any{"profile": "shared"}
	with := func(values map[string]any, key string, value any) map[string]any {
		copied := map[string]any{key: value}
		for k, v := range values {
			if k != key {
				copied[k] = v
			}
		}
		return copied
	}
	rule := func(host string) []any { return []any{map[string]any{"from": []any{"192.0.2.0/24"}, "imap": host}} }
	a := with(with(shared, "aliases", []any{"alias.example"}), "rules", rule("ann.example"))
	moved := func() map[string]map[string]any {
		return map[string]map[string]any{"listed.example": shared, "a.example": a, "off.example": with(shared, "enabled", false), "*.wild.example": shared}
	}
	for name, test := range map[string]struct {
		change func(map[string]map[string]any)
		differ string
	}{
		"nothing":       {func(map[string]map[string]any) {}, ""},
		"more":          {func(m map[string]map[string]any) { m["more.example"] = shared }, ""},
		"a listed name": {func(m map[string]map[string]any) { delete(m, "listed.example") }, "listed.example"},
		"a wildcard":    {func(m map[string]map[string]any) { delete(m, "*.wild.example") }, "*.wild.example"},
		"an alias":      {func(m map[string]map[string]any) { m["a.example"] = with(a, "aliases", []any{}) }, "alias.example"},
		"whose alias": {func(m map[string]map[string]any) {
			m["a.example"] = with(a, "aliases", []any{})
			m["alias.example"] = with(shared, "rules", rule("ann.example"))
		}, "alias.example"},
		"a rule":         {func(m map[string]map[string]any) { m["a.example"] = with(a, "rules", rule("bob.example")) }, ""},
		"a server":       {func(m map[string]map[string]any) { m["listed.example"] = with(shared, "imap", "other.example") }, "listed.example"},
		"disabled":       {func(m map[string]map[string]any) { m["listed.example"] = with(shared, "enabled", false) }, "listed.example"},
		"enabled":        {func(m map[string]map[string]any) { m["off.example"] = shared }, "off.example"},
		"a wild setting": {func(m map[string]map[string]any) { m["*.wild.example"] = with(shared, "name", "Other") }, "*.wild.example"},
	} {
		t.Run(name, func(t *testing.T) {
			was, files := load(t, before), load(t, "[store]\ntype = \"postgres\"\nurl = \"postgres://localhost/x\"\n[profiles.shared]\nimap = \"imap.example\"\nsmtp = \"smtp.example\"\n")
			values, tables := moved(), make(map[string]*domains.Resolved)
			test.change(values)
			for name, v := range values {
				r, problems := base(files).Resolve(name, v)
				if problems != nil {
					t.Fatal(problems)
				}
				tables[name] = r
			}
			stored := files.With(domains.NewRecordSet(tables))
			for direction, err := range map[string]error{"into a database": Compare(t.Context(), was, stored), "out of it": Compare(t.Context(), stored, was)} {
				var different *DifferentError
				switch {
				case name == "a rule": // a.example and its alias, in any order
					if !errors.As(err, &different) || different.What != "its settings differ" {
						t.Errorf("%s: %v", direction, err)
					}
				case direction == "out of it" && (name == "more" || name == "a listed name" || name == "a wildcard" || name == "an alias"):
					if missing := errors.As(err, &different); missing != (name == "more") {
						t.Errorf("%s: %v", direction, err)
					}
				case test.differ == "" && err != nil, test.differ != "" && (!errors.As(err, &different) || different.Domain != test.differ):
					t.Errorf("%s: %v, want a difference of %q", direction, err, test.differ)
				}
			}
		})
	}
}
