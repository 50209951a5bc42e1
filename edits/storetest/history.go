package storetest

import (
	"errors"
	"testing"
	"time"

	"mailhint/edits"
)

func testHistory(t *testing.T, p Place) {
	s := p.Open(t)
	start, before := time.Now().Add(-time.Second), latest(t, s)
	a := domain("a.example")
	steps := []edits.Edit{
		{Ref: a, If: edits.Absent, Action: edits.ActionAdd, Values: shared()},
		{Ref: a, If: edits.Any, Action: edits.ActionSet, Values: edits.Values{"profile": "shared", "name": "A"}},
		{Ref: a, If: edits.Any, Action: edits.ActionRemove, Values: nil},
		{Ref: a, If: edits.Absent, Action: edits.ActionUndo, Values: shared(), Undoes: before + 3},
	}
	for i, e := range steps {
		set := edits.ChangeSet{Edits: []edits.Edit{e}, Actor: "ann", Via: edits.API, Reason: "step \"1\"\nand more"}
		made := apply(t, s, set).Changes
		if len(made) != 1 || made[0].Number != before+int64(i)+1 {
			t.Fatalf("step %d: got %+v, want one change with the number %d", i, made, before+int64(i)+1)
		}
	}
	changes := history(t, s, edits.HistoryQuery{Ref: a})
	if len(changes) != len(steps) {
		t.Fatalf("%d changes, want %d", len(changes), len(steps))
	}
	var state *edits.State
	for i, e := range steps {
		c := changes[len(changes)-1-i] // the newest is the first
		if c.Number != before+int64(i)+1 || c.Ref != a || c.Action != e.Action || c.Actor != "ann" || c.Via != edits.API || c.Reason != "step \"1\"\nand more" || c.Undoes != e.Undoes {
			t.Errorf("step %d is %+v", i, c)
		}
		if c.Time.Before(start) || c.Time.After(time.Now().Add(time.Second)) {
			t.Errorf("step %d has the time %s", i, c.Time)
		}
		if (c.Before == nil) != (state == nil) || state != nil && (!c.Before.Values.Equal(state.Values) || c.Before.Revision != state.Revision) {
			t.Errorf("step %d: before is %+v, want the state %+v after the step before", i, c.Before, state)
		}
		if (c.After == nil) != (e.Values == nil) || c.After != nil && !c.After.Values.Equal(e.Values) {
			t.Errorf("step %d: after is %+v, want %v", i, c.After, e.Values)
		}
		state = c.After
	}
	if state.Profile != "shared" || state.ManagedBy == "" {
		t.Errorf("the last state is %+v; want its profile and what manages it", state)
	}
	if r := get(t, s, a); r.Revision != state.Revision {
		t.Errorf("the record has the revision %q, its latest change %q", r.Revision, state.Revision)
	}
}

func testHistoryFilters(t *testing.T, p Place) {
	s := p.Open(t)
	before := latest(t, s)
	for range 3 {
		apply(t, s, add("a.example", "b.example"))
		apply(t, s, by("test", edits.Edit{Ref: domain("a.example"), If: edits.Any, Values: nil}, edits.Edit{Ref: domain("b.example"), If: edits.Any, Values: nil}))
	}
	numbers := func(q edits.HistoryQuery) []int64 {
		var list []int64
		for _, c := range history(t, s, q) {
			list = append(list, c.Number-before)
		}
		return list
	}
	check := func(what string, q edits.HistoryQuery, want ...int64) {
		t.Helper()
		got := numbers(q)
		same := len(got) == len(want)
		for i := 0; same && i < len(got); i++ {
			same = got[i] == want[i]
		}
		if !same {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	check("one record", edits.HistoryQuery{Ref: domain("a.example")}, 11, 9, 7, 5, 3, 1)
	check("limit", edits.HistoryQuery{Limit: 3}, 12, 11, 10)
	check("before", edits.HistoryQuery{Before: before + 3, Limit: 2}, 2, 1)
	check("one record, before, limit", edits.HistoryQuery{Ref: domain("b.example"), Before: before + 9, Limit: 2}, 8, 6)
	check("no such record", edits.HistoryQuery{Ref: domain("c.example")})
	check("a profile of this name", edits.HistoryQuery{Ref: edits.Ref{Kind: edits.Profile, Name: "a.example"}})
	check("in the future", edits.HistoryQuery{Since: time.Now().Add(time.Hour)})
	check("from a time on, limit", edits.HistoryQuery{Since: time.Now().Add(-time.Hour), Limit: 1}, 12)
	all := history(t, s, edits.HistoryQuery{Limit: 12})
	middle := all[5].Time
	for _, c := range history(t, s, edits.HistoryQuery{Since: middle}) {
		if c.Time.Before(middle) {
			t.Errorf("change %d of %s is before %s", c.Number, c.Time, middle)
		}
	}
	if n := len(numbers(edits.HistoryQuery{Since: middle})); n < 6 {
		t.Errorf("%d changes since the time of the sixth latest, want at least 6", n)
	}
}

// testReopened: what one process has saved is what the next one finds.
func testReopened(t *testing.T, p Place) {
	s := p.Open(t)
	made := apply(t, s, add("a.example", "b.example"))
	apply(t, s, by("test", edits.Edit{Ref: domain("b.example"), If: edits.Any, Values: nil}))
	r := get(t, s, domain("a.example"))
	again := p.Open(t)
	if got := get(t, again, r.Ref); got.Revision != r.Revision || !got.Values.Equal(r.Values) {
		t.Errorf("a second store has %+v, the first %+v", got, r)
	}
	if _, err := again.Get(t.Context(), domain("b.example")); !errors.Is(err, edits.ErrNotFound) {
		t.Errorf("what has been removed: %v, want ErrNotFound", err)
	}
	changes := history(t, again, edits.HistoryQuery{Ref: r.Ref})
	if len(changes) != 1 || changes[0].Number != made.Changes[0].Number || !changes[0].After.Values.Equal(shared()) {
		t.Errorf("the history of a second store is %+v", changes)
	}
}

// testOtherProcess: two stores at one place see each other's changes.
func testOtherProcess(t *testing.T, p Place) {
	one, two := p.Open(t), p.Open(t)
	r := get(t, two, domain("first.example"))
	apply(t, one, by("ann", edits.Edit{Ref: r.Ref, If: r.Revision, Action: edits.ActionSet, Values: edits.Values{"profile": "shared", "name": "Ann's"}}))
	if got := get(t, two, r.Ref).Values["name"]; got != "Ann's" {
		t.Errorf("the other store has the name %v", got)
	}
	_, err := two.Apply(t.Context(), by("ben", edits.Edit{Ref: r.Ref, If: r.Revision, Values: shared()}))
	var conflict *edits.ConflictError
	if !errors.As(err, &conflict) || conflict.By == nil || conflict.By.Actor != "ann" {
		t.Errorf("got %v, want a conflict with the change by ann", err)
	}
	made := apply(t, two, add("a.example"))
	if latest(t, one) != made.Changes[0].Number {
		t.Error("the first store does not have the change of the second in its history")
	}
	next := apply(t, one, add("b.example"))
	if next.Changes[0].Number != made.Changes[0].Number+1 {
		t.Errorf("the change after %d has the number %d", made.Changes[0].Number, next.Changes[0].Number)
	}
}
