package certs

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

// Renewals go first, then names that clients wait for, and names that nobody has listed last; each name is worked on once.
func TestQueue(t *testing.T) {
	t.Parallel()
	q := newQueue(8, 8)
	q.add("unlisted", "example", forUnlisted)
	q.add("retry", "", forRetry)
	later := q.add("later", "", forLater)
	q.add("b", "", forLater)
	q.join("handshake", "", forHandshake)
	q.add("renewal", "", forRenewal)
	if q.add("b", "", forHandshake) == nil || q.add("later", "", forLater) != later {
		t.Error("a name is queued twice")
	}
	want := []string{"renewal", "handshake", "b", "later", "retry", "unlisted"}
	for s := range stages {
		var got []string
		for j := q.next(s); j != nil; j = q.next(s) {
			if q.add(j.name, "", forRenewal) != j {
				t.Errorf("%s is queued again while it is worked on", j.name)
			}
			got = append(got, j.name)
			if j.name == "handshake" && len(got) == 2 {
				q.again(j)
				continue
			}
			if s == toCheck {
				q.passed(j, nil, time.Now())
			} else {
				q.finish(j, nil)
			}
		}
		if got = slices.Compact(got); !slices.Equal(got, want) {
			t.Errorf("stage %d: order %s, want %s", s, got, want)
		}
	}
	if waiting, running := q.lengths(); waiting != 0 || running != 0 || len(q.jobs) != 0 || len(q.byDomain) != 0 {
		t.Errorf("%d waiting, %d running, %d left", waiting, running, len(q.jobs))
	}
	for i := range queueRoom[forLater] {
		q.add(fmt.Sprint(i), "", forLater)
	}
	if q.add("one too many", "", forLater) != nil {
		t.Error("the queue is not bounded")
	}
	if q.add("urgent", "", forRenewal) == nil {
		t.Error("a full queue holds up renewals")
	}
}

// However many names of a rank are being worked on, each other rank gets a slot at once; names that are not listed get only their own.
func TestSlotsForEachRank(t *testing.T) {
	t.Parallel()
	for busy := range ranks {
		q := newQueue(16, 16)
		for i := range 50 {
			q.add(fmt.Sprint(i), fmt.Sprint(i), busy)
		}
		for q.next(toCheck) != nil {
		}
		peak := 8 // 16 without the 2 of each of the four others
		if busy == forUnlisted {
			peak = 2
		}
		if n := q.busy[toCheck][busy]; n != peak {
			t.Errorf("rank %d has %d of 16 slots, want %d", busy, n, peak)
		}
		for r := range ranks {
			if r == busy {
				continue
			}
			for i := range 2 {
				if q.add(fmt.Sprint("other", r, i), "other", r); q.next(toCheck) == nil {
					t.Errorf("rank %d takes the slots of rank %d", busy, r)
				}
			}
		}
	}
}

// What no client waits for any more is dropped if nobody has listed it; a listed name waits on, behind those that clients wait for.
func TestQueueDrops(t *testing.T) {
	t.Parallel()
	q := newQueue(8, 8)
	listed, renewal := q.join("listed", "", forHandshake), q.join("renewal", "example", forUnlisted)
	q.add("renewal", "example", forUnlisted)
	for i := range 100 {
		if j := q.join(fmt.Sprint(i), "example", forUnlisted); (j != nil) != (i < 9) {
			t.Fatalf("after %d names below one registered domain, with one more: %v", i, j)
		}
	}
	q.leave(listed)
	q.leave(renewal)
	for i := range 9 {
		j := q.jobs[fmt.Sprint(i)]
		q.leave(j)
		select {
		case <-j.done:
		default:
			t.Errorf("%d is not dropped", i)
		}
	}
	if len(q.jobs) != 2 || listed.rank != forLater {
		t.Errorf("%d jobs left, want 2; the listed one has rank %d", len(q.jobs), listed.rank)
	}
	checked := q.join("checked", "example", forUnlisted)
	for j := q.next(toCheck); j != checked; j = q.next(toCheck) {
		q.passed(j, nil, time.Now())
	}
	q.leave(checked) // while its DNS is looked up
	q.passed(checked, nil, time.Now())
	if checked.err != errNobodyWaits || len(q.lines[toOrder][forUnlisted]) != 1 {
		t.Errorf("a name that nobody waits for is ordered: %v", checked.err)
	}
}

