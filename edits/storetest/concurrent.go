package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"mailhint/edits"
)

// patience is how long these tests wait for what should happen at once, on a machine that has other work.
const patience = 2 * time.Minute

// tries is how often a change that meets conflicts is repeated. Each conflict means that somebody else has succeeded.
const tries = 10_000

// update reads a record, changes its values and saves them, and does so again after a conflict. It returns the number of conflicts.
func update(ctx context.Context, s edits.Store, ref edits.Ref, actor string, change func(edits.Values)) (conflicts int, err error) {
	for range tries {
		r, err := s.Get(ctx, ref)
		if err != nil {
			return conflicts, err
		}
		change(r.Values)
		_, err = s.Apply(ctx, by(actor, edits.Edit{Ref: ref, If: r.Revision, Action: edits.ActionSet, Values: r.Values, List: r.List}))
		var conflict *edits.ConflictError
		switch {
		case err == nil:
			return conflicts, nil
		case !errors.As(err, &conflict):
			return conflicts, err
		case conflict.By == nil || conflict.Current == r.Revision:
			return conflicts, fmt.Errorf("the conflict %+v does not say who changed what", conflict)
		}
		conflicts++
	}
	return conflicts, fmt.Errorf("%s: a conflict in each of %d tries", ref, tries)
}

