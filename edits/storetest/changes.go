package storetest

import (
	"errors"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/settings"
)

func testAtomic(t *testing.T, p Place) {
	s := p.Open(t)
	first := get(t, s, domain("first.example"))
	before := latest(t, s)
	stale := edits.Edit{Ref: first.Ref, If: "stale", Values: edits.Values{"profile": "shared", "name": "New"}}
	set := add("a.example", "b.example")
	set.Edits = append(set.Edits, stale)
	if _, err := s.Apply(t.Context(), set); !errors.Is(err, edits.ErrConflict) {
		t.Errorf("a set with a stale revision: %v, want ErrConflict", err)
	}
	set.Edits[2] = edits.Edit{Ref: first.Ref, If: first.Revision, Values: edits.Values{"profile": "none"}}
	if _, err := s.Apply(t.Context(), set); err == nil {
		t.Error("a set with an invalid change is saved")
	}
	for _, name := range []string{"a.example", "b.example"} {
		if _, err := s.Get(t.Context(), domain(name)); !errors.Is(err, edits.ErrNotFound) {
			t.Errorf("%s of a set that was refused: %v, want ErrNotFound", name, err)
		}
	}
	if after := latest(t, s); after != before {
		t.Errorf("the history has gained %d changes", after-before)
	}
	set.Edits[2] = edits.Edit{Ref: first.Ref, If: first.Revision, Values: nil}
	if result := apply(t, s, set); len(result.Changes) != 3 || latest(t, s) != before+3 {
		t.Errorf("%d changes, want 3", len(result.Changes))
	}
	// What only the whole set makes valid: a name that moves from one record to another, and a profile with its first domain.
	apply(t, s, by("test",
		edits.Edit{Ref: domain("c.example"), If: edits.Absent, Values: edits.Values{"profile": "new", "aliases": []any{"a.example"}}},
		edits.Edit{Ref: domain("a.example"), If: edits.Any, Values: nil},
		edits.Edit{Ref: edits.Ref{Kind: edits.Profile, Name: "new"}, If: edits.Absent, Values: edits.Values{"imap": "imap.new.example", "smtp": "smtp.new.example"}},
	))
}

func testExpectations(t *testing.T, p Place) {
	s := p.Open(t)
	first := get(t, s, domain("first.example"))
	values := func(name string) edits.Values { return edits.Values{"profile": "shared", "name": name} }
	for _, test := range []struct {
		ref edits.Ref
		rev edits.Revision
		ok  bool
	}{
		{domain("none.example"), "stale", false},
		{domain("none.example"), first.Revision, false},
		{domain("none.example"), edits.Absent, true},
		{domain("none.example"), edits.Absent, false},
		{domain("any.example"), edits.Any, true},
		{domain("any.example"), edits.Any, true},
		{first.Ref, edits.Absent, false},
		{first.Ref, "stale", false},
		{first.Ref, first.Revision, true},
		{first.Ref, first.Revision, false},
		{first.Ref, edits.Any, true},
	} {
		name := strings.Repeat("x", 1+int(latest(t, s))%50) // another one with each change
		_, err := s.Apply(t.Context(), by("test", edits.Edit{Ref: test.ref, If: test.rev, Values: values(name)}))
		if test.ok && err != nil || !test.ok && !errors.Is(err, edits.ErrConflict) {
			t.Errorf("%s with the revision %q expected: %v, success wanted: %v", test.ref, test.rev, err, test.ok)
		}
	}
	for _, rev := range []edits.Revision{edits.Absent, "stale"} {
		if _, err := s.Apply(t.Context(), by("test", edits.Edit{Ref: first.Ref, If: rev, Values: nil})); !errors.Is(err, edits.ErrConflict) {
			t.Errorf("removal with the revision %q expected: %v, want ErrConflict", rev, err)
		}
	}
	apply(t, s, by("test", edits.Edit{Ref: first.Ref, If: edits.Any, Values: nil}))
	if _, err := s.Apply(t.Context(), by("test", edits.Edit{Ref: first.Ref, If: first.Revision, Values: nil})); !errors.Is(err, edits.ErrConflict) {
		t.Errorf("removal of what is gone: %v, want ErrConflict", err)
	}
}

