package edits_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/edits/storetest"
)

func TestUndo(t *testing.T) {
	ctx, s := t.Context(), storetest.NewMemory()
	a := domain("a.example")
	name := func() any {
		r, err := s.Get(ctx, a)
		if errors.Is(err, edits.ErrNotFound) {
			return "none"
		}
		return r.Values["name"]
	}
	undo := func(number int64) (edits.Undone, error) {
		u, err := edits.Undo(ctx, s, a, number)
		if err == nil {
			_, err = s.Apply(ctx, edits.ChangeSet{Edits: []edits.Edit{u.Edit}, Actor: "ann"})
		}
		return u, err
	}
	e, err := edits.Add(ctx, s, a, parse(t, "profile=shared", "name=1"))
	save(t, s, e, err)
	for n := 2; n <= 4; n++ {
		e, err = edits.Set(ctx, s, a, parse(t, fmt.Sprintf("name=%d", n)))
		save(t, s, e, err)
	}
	for i, test := range []struct {
		number   int64
		want     any
		reverted int
	}{
		{0, "3", 1},    // change 5 undoes 4
		{0, "4", 1},    // change 6 undoes 5
		{3, "2", 4},    // change 7: back to before change 3, which undoes 3, 4, 5 and 6
		{1, "none", 7}, // change 8: before it was added
		{0, "2", 1},    // change 9 restores it
	} {
		u, err := undo(test.number)
		if err != nil || name() != test.want || len(u.Reverted) != test.reverted {
			t.Errorf("step %d: %v, %d changes undone, the name is %v; want %d and %v", i, err, len(u.Reverted), name(), test.reverted, test.want)
		}
	}
	latest, err := s.History(ctx, edits.HistoryQuery{Limit: 1})
	if err != nil || latest[0].Action != edits.ActionUndo || latest[0].Undoes != 8 {
		t.Errorf("the latest change is %+v (%v), want an undo of change 8", latest, err)
	}
	// Back to where it is already.
	e, err = edits.Remove(ctx, s, a)
	save(t, s, e, err)
	if _, err := undo(1); !errors.Is(err, edits.ErrUnchanged) {
		t.Errorf("got %v, want ErrUnchanged", err)
	}
}

func TestUndoRefusals(t *testing.T) {
	ctx, s := t.Context(), storetest.NewMemory()
	e, err := edits.Add(ctx, s, domain("a.example"), parse(t, "profile=shared"))
	save(t, s, e, err)
	for _, test := range []struct {
		name   string
		number int64
		want   string
	}{
		{"first.example", 0, "the history has no change of first.example"},
		{"none.example", 0, "the history has no change of none.example"},
		{"first.example", 1, "change 1 is not one of first.example, but of a.example"},
		{"a.example", 99, "the history has no change 99"},
		{"a.example", -1, "the history has no change -1; changes are numbered from 1"},
	} {
		_, err := edits.Undo(ctx, s, domain(test.name), test.number)
		if !errors.Is(err, edits.ErrNoHistory) || err.Error() != test.want {
			t.Errorf("got  %v\nwant %s", err, test.want)
		}
	}
	// The profile of a domain that was removed is gone, too.
	profile := edits.Ref{Kind: edits.Profile, Name: "p"}
	set := edits.ChangeSet{Edits: []edits.Edit{
		{Ref: profile, Values: edits.Values{"imap": "imap.p.example", "smtp": "smtp.p.example"}},
		{Ref: domain("b.example"), Values: edits.Values{"profile": "p"}},
	}}
	for range 2 {
		if _, err := s.Apply(ctx, set); err != nil {
			t.Fatal(err)
		}
		set.Edits[0].If, set.Edits[1].If = edits.Any, edits.Any
		set.Edits[0].Values, set.Edits[1].Values = nil, nil
	}
	u, err := edits.Undo(ctx, s, domain("b.example"), 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Apply(ctx, edits.ChangeSet{Edits: []edits.Edit{u.Edit}})
	if !errors.As(err, new(domains.Problems)) || !strings.Contains(err.Error(), `there is no profile "p"`) {
		t.Errorf("got %v; want a problem that names the profile", err)
	}
}

// TestUndoRandom: any change can be undone by any way of counting back, and the record is then as it was.
func TestUndoRandom(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	ctx, s := t.Context(), storetest.NewMemory()
	a := domain("a.example")
	states := []edits.Values{nil} // before each change, by number
	for step := range 150 {
		var e edits.Edit
		var err error
		switch current := states[len(states)-1]; {
		case current == nil:
			e, err = edits.Add(ctx, s, a, parse(t, "profile=shared", fmt.Sprintf("name=%d", step)))
		case random.IntN(4) == 0:
			e, err = edits.Remove(ctx, s, a)
		default:
			e, err = edits.Set(ctx, s, a, parse(t, fmt.Sprintf("name=%d", step)))
		}
		if random.IntN(3) == 0 && len(states) > 1 {
			number := 1 + random.IntN(len(states)-1)
			var u edits.Undone
			u, err = edits.Undo(ctx, s, a, int64(number))
			if errors.Is(err, edits.ErrUnchanged) {
				continue
			}
			if e = u.Edit; err == nil && !e.Values.Equal(states[number-1]) {
				t.Fatalf("seed %d, step %d: undo %d leads to %v, want %v", seed, step, number, e.Values, states[number-1])
			}
		}
		for range save(t, s, e, err) {
			r, err := s.Get(ctx, a)
			if err != nil && !errors.Is(err, edits.ErrNotFound) {
				t.Fatal(err)
			}
			states = append(states, r.Values)
		}
	}
}
