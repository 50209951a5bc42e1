package certs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mailhint/keypairs/keypairtest"
)

// silentDNS says of every name that it points here, except of those that silent names: a question about such a name is not answered before
// the test ends, so that what waits for one never happens. The first question about a name that has never had a certificate fails at once,
// as it did before this process was started.
type silentDNS struct {
	silent, neverCertified func(name string) bool
	ended                  chan struct{}

	mu    sync.Mutex
	asked map[string]bool
}

func (d *silentDNS) pointsHere(_ context.Context, name string) error {
	if !d.silent(name) {
		return nil
	}
	d.mu.Lock()
	first := !d.asked[name]
	d.asked[name] = true
	d.mu.Unlock()
	if !first || !d.neverCertified(name) {
		<-d.ended
	}
	return errors.New("the name's address cannot be looked up: no answer")
}

// 600 customers have left, and their name servers do not answer; a stranger makes 15 handshakes a second for names below a wildcard whose
// name servers do not answer either. A new customer gets a certificate without waiting for any of them, whether or not a client asks for it.
func TestSilentDNSStarvesNobody(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	config := ca.config("")
	config.Storage = newMemoryStorage()
	config.Listed = func(name string) bool { return !strings.HasSuffix(name, ".stranger.hoster.test") }
	isSilent := func(name string) bool {
		return strings.Contains(name, ".departed-") || strings.HasSuffix(name, ".silent.stranger.hoster.test")
	}
	zone := &silentDNS{silent: isSilent, neverCertified: func(name string) bool { return strings.HasSuffix(name, ".never.test") },
		ended: make(chan struct{}), asked: make(map[string]bool)}
	config.PointsHere = zone.pointsHere
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	expired := keypairtest.New(t, keypairtest.Options{Expired: true})
	departed := make([]string, 600)
	for i := range departed {
		if departed[i] = fmt.Sprintf("autoconfig.departed-%d.never.test", i); i%2 == 0 {
			departed[i] = fmt.Sprintf("autoconfig.departed-%d.test", i)
			storeCertificate(t, c, departed[i], expired)
		}
	}
	c.Close()
	c, _ = f.serve(t, config)
	c.Want(slices.Values(departed))

	ctx, stop := context.WithCancel(t.Context())
	var strangers sync.WaitGroup
	defer func() {
		stop()
		close(zone.ended)
		strangers.Wait()
	}()
	strangers.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			strangers.Go(func() {
				f.handshake(fmt.Sprintf("autoconfig.x%d.silent.stranger.hoster.test", i), ca.issuing)
			})
			time.Sleep(time.Second / 15)
		}
	})
	eventually(t, "the stranger and the departed are not at work", func() bool {
		c.queue.mu.Lock()
		defer c.queue.mu.Unlock()
		return c.queue.busy[toCheck][forUnlisted] > 0 && c.queue.busy[toCheck][forRetry] > 30
	})
	if _, err := f.handshake("autoconfig.asked.test", ca.issuing); err != nil {
		t.Error(err)
	}
	c.Want(slices.Values(slices.Insert(slices.Clone(departed), 300, "autoconfig.configured.test")))
	eventually(t, "a new name gets no certificate", func() bool { return c.known.get("autoconfig.configured.test") != nil })
	if s := c.Status(); s.Names[Missing] > 300 {
		t.Errorf("%d names are missing, more than are listed", s.Names[Missing])
	}
}

// Names whose DNS does not point here are looked up ever more rarely, at last once a day; a client that asks shortens that to a minute.
func TestDNSBackoff(t *testing.T) {
	t.Parallel()
	f, err := readFailures(t.Context(), newMemoryStorage())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	lookups := 0
	for end := now.Add(30 * day); now.Before(end); now = now.Add(f.wait("a.test", now)) {
		f.addDNSError("a.test", errors.New("silent"), now, false)
		if lookups++; lookups > 100 {
			t.Fatal("looked up more than 100 times in a month")
		}
		if wait := f.waitAsked("a.test", now.Add(time.Minute)); wait > 0 {
			t.Fatalf("a client that asks after a minute waits another %s", wait)
		}
	}
	if wait := f.wait("a.test", now) + day; wait < 18*time.Hour || wait > 2*day {
		t.Errorf("after a month it waits %s, want about a day", wait)
	}
	if lookups < 30 {
		t.Errorf("looked up only %d times in a month", lookups)
	}
}

// A stranger makes up names below wildcards that point here. They get a fifth of the hour's orders, and ten below each registered domain;
// listed names get theirs at once. They are not tried again by themselves, and forgotten after a week without a client.
func TestStrangerSpendsAFifth(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	clock := newManualClock()
	config := ca.config("")
	config.Storage, config.Clock, config.PerHour, config.Wait = newMemoryStorage(), clock, 60, 30*time.Second
	config.Listed = func(name string) bool { return strings.HasSuffix(name, ".listed.test") }
	c, stop := f.serve(t, config)
	placed := func() int64 { return ca.orders.Load() }
	for i, want := range []int64{10, 12, 12} {
		for n := range 15 {
			f.handshake(fmt.Sprintf("autoconfig.x%d.wild%d.test", n, i), ca.issuing)
		}
		if n := placed(); n != want {
			t.Errorf("%d orders for names below %d wildcards, want %d", n, i+1, want)
		}
	}
	for i := range 5 {
		if _, err := f.handshake(fmt.Sprintf("autoconfig.x%d.listed.test", i), ca.issuing); err != nil {
			t.Fatalf("listed name %d: %v", i, err)
		}
	}
	s := c.Status()
	if s.Orders["refused"] == 0 && placed() != 17 || s.Names[Missing] != 0 || s.Refused["unlisted"] != 33 {
		t.Errorf("%d orders in all; status %+v", placed(), s)
	}

	// A restart gives a stranger no more, and nothing is tried again while no client asks.
	stop()
	c, _ = f.serve(t, config)
	eventually(t, "not all certificates are known", func() bool { return c.Status().Names[Valid] == 17 })
	f.handshake("autoconfig.again.wild3.test", ca.issuing) // reads the budget
	before := placed()
	if f.handshake("autoconfig.more.wild3.test", ca.issuing); placed() != before {
		t.Error("a restart gives a stranger more orders")
	}
	clock.advanceAndWait(t, time.Hour+time.Second)
	clock.advanceAndWait(t, betweenLooks)
	if n := placed(); n != before {
		t.Errorf("%d orders for names that no client asks for", n-before)
	}

	clock.advanceAndWait(t, 5*day)
	f.handshake("autoconfig.x1.wild0.test", ca.issuing) // the first handshake reads it, the second asks for what is in memory
	f.handshake("autoconfig.x1.wild0.test", ca.issuing)
	clock.advanceAndWait(t, time.Hour)
	clock.advanceAndWait(t, 5*day)
	eventually(t, "names that no client asks for are not forgotten", func() bool {
		clock.advance(betweenScans + time.Second) // the scan may have begun before the clock was moved
		return c.Status().Names[Valid] == 6
	})
	if c.known.get("autoconfig.x1.wild0.test") == nil || c.known.get("autoconfig.x2.listed.test") == nil {
		t.Error("a name that a client asks for, or a listed one, was forgotten")
	}
}