func testConflict(t *testing.T, p Place) {
	s := p.Open(t)
	read := get(t, s, domain("first.example"))
	made := apply(t, s, by("ben", edits.Edit{Ref: read.Ref, If: read.Revision, Action: edits.ActionSet, Values: edits.Values{"profile": "shared", "name": "Ben's"}}))
	_, err := s.Apply(t.Context(), by("ann", edits.Edit{Ref: read.Ref, If: read.Revision, Action: edits.ActionSet, Values: shared()}))
	var conflict *edits.ConflictError
	if !errors.As(err, &conflict) {
		t.Fatalf("got %v, want a *ConflictError", err)
	}
	if conflict.Ref != read.Ref || conflict.Current != get(t, s, read.Ref).Revision {
		t.Errorf("it is about %s at revision %q, want %s and the current revision", conflict.Ref, conflict.Current, read.Ref)
	}
	if conflict.By == nil || conflict.By.Number != made.Changes[0].Number || conflict.By.Actor != "ben" {
		t.Errorf("it names %+v, want change %d by ben", conflict.By, made.Changes[0].Number)
	}
	if got := get(t, s, read.Ref).Values["name"]; got != "Ben's" {
		t.Errorf("the name is %v after the conflict", got)
	}
	// Also for a record that is gone.
	apply(t, s, by("ben", edits.Edit{Ref: read.Ref, If: edits.Any, Action: edits.ActionRemove, Values: nil}))
	_, err = s.Apply(t.Context(), by("ann", edits.Edit{Ref: read.Ref, If: read.Revision, Values: shared()}))
	if !errors.As(err, &conflict) || conflict.Current != edits.Absent || conflict.By == nil || conflict.By.Action != edits.ActionRemove {
		t.Errorf("a record that is gone: %v, want a *ConflictError that names the removal", err)
	}
}

