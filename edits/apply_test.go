package edits_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/edits/storetest"
)

// snapshot returns the state of a store in a form.
func snapshot(t testing.TB, s edits.Store, format string) string {
	t.Helper()
	list, err := edits.Snapshot(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := edits.Write(&b, format, list); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// apply brings a store to the state of a text.
func apply(t testing.TB, s edits.Store, text string, allowed int) (edits.Plan, error) {
	t.Helper()
	wanted, err := edits.Read(strings.NewReader(text), "wanted")
	if err != nil {
		return edits.Plan{}, err
	}
	plan, err := edits.PlanApply(t.Context(), s, wanted, allowed)
	if err != nil {
		return plan, err
	}
	_, err = s.Apply(t.Context(), edits.ChangeSet{Edits: plan.Edits, Actor: "ann", Via: edits.Command})
	return plan, err
}

// withEverything returns a store with records of all kinds.
func withEverything(t testing.TB) edits.Store {
	t.Helper()
	s := storetest.NewMemory()
	for name, args := range map[string][]string{
		"*.wild.example":        {"profile=shared"},
		"firm.example":          {"imap=imap.firm.example,imap2.firm.example", "smtp={ url = \"smtp.firm.example\", login = \"%EMAILLOCALPART%\" }", "aliases=firma.example"},
		"off.example":           {"profile=shared", "enabled=false"},
		"xn--bcher-kva.example": {"profile=shared", "name=Bücher \"&\" <mehr>\n", "auth=oauth2", "oauth2.issuer=a.example", "oauth2.scope=mail", "oauth2.auth_url=https://a.example/a", "oauth2.token_url=https://a.example/t"},
		"rules.example":         {"profile=shared", `rules=[{ from = ["192.0.2.0/24"], profile = "listed" }, { from = ["198.51.100.0/24"], name = "Inside" }]`},
		"added.example":         {"profile=listed"},
		"new.example":           {"profile=listed"},
	} {
		e, err := edits.Add(t.Context(), s, domain(name), parse(t, args...))
		save(t, s, e, err)
	}
	e, err := edits.Set(t.Context(), s, domain("added.example"), parse(t, "name=An exception"))
	save(t, s, e, err)
	return s
}

// TestSnapshotChangesNothing: what a snapshot says is what there is, in both forms.
func TestSnapshotChangesNothing(t *testing.T) {
	s := withEverything(t)
	for _, format := range edits.Formats {
		text := snapshot(t, s, format)
		plan, err := apply(t, s, text, 0)
		if err != nil || len(plan.Edits) > 0 || plan.Same != 11 {
			t.Errorf("%s: %v, %+v; want no edits and 11 records as they are\n%s", format, err, plan, text)
		}
		if got := plan.String(); got != "nothing to change: all 11 records are as wanted" {
			t.Errorf("the plan says %q", got)
		}
		// Elsewhere it leads to the same state.
		other := storetest.NewMemory()
		if _, err := apply(t, other, text, edits.DefaultRemovals); err != nil {
			t.Errorf("%s: %v", format, err)
		}
		if got := snapshot(t, other, format); got != text {
			t.Errorf("%s: elsewhere it becomes\n%s\nwant\n%s", format, got, text)
		}
	}
}

// TestApplyRandom: a store comes from any state to any other in one step, and is then as wanted.
func TestApplyRandom(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	state := func() string {
		s := storetest.NewMemory()
		var set edits.ChangeSet
		for i := range 20 {
			e := edits.Edit{Ref: domain(fmt.Sprintf("d%d.example", i))}
			switch random.IntN(5) {
			case 0:
				continue
			case 1:
				e.Values, e.List = edits.Values{}, "listed"
			case 2:
				e.Values, e.List = edits.Values{"name": fmt.Sprint("exception ", random.IntN(3))}, "listed"
			case 3:
				e.Values = edits.Values{"profile": "shared", "enabled": random.IntN(2) == 0}
			case 4:
				e.Values = edits.Values{"imap": "imap.example.com", "smtp": "smtp.example.com", "aliases": []any{fmt.Sprintf("alias%d.example", random.IntN(1000)*20+i)}}
			}
			set.Edits = append(set.Edits, e)
		}
		if _, err := s.Apply(t.Context(), set); err != nil {
			t.Fatal(err)
		}
		return snapshot(t, s, edits.Formats[random.IntN(2)])
	}
	s := storetest.NewMemory()
	for range 30 {
		wanted := state()
		if _, err := apply(t, s, wanted, 100); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		format := "toml"
		if wanted[0] == '{' {
			format = "json"
		}
		if got := snapshot(t, s, format); got != wanted {
			t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, got, wanted)
		}
	}
}

func TestApplyRemovals(t *testing.T) {
	for _, test := range []struct {
		before, removed, allowed int
		ok                       bool
	}{
		{40, 10, edits.DefaultRemovals, true},
		{40, 11, edits.DefaultRemovals, false},
		{300, 30, edits.DefaultRemovals, true},
		{300, 31, edits.DefaultRemovals, false},
		{300, 31, 31, true},
		{300, 31, 30, false},
		{40, 1, 0, false},
		{5, 4, edits.DefaultRemovals, true},
	} {
		s := storetest.NewMemory()
		var set edits.ChangeSet
		for i := range test.before - 4 { // 4 are there already
			set.Edits = append(set.Edits, edits.Edit{Ref: domain(fmt.Sprintf("d%03d.example", i)), Values: edits.Values{"profile": "shared"}})
		}
		if _, err := s.Apply(t.Context(), set); err != nil {
			t.Fatal(err)
		}
		lines := slices.Collect(strings.Lines(snapshot(t, s, "json")))
		text := strings.Join(append(lines[:2:2], lines[2+min(test.removed, len(lines)-2):]...), "")
		if test.before == 5 {
			text = lines[1] + lines[2]
			test.removed = 3
		}
		before := snapshot(t, s, "json")
		plan, err := apply(t, s, text, test.allowed)
		var removals *edits.RemovalsError
		if test.ok && err != nil || !test.ok && !errors.As(err, &removals) {
			t.Errorf("%+v: %v", test, err)
		}
		if plan.Removed != test.removed {
			t.Errorf("%+v: %d would be removed", test, plan.Removed)
		}
		if !test.ok && (snapshot(t, s, "json") != before || removals.Removed != test.removed || removals.Before != test.before) {
			t.Errorf("%+v: %+v", test, removals)
		}
	}
	// Nothing at all is never meant.
	if _, err := apply(t, storetest.NewMemory(), "", edits.DefaultRemovals); !errors.As(err, new(*edits.RemovalsError)) {
		t.Errorf("an empty snapshot: %v, want a *RemovalsError", err)
	}
}

// TestRead: both forms, as people and programs write them.
func TestRead(t *testing.T) {
	for _, text := range []string{
		"{\"kind\":\"profile\",\"name\":\"p\",\"values\":{\"domains\":[\"B.example\",\"a.example\"]}}\r\n\r\n{\"name\":\"A.example\",\"values\":{\"name\":\"x\"}}",
		"\uFEFF{\"kind\":\"profile\",\"name\":\"p\",\"values\":{}}\n{\"name\":\"a.example\",\"list\":\"p\",\"values\":{\"name\":\"x\"}}\n{\"name\":\"b.example\",\"list\":\"p\",\"values\":{}}\n",
		"# a comment\n[profiles.p]\ndomains = [\"b.example\", \"a.example\"]\n[domains.\"a.example\"]\nname = 'x'\n",
		"\uFEFFversion = 1\n\n[domains]\n\"A.example\" = { name = \"x\" }\n[profiles]\np.domains = [\"b.example\", \"a.example\"]\n",
	} {
		list, err := edits.Read(strings.NewReader(text), "x")
		if err != nil {
			t.Errorf("%s\n%v", text, err)
			continue
		}
		var got []string
		for _, w := range list {
			got = append(got, fmt.Sprint(w.Ref, " ", w.List, " ", w.Values))
		}
		slices.Sort(got)
		want(t, strings.Join(got, "; "), "a.example p map[name:x]; b.example p map[]; profile p  map[]")
	}
	for text, want := range map[string]string{
		"{\"name\":\"a.example\",\"list\":\"p\",\"values\":{}}": "x:1: a.example: is to be in the list of profile \"p\", which is not here",
		"[server]\n":                         "x:1: server: does not belong to the records",
		"[defaults]\nimap = \"a.example\"\n": "x:1: defaults: does not belong",
		"[domains.\"a.example\"]\n[domains.\"A.example\"]\n":                 "x:2: a.example: is already at line 1; remove one of them",
		"[domains.a.example]\n":                                              "write [domains.\"a.example\"]",
		"[domains.\"a\"]\n":                                                  "x:1: domains.a: ",
		"[profiles.p]\ndomains = [\n\"a.example\",\n\"a b\"]\n":              "x:4: profiles.p.domains: \"a b\" is not a valid domain name",
		"[domains.\"a.example\"\n":                                           "x:2: is not valid TOML",
		"imap = 1\n":                                                         "x:1: imap: unknown key",
		"hello\n":                                                            "x:1: is not valid TOML",
		"\x00\x01\x02":                                                       "is not a text",
		"[{\"name\":\"a.example\"}]":                                         "is a JSON array; write one object on each line",
		"{\"name\":\"a.example\",\"values\":{}} {}":                          "x:1: there is something after the object",
		"{\"name\":\"a.example\",\"values\":{\"imap\":1e400}}":               "x:1: ",
		"{\"name\":\"a.example\",\"values\":[]}":                             "x:1: is not a valid record",
		"{\"name\":\"*.a.example\",\"list\":\"p\",\"values\":{}}":            "x:1: *.a.example: a wildcard cannot be in a list",
		"{\"kind\":\"profile\",\"name\":\"\",\"values\":{}}":                 "x:1: a profile needs a name",
		"{\"kind\":\"profile\",\"name\":\"p\",\"list\":\"q\",\"values\":{}}": "x:1: a profile needs a name, and cannot be in a list",
		strings.Repeat("a={", 40):                                            "x:1: a key has more than 16 parts",
	} {
		_, err := edits.Read(strings.NewReader(text), "x")
		if !errors.As(err, new(domains.Problems)) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
	if _, err := edits.ReadAtMost(&endless{}, "x", 1<<20); !errors.As(err, new(domains.Problems)) || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("endless: %v", err)
	}
}

// endless is a reader without an end.
type endless struct{}

func (*endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '\n'
	}
	return len(b), nil
}

func FuzzRead(f *testing.F) {
	s := withEverything(f)
	for _, format := range edits.Formats {
		f.Add(snapshot(f, s, format))
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := edits.Read(strings.NewReader(text), "x")
		if err != nil {
			return
		}
		for _, format := range edits.Formats {
			var b strings.Builder
			if err := edits.Write(&b, format, list); err != nil {
				t.Fatal(err)
			}
			again, err := edits.Read(strings.NewReader(b.String()), "y")
			if err != nil || len(again) != len(list) {
				t.Fatalf("%s: %v, %d records, want %d\n%s", format, err, len(again), len(list), b.String())
			}
		}
	})
}
