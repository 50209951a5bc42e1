package storetest

import (
	"errors"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/edits"
)

// testLists: names in the list of a profile are records, which come and go with it.
func testLists(t *testing.T, p Place) {
	s := p.Open(t)
	r := get(t, s, domain("inlist.example"))
	if r.ManagedBy != edits.ByList || r.List != "listed" || r.Profile != "listed" || !r.Enabled || r.Values == nil || len(r.Values) != 0 {
		t.Errorf("got %+v; want an enabled record without values, managed by the list of the profile listed", r)
	}
	made := apply(t, s, by("ann", edits.Edit{Ref: domain("new.example"), If: edits.Absent, Action: edits.ActionAdd, Values: edits.Values{}, List: "listed"}))
	if len(made.Changes) != 1 || made.Diff == "" {
		t.Fatalf("%d changes and the diff %q", len(made.Changes), made.Diff)
	}
	c := made.Changes[0]
	if c.Before != nil || c.After == nil || c.After.List != "listed" || c.After.ManagedBy != edits.ByList || c.After.Profile != "listed" {
		t.Errorf("the change is %+v with the state %+v", c, c.After)
	}
	added := get(t, p.Open(t), domain("new.example"))
	if added.List != "listed" || len(added.Values) != 0 || added.Revision != c.After.Revision {
		t.Errorf("got %+v", added)
	}
	profile := get(t, s, edits.Ref{Kind: edits.Profile, Name: "listed"})
	if _, has := profile.Values["domains"]; has {
		t.Error("the names of a list are among the values of its profile")
	}
	if got := names(list(t, s, edits.Query{ManagedBy: edits.ByList}).Records); strings.Join(got, " ") != "inlist.example new.example" {
		t.Errorf("managed by list: %q", got)
	}
	if _, err := s.Apply(t.Context(), by("ben", edits.Edit{Ref: added.Ref, If: edits.Absent, Values: edits.Values{}, List: "listed"})); !errors.Is(err, edits.ErrConflict) {
		t.Errorf("the same again: %v, want ErrConflict", err)
	}
	_, err := s.Apply(t.Context(), by("ann", edits.Edit{Ref: domain("x.example"), If: edits.Absent, Values: edits.Values{}, List: "none"}))
	if !errors.As(err, new(domains.Problems)) {
		t.Errorf("into the list of a profile that does not exist: %v, want domains.Problems", err)
	}
	apply(t, s, by("ann", edits.Edit{Ref: domain("x.example"), If: edits.Absent, Values: edits.Values{}, List: "shared"}))
	if r := get(t, p.Open(t), domain("x.example")); r.List != "shared" || r.ManagedBy != edits.ByList || len(r.Values) != 0 {
		t.Errorf("into the list of a profile that had none: %+v", r)
	}
	apply(t, s, by("ann", edits.Edit{Ref: domain("x.example"), If: edits.Any, Values: nil}))
	apply(t, s, by("ann", edits.Edit{Ref: edits.Ref{Kind: edits.Profile, Name: "fresh"}, If: edits.Absent, Values: edits.Values{"imap": "imap.fresh.example", "smtp": "smtp.fresh.example"}},
		edits.Edit{Ref: domain("y.example"), If: edits.Absent, Values: edits.Values{}, List: "fresh"},
		edits.Edit{Ref: domain("z.example"), If: edits.Absent, Values: edits.Values{}, List: "fresh"}))
	if got := names(list(t, p.Open(t), edits.Query{Profile: "fresh"}).Records); strings.Join(got, " ") != "y.example z.example" {
		t.Errorf("a profile that was added together with its list has %q", got)
	}
	apply(t, s, by("ann", edits.Edit{Ref: added.Ref, If: added.Revision, Action: edits.ActionRemove, Values: nil}))
	if _, err := s.Get(t.Context(), added.Ref); !errors.Is(err, edits.ErrNotFound) {
		t.Errorf("a name that has been removed from the list: %v, want ErrNotFound", err)
	}
	// A profile whose list is not empty cannot go.
	if _, err := s.Apply(t.Context(), by("ann", edits.Edit{Ref: profile.Ref, If: edits.Any, Values: nil})); !errors.As(err, new(domains.Problems)) {
		t.Errorf("the removal of a profile with names in its list: %v, want domains.Problems", err)
	}
}