func testTwice(t *testing.T, p Place) {
	s := p.Open(t)
	set := add("a.example", "a.example")
	if _, err := s.Apply(t.Context(), set); err == nil {
		t.Error("a record may be changed twice in one set")
	}
	if _, err := s.Get(t.Context(), domain("a.example")); !errors.Is(err, edits.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func testDryRun(t *testing.T, p Place) {
	s := p.Open(t)
	before := latest(t, s)
	first := get(t, s, domain("first.example"))
	set := add("a.example")
	set.Edits = append(set.Edits, edits.Edit{Ref: first.Ref, If: first.Revision, Action: edits.ActionSet, Values: edits.Values{"profile": "shared", "name": "Dry"}})
	set.DryRun = true
	result := apply(t, s, set)
	if len(result.Changes) != 2 || !strings.Contains(result.Diff, "\n+") || !strings.Contains(result.Diff, "Dry") {
		t.Errorf("%d changes and the diff %q; want 2 changes and the new name in the diff", len(result.Changes), result.Diff)
	}
	for _, c := range result.Changes {
		if c.Number != 0 {
			t.Errorf("a change of a dry run has the number %d", c.Number)
		}
	}
	if name := answered(t, result, "first.example").Name; name != "Dry" {
		t.Errorf("the configuration of a dry run answers with the name %q, want the new one", name)
	}
	if servers := answered(t, result, "a.example").Servers; len(servers) == 0 || servers[0].Host != "imap.shared.example" {
		t.Errorf("the configuration of a dry run answers for a new domain with %v, want the servers of its profile", servers)
	}
	if _, err := s.Get(t.Context(), domain("a.example")); !errors.Is(err, edits.ErrNotFound) {
		t.Errorf("a dry run has added a record: %v", err)
	}
	if got := get(t, s, first.Ref); got.Revision != first.Revision || latest(t, s) != before {
		t.Error("a dry run has changed a record or the history")
	}
	set.Edits[1].If = "stale"
	if _, err := s.Apply(t.Context(), set); !errors.Is(err, edits.ErrConflict) {
		t.Errorf("a dry run of a conflict: %v, want ErrConflict", err)
	}
	set.Edits[1] = edits.Edit{Ref: domain("b.example"), Values: edits.Values{"profile": "none"}}
	if _, err := s.Apply(t.Context(), set); !errors.As(err, new(domains.Problems)) {
		t.Errorf("a dry run of an invalid change: %v, want domains.Problems", err)
	}
}

// answered returns what clients of a domain get after a change.
func answered(t testing.TB, r edits.Result, name settings.Domain) settings.Found {
	t.Helper()
	if r.Config == nil {
		t.Fatal("the result has no configuration")
	}
	found, err := r.Config.Lookup(t.Context(), settings.Question{Host: name})
	if err != nil {
		t.Fatalf("%s after the change: %v", name, err)
	}
	return found
}

func testInvalid(t *testing.T, p Place) {
	s := p.Open(t)
	before := latest(t, s)
	profile := edits.Ref{Kind: edits.Profile, Name: "shared"}
	for _, test := range []struct {
		what string
		edit edits.Edit
		text string // part of the message
	}{
		{"unknown key", edits.Edit{Ref: domain("a.example"), Values: edits.Values{"profile": "shared", "nmae": "x"}}, `did you mean "name"`},
		{"synonym", edits.Edit{Ref: domain("a.example"), Values: edits.Values{"host": "mail.a.example"}}, `write imap = `},
		{"value", edits.Edit{Ref: domain("a.example"), Values: edits.Values{"imap": "imaps://imap.a.example:143", "smtp": "smtp.a.example"}}, "143"},
		{"type", edits.Edit{Ref: domain("a.example"), Values: edits.Values{"profile": "shared", "enabled": "yes"}}, "true or false"},
		{"incomplete", edits.Edit{Ref: domain("a.example"), Values: edits.Values{"imap": "imap.a.example"}}, "smtp"},
		{"without settings", edits.Edit{Ref: domain("a.example"), Values: edits.Values{"name": "A"}}, ""},
		{"without settings any more", edits.Edit{Ref: domain("first.example"), If: edits.Any, Values: edits.Values{}}, ""},
		{"profile", edits.Edit{Ref: domain("a.example"), Values: edits.Values{"profile": "none"}}, "none"},
		{"name", edits.Edit{Ref: domain("not a domain"), Values: shared()}, ""},
		{"public suffix below", edits.Edit{Ref: domain("*.co.uk"), Values: shared()}, "public suffix"},
		{"alias of another", edits.Edit{Ref: domain("a.example"), Values: edits.Values{"profile": "shared", "aliases": []any{"first.example"}}}, "first.example"},
		{"profile in use", edits.Edit{Ref: profile, If: edits.Any, Values: nil}, "shared"},
		{"profile with a bad value", edits.Edit{Ref: profile, If: edits.Any, Values: edits.Values{"imap": "imap.shared.example", "smtp": 5}}, "smtp"},
	} {
		_, err := s.Apply(t.Context(), by("test", test.edit))
		if !errors.As(err, new(domains.Problems)) {
			t.Errorf("%s: %v, want domains.Problems", test.what, err)
		} else if !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %v; want it to mention %q", test.what, err, test.text)
		}
	}
	if _, err := s.Get(t.Context(), domain("a.example")); !errors.Is(err, edits.ErrNotFound) {
		t.Errorf("an invalid record: %v, want ErrNotFound", err)
	}
	if latest(t, s) != before {
		t.Error("an invalid change is in the history")
	}
}

func testUnchanged(t *testing.T, p Place) {
	s := p.Open(t)
	apply(t, s, add("a.example"))
	before := latest(t, s)
	r := get(t, s, domain("a.example"))
	for what, e := range map[string]edits.Edit{
		"the same values":            {Ref: r.Ref, If: r.Revision, Values: shared()},
		"the removal of what is not": {Ref: domain("none.example"), If: edits.Absent, Values: nil},
		"any of what is not":         {Ref: domain("none.example"), If: edits.Any, Values: nil},
	} {
		result := apply(t, s, by("test", e))
		if len(result.Changes) > 0 || result.Diff != "" || result.Config != nil {
			t.Errorf("%s: %d changes, the diff %q and the configuration %v, want none", what, len(result.Changes), result.Diff, result.Config)
		}
	}
	if result := apply(t, s, by("test")); len(result.Changes) > 0 {
		t.Errorf("an empty set has %d changes", len(result.Changes))
	}
	if latest(t, s) != before || get(t, s, r.Ref).Revision != r.Revision {
		t.Error("what changes nothing is in the history, or changes the revision")
	}
	set := add("b.example")
	set.Edits = append(set.Edits, edits.Edit{Ref: r.Ref, If: r.Revision, Values: shared()})
	if result := apply(t, s, set); len(result.Changes) != 1 || result.Changes[0].Name != "b.example" {
		t.Errorf("a set with one change has %d changes", len(result.Changes))
	}
}

func testRevisions(t *testing.T, p Place) {
	s := p.Open(t)
	other := get(t, s, domain("first.example")).Revision
	seen := map[edits.Revision]string{}
	for _, name := range []string{"one", "two", "three"} {
		result := apply(t, s, by("test", edits.Edit{Ref: domain("a.example"), If: edits.Any, Values: edits.Values{"profile": "shared", "name": name}}))
		r := get(t, s, domain("a.example"))
		if got := answered(t, result, "a.example").Name; string(got) != name {
			t.Errorf("the configuration after the change has the name %q, want %q", got, name)
		}
		if before, again := seen[r.Revision]; again || r.Revision == edits.Absent || r.Revision == edits.Any {
			t.Errorf("the revision of %q is %q, as that of %q", name, r.Revision, before)
		}
		seen[r.Revision] = name
		if after := result.Changes[0].After; after == nil || after.Revision != r.Revision {
			t.Errorf("the change says that the record has another revision than %q: %+v", r.Revision, after)
		}
	}
	if now := get(t, s, domain("first.example")).Revision; now != other {
		t.Errorf("the revision of another record has changed from %q to %q", other, now)
	}
}
