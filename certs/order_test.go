package certs

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"mailhint/certs/pebbletest"
)

// A name whose DNS points elsewhere is not ordered until it points here.
func TestDNSElsewhere(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	clock := newManualClock()
	var here atomic.Bool
	config := ca.config(t.TempDir())
	config.Clock = clock
	config.PointsHere = func(context.Context, string) error {
		if here.Load() {
			return nil
		}
		return errors.New("its address is 192.0.2.1")
	}
	c, _ := f.serve(t, config)
	c.Want(slices.Values(names(1)))
	eventually(t, "nothing is noted", func() bool { return c.Status().Names[Missing] == 1 })
	for range 10 {
		if _, err := f.handshake(names(1)[0], ca.issuing); err == nil {
			t.Fatal("a certificate was issued for a name that points elsewhere")
		}
	}
	if n := ca.orders.Load(); n != 0 {
		t.Errorf("%d orders", n)
	}
	here.Store(true)
	clock.advance(betweenLooks + time.Minute)
	eventually(t, "not ordered when the DNS is right", func() bool { return c.Status().Names[Valid] == 1 })
}

// A name that the CA cannot reach is tried with both kinds of challenges, then later and later, and every order is counted.
func TestUnreachableName(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	ca := startCA(t, closedPort(t), closedPort(t), 90*day)
	clock := newManualClock()
	config := ca.config(t.TempDir())
	config.Clock = clock
	c, _ := f.serve(t, config)
	c.Want(slices.Values(names(1)))
	var last time.Duration
	placed := int64(0)
	for times := 1; times <= 3; times++ {
		var failure Failure
		eventually(t, "no failure", func() bool { failure, _ = c.failures.get(names(1)[0]); return failure.Times == times })
		wait := failure.Next.Sub(clock.Now())
		if wait <= last || wait > 100*time.Minute {
			t.Errorf("after %d failures it waits %s, before %s", times, wait, last)
		}
		orders, counted := ca.orders.Load(), c.Status().Accounts[0].Orders
		if times == 1 && orders != int64(counted) {
			t.Errorf("%d orders, %d counted", orders, counted)
		}
		if orders != placed+2 {
			t.Errorf("%d orders for one attempt, want one for each kind of challenge", orders-placed)
		}
		last, placed = wait, orders
		eventually(t, "the attempt does not end", func() bool { return c.Status().Waiting == 0 })
		clock.advance(wait + time.Second)
	}
}

// A name that can be verified in only one way costs one order for each way once, then the other names one each.
func TestOtherKindOfChallenge(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	_, tlsPort := f.ports()
	ca := startCA(t, closedPort(t), tlsPort, 90*day)
	c, _ := f.serve(t, ca.config(t.TempDir()))
	refused := int64(0) // for the first name
	for i, name := range names(3) {
		if _, err := f.handshake(name, ca.issuing); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the order does not end", func() bool { return c.Status().Waiting == 0 })
		s := c.Status()
		if i == 0 {
			refused = s.Orders["refused"]
		}
		placed := int64(i+1) + s.Orders["refused"]
		if n := ca.orders.Load(); refused < 1 || s.Orders["refused"] != refused || n != placed || int64(s.Accounts[0].Orders) != placed {
			t.Errorf("%d orders for %d names; status %+v", n, i+1, s)
		}
	}
}

// A server that is not reachable by https uses the other challenge only.
func TestOneKindOfChallenge(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, _ := f.ports()
	ca := startCA(t, httpPort, closedPort(t), 90*day)
	c, err := New(ca.config(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f.certs.Store(c)
	c.ReachableBy(false, false)
	if err := c.Get(t.Context(), names(1)[0]); !errors.Is(err, errNoChallenge) {
		t.Errorf("without any listener: %v", err)
	}
	c.ReachableBy(true, false)
	if err := c.Get(t.Context(), names(1)[0]); err != nil {
		t.Error(err)
	}
	if n := ca.orders.Load(); n != 1 {
		t.Errorf("%d orders", n)
	}
}

// An order whose answer was lost on the way may have been accepted, and counts.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	c, _ := f.serve(t, ca.config(t.TempDir()))
	for i, name := range names(2) { // the first also registers an account
		ca.lose.Store(i == 1)
		if _, err := f.handshake(name, ca.issuing); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the order does not end", func() bool { return c.Status().Waiting == 0 })
	s := c.Status()
	if n := ca.orders.Load(); n < 3 || int64(s.Accounts[0].Orders) != n {
		t.Errorf("%d orders, status %+v", n, s)
	}
}

// The command orders without a server: it answers the challenges itself.
func TestGetWithoutServer(t *testing.T) {
	t.Parallel()
	httpAddress, tlsAddress := pebbletest.FreeAddress(t), pebbletest.FreeAddress(t)
	ca := startCA(t, portIn(t, httpAddress), portIn(t, tlsAddress), 90*day)
	c, err := New(ca.config(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	stop, err := c.AnswerChallenges([]string{httpAddress}, []string{tlsAddress})
	if err != nil {
		t.Fatal(err)
	}
	for i, http := range []bool{true, false} {
		c.ReachableBy(http, !http)
		if err := c.Get(t.Context(), "Autoconfig."+names(2)[i][len("autoconfig."):]+"."); err != nil {
			t.Error(err)
		}
	}
	// What answers already is left alone, and what cannot be listened on is reported.
	again, err := c.AnswerChallenges([]string{httpAddress}, nil)
	if err != nil {
		t.Error(err)
	} else {
		again()
	}
	stop()
	if _, err := c.AnswerChallenges([]string{"192.0.2.1:80"}, nil); err == nil {
		t.Error("listens at an address of another machine")
	}
	if err := c.Get(t.Context(), "www.example.com"); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("a name that is not allowed: %v", err)
	}
}