// testExceptions: a name in a list can have values of its own, and lose them again.
func testExceptions(t *testing.T, p Place) {
	s := p.Open(t)
	ref := domain("inlist.example")
	step := func(values edits.Values, list string) edits.Record {
		t.Helper()
		before := get(t, s, ref)
		made := apply(t, s, by("ann", edits.Edit{Ref: ref, If: before.Revision, Action: edits.ActionSet, Values: values, List: list}))
		after := get(t, p.Open(t), ref)
		if !after.Values.Equal(values) || after.List != list {
			t.Errorf("got the values %v and the list %q, want %v and %q", after.Values, after.List, values, list)
		}
		if after.Revision == before.Revision {
			t.Error("the revision is the same after the change")
		}
		if c := made.Changes[0]; c.Before.Revision != before.Revision || c.After.Revision != after.Revision || c.Before.List != before.List || c.After.List != list {
			t.Errorf("the change is from %+v to %+v", c.Before, c.After)
		}
		return after
	}
	if r := step(edits.Values{"login": "%EMAILLOCALPART%"}, "listed"); r.Profile != "listed" || r.ManagedBy == edits.ByList {
		t.Errorf("the exception is %+v; want the profile of the list, and not managed by it", r)
	}
	if r := step(edits.Values{"login": "%EMAILLOCALPART%", "profile": "shared"}, "listed"); r.Profile != "shared" {
		t.Errorf("an exception with another profile has the profile %q", r.Profile)
	}
	if r := step(edits.Values{}, "listed"); r.ManagedBy != edits.ByList || r.Profile != "listed" {
		t.Errorf("without values of its own it is %+v; want it managed by the list", r)
	}
	step(edits.Values{"profile": "shared"}, "")
	step(edits.Values{"enabled": false}, "listed")
	apply(t, s, by("ann", edits.Edit{Ref: ref, If: edits.Any, Action: edits.ActionRemove, Values: nil}))
	if _, err := s.Get(t.Context(), ref); !errors.Is(err, edits.ErrNotFound) {
		t.Errorf("an exception that has been removed with its name in the list: %v, want ErrNotFound", err)
	}
	c := history(t, s, edits.HistoryQuery{Ref: ref, Limit: 1})[0]
	apply(t, s, by("ann", edits.Edit{Ref: ref, If: edits.Absent, Action: edits.ActionUndo, Undoes: c.Number, Values: c.Before.Values, List: c.Before.List, Text: c.Before.Text, File: c.Before.File}))
	if r := get(t, s, ref); r.List != "listed" || !r.Values.Equal(edits.Values{"enabled": false}) {
		t.Errorf("restored: %+v; want the name in the list again, and its exception", r)
	}
}

// testText: what a person has written is kept, and comes back as it was.
func testText(t *testing.T, p Place) {
	s := p.Open(t)
	ref := domain("a.example")
	text := "# Ann's domain\n[domains.\"a.example\"]\nprofile   = 'shared' # for now\n\n# the name\nname = \"A\"\n"
	values := edits.Values{"profile": "shared", "name": "A"}
	made := apply(t, s, by("ann", edits.Edit{Ref: ref, If: edits.Absent, Action: edits.ActionEdit, Values: values, Text: text}))
	if got := made.Changes[0].After.Text; !strings.Contains(got, "profile   = 'shared' # for now\n\n# the name\n") {
		t.Errorf("the text is kept as %q", got)
	}
	if got := get(t, s, ref).Text; got != made.Changes[0].After.Text {
		t.Errorf("the record has the text %q, its state %q", got, made.Changes[0].After.Text)
	}
	if file := made.Changes[0].After.File; file == "" {
		t.Error("the change does not say where the text is")
	}
	if !get(t, s, ref).Values.Equal(values) {
		t.Errorf("the values are %v", get(t, s, ref).Values)
	}
	apply(t, s, by("ann", edits.Edit{Ref: ref, If: edits.Any, Action: edits.ActionSet, Values: edits.Values{"profile": "shared"}}))
	apply(t, s, by("ann", edits.Edit{Ref: ref, If: edits.Any, Action: edits.ActionRemove, Values: nil}))
	before := made.Changes[0].After
	again := apply(t, s, by("ann", edits.Edit{Ref: ref, If: edits.Absent, Action: edits.ActionUndo, Values: before.Values, Text: before.Text, File: before.File}))
	if got := again.Changes[0].After.Text; got != before.Text {
		t.Errorf("restored as %q, was %q", got, before.Text)
	}
	// A comment alone is a change.
	other := strings.Replace(before.Text, "for now", "for ever", 1)
	changed := apply(t, s, by("ann", edits.Edit{Ref: ref, If: edits.Any, Action: edits.ActionEdit, Values: values, Text: other}))
	if len(changed.Changes) != 1 || !strings.Contains(changed.Changes[0].After.Text, "for ever") {
		t.Errorf("a comment that changes: %+v", changed.Changes)
	}
	if again := apply(t, s, by("ann", edits.Edit{Ref: ref, If: edits.Any, Action: edits.ActionEdit, Values: values, Text: changed.Changes[0].After.Text})); len(again.Changes) != 0 {
		t.Errorf("the same text again: %+v, want no change", again.Changes)
	}
	// A text that says something else than the values is refused.
	if _, err := s.Apply(t.Context(), by("ann", edits.Edit{Ref: ref, If: edits.Any, Values: shared(), Text: text})); err == nil {
		t.Error("a text that does not say what the values say is saved")
	}
}