// writers runs a function for each of several writers at once, with a store of its own.
func writers(t *testing.T, p Place, count int, write func(s edits.Store, number int) error) {
	t.Helper()
	var group sync.WaitGroup
	for i := range count {
		s := p.Open(t)
		group.Go(func() {
			if err := write(s, i); err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	group.Wait()
}

// testNoLostUpdate: four writers, each with a store of its own, add aliases to a few domains. In the end all aliases are there.
func testNoLostUpdate(t *testing.T, p Place) {
	total, domains, count := 1000, 8, 4
	if testing.Short() {
		total = 100
	}
	s := p.Open(t)
	before := latest(t, s)
	var set []string
	for i := range domains {
		set = append(set, fmt.Sprintf("d%d.example", i))
	}
	apply(t, s, add(set...))
	writers(t, p, count, func(s edits.Store, number int) error {
		for i := range total / count {
			alias := fmt.Sprintf("w%d-%d.alias.example", number, i)
			_, err := update(t.Context(), s, domain(set[(i+number)%domains]), fmt.Sprint("writer ", number), func(v edits.Values) {
				aliases, _ := v["aliases"].([]any)
				v["aliases"] = append(aliases, alias)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	got := 0
	for _, name := range set {
		got += len(edits.Aliases(get(t, s, domain(name)).Values))
	}
	if got != total {
		t.Errorf("%d of %d aliases are there", got, total)
	}
	changes := history(t, s, edits.HistoryQuery{})
	changes = changes[:min(len(changes), total+domains)]
	for i, c := range changes {
		if want := before + int64(total+domains-i); c.Number != want {
			t.Fatalf("change number %d where %d should be", c.Number, want)
		}
	}
}

// testCounter: four writers count in one record, so that nearly all changes meet others. The history is a chain.
func testCounter(t *testing.T, p Place) {
	count, each := 4, 25
	if testing.Short() {
		each = 5
	}
	s := p.Open(t)
	ref := domain("first.example")
	writers(t, p, count, func(s edits.Store, number int) error {
		for range each {
			_, err := update(t.Context(), s, ref, fmt.Sprint("writer ", number), func(v edits.Values) {
				n := 0
				if text, ok := v["name"].(string); ok {
					if _, err := fmt.Sscanf(text, "count %d", &n); err != nil {
						t.Errorf("the name is %q: %v", text, err)
					}
				}
				v["name"] = fmt.Sprintf("count %d", n+1)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if got, want := get(t, s, ref).Values["name"], fmt.Sprintf("count %d", count*each); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	changes := history(t, s, edits.HistoryQuery{Ref: ref, Limit: count * each})
	for i, c := range changes[:len(changes)-1] {
		if older := changes[i+1]; c.Before.Revision != older.After.Revision || !c.Before.Values.Equal(older.After.Values) {
			t.Errorf("change %d starts from %+v, the one before it ended with %+v", c.Number, c.Before, older.After)
		}
	}
}

// watched gathers what a watch yields.
type watched struct {
	mutex  sync.Mutex
	last   int64
	seen   map[edits.Ref]int64 // by record: the number of the latest event with it
	all    int64               // the number of the latest event for all records
	events int
}

// watch follows a store from the last event on, until the context is done, the number has been reached, or after a number of events; 0 for any.
func (w *watched) watch(ctx context.Context, s edits.Store, until int64, atMost int) error {
	events := 0
	for event, err := range s.Watch(ctx, w.last) {
		if err != nil {
			return err
		}
		if event.Number <= w.last {
			return fmt.Errorf("an event for change %d after one for %d", event.Number, w.last)
		}
		w.mutex.Lock()
		w.last = event.Number
		w.events++
		if event.Refs == nil {
			w.all = event.Number
		}
		for _, ref := range event.Refs {
			w.seen[ref] = event.Number
		}
		w.mutex.Unlock()
		if events++; event.Number >= until || events == atMost {
			return nil
		}
	}
	if w.last < until {
		return fmt.Errorf("the watch has ended at change %d, before %d: %v", w.last, until, ctx.Err())
	}
	return nil
}

// missing returns the changes that no event covers.
func (w *watched) missing(changes []edits.Change) []int64 {
	var list []int64
	for _, c := range changes {
		if w.seen[c.Ref] < c.Number && w.all < c.Number {
			list = append(list, c.Number)
		}
	}
	return list
}

func testWatch(t *testing.T, p Place) {
	s := p.Open(t)
	start := latest(t, s)
	apply(t, s, add("a.example", "b.example"))
	w := watched{last: start, seen: make(map[edits.Ref]int64)}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := w.watch(ctx, s, start+2, 0); err != nil { // what was there before the watch
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- w.watch(ctx, p.Open(t), start+3, 0) }()
	apply(t, s, by("test", edits.Edit{Ref: domain("a.example"), If: edits.Any, Values: nil})) // by another process, meanwhile
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if missing := w.missing(history(t, s, edits.HistoryQuery{Limit: 3})); missing != nil {
		t.Errorf("no event for the changes %v", missing)
	}
}

// testWatchResumes: a watcher that stops after each event and comes back misses nothing.
func testWatchResumes(t *testing.T, p Place) {
	s := p.Open(t)
	start := latest(t, s)
	const changes = 10
	for i := range changes {
		apply(t, s, add(fmt.Sprintf("d%d.example", i)))
	}
	w := watched{last: start, seen: make(map[edits.Ref]int64)}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for w.last < start+changes {
		if err := w.watch(ctx, p.Open(t), start+changes, 1); err != nil {
			t.Fatal(err)
		}
	}
	if missing := w.missing(history(t, s, edits.HistoryQuery{Limit: changes})); missing != nil {
		t.Errorf("no event for the changes %v", missing)
	}
}

func testWatchEnds(t *testing.T, p Place) {
	s := p.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		var last error
		for _, err := range s.Watch(ctx, latest(t, s)) {
			last = err
		}
		done <- last
	}()
	cancel()
	select {
	case err := <-done:
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the watch ends with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("a watch does not end with its context")
	}
}

// testWatchConcurrent: while four writers work, one watcher follows, and another stops and comes back all the time. Both see every change.
func testWatchConcurrent(t *testing.T, p Place) {
	each, count := 20, 4
	if testing.Short() {
		each = 5
	}
	s := p.Open(t)
	start := latest(t, s)
	end := start + int64(each*count)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	steady, restless := watched{last: start, seen: make(map[edits.Ref]int64)}, watched{last: start, seen: make(map[edits.Ref]int64)}
	var watchers sync.WaitGroup
	watchers.Go(func() {
		if err := steady.watch(ctx, s, end, 0); err != nil {
			t.Errorf("steady: %v", err)
		}
	})
	watchers.Go(func() {
		for restless.last < end {
			if err := restless.watch(ctx, s, end, 1); err != nil {
				t.Errorf("restless: %v", err)
				return
			}
		}
	})
	writers(t, p, count, func(s edits.Store, number int) error {
		for i := range each {
			if _, err := s.Apply(t.Context(), add(fmt.Sprintf("w%d-%d.example", number, i))); err != nil {
				return err
			}
		}
		return nil
	})
	watchers.Wait()
	changes := history(t, s, edits.HistoryQuery{Limit: each * count})
	for name, w := range map[string]*watched{"steady": &steady, "restless": &restless} {
		if missing := w.missing(changes); missing != nil {
			slices.Sort(missing)
			t.Errorf("%s: no event for the changes %v", name, missing)
		}
	}
}