// 240 names are configured at once. They are ordered in the background, and never more in an hour than the account may; a
// restart in between gives it no more. The storage has no files; those of the other tests have.
func TestQueueKeepsToTheBudget(t *testing.T) {
	t.Parallel()
	const perHour, total = 60, 240 // more than wait in the queue at the same time
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	clock := newManualClock()
	config := ca.config("")
	config.Storage = newMemoryStorage()
	config.PerHour, config.Clock, config.Parallel = perHour, clock, 32 // each order waits more than it works
	c, stop := f.serve(t, config)
	c.Want(slices.Values(names(total)))
	placed := func() (n int64) { // by this process
		for result, count := range c.Status().Orders {
			if result != "unreachable" {
				n += count
			}
		}
		return n
	}
	earlier, refused := int64(0), int64(0) // by the process before
	for hour := int64(1); c.Status().Names[Valid] < total; hour++ {
		eventually(t, "the orders of an hour are not placed", func() bool {
			if c.cas[0].budget.wait(clock.Now()) <= 0 && c.Status().Names[Valid] < total {
				return false
			}
			_, running := c.queue.lengths() // none of those that have taken the last places
			return running == 0
		})
		made := ca.orders.Load()
		if made > hour*perHour || made != earlier+placed() {
			t.Fatalf("%d orders in %d hours, %d of them known here", made, hour, earlier+placed())
		}
		if hour == 2 {
			stop()
			earlier, refused = made, c.Status().Orders["refused"]
			c, stop = f.serve(t, config)
			c.Want(slices.Values(names(total)))
			eventually(t, "the budget is not read", func() bool { return c.cas[0].budget.wait(clock.Now()) > 0 })
		}
		clock.advanceAndWait(t, 59*time.Minute)
		if n := ca.orders.Load(); n != made || c.Status().Names[Valid] < total && c.pace() <= 0 {
			t.Fatalf("%d orders after 59 minutes, want %d; the next in %s", n, made, c.pace())
		}
		clock.advance(time.Minute + time.Second)
	}
	s := c.Status()
	refused += s.Orders["refused"] // see testCA
	if n := ca.orders.Load(); n != total+refused || s.Names[Valid] != total || len(s.Names) != 1 {
		t.Errorf("%d orders, %d refused; status %+v", n, refused, s)
	}
}

// Two processes share a budget, a restart does not renew it, and a clock set back does not use it up for longer than an hour.
func TestBudget(t *testing.T) {
	t.Parallel()
	storage := &certmagic.FileStorage{Path: t.TempDir()}
	here, there := &budget{key: "ca", perHour: 3, storage: storage}, &budget{key: "ca", perHour: 3, storage: storage}
	now := time.Now()
	take := func(b *budget, at time.Time, want error) place {
		t.Helper()
		p, err := b.take(t.Context(), at, "")
		if !errors.Is(err, want) {
			t.Errorf("at %s: %v, want %v", at.Sub(now), err, want)
		}
		return p
	}
	take(here, now, nil)
	take(there, now.Add(time.Minute), nil)
	last := take(here, now.Add(2*time.Minute), nil)
	take(there, now.Add(3*time.Minute), errBudgetSpent)
	if wait := there.wait(now.Add(3 * time.Minute)); wait != 57*time.Minute {
		t.Errorf("waits %s for the next place", wait)
	}
	here.giveBack(t.Context(), last)
	take(there, now.Add(4*time.Minute), nil)
	take(here, now.Add(time.Hour-time.Second), errBudgetSpent)
	take(here, now.Add(time.Hour+time.Second), nil)
	take(here, now.Add(time.Hour+2*time.Second), errBudgetSpent)

	// A temporary file of another process stays.
	unfinished := here.prefix() + "/765403805"
	if err := storage.Store(t.Context(), unfinished, nil); err != nil {
		t.Fatal(err)
	}
	if places, err := here.read(t.Context(), now.Add(time.Hour+2*time.Second)); err != nil || len(places) != 3 || !storage.Exists(t.Context(), unfinished) {
		t.Errorf("an unfinished file: %v, %d orders", err, len(places))
	}

	back := now.Add(-1000 * time.Hour)
	take(here, back, errBudgetSpent)
	take(here, back.Add(time.Hour+time.Second), nil)
}
