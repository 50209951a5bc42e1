package certs

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// While the CA is away, certificates go on being served, and plain HTTP; the status says so. When it is back, orders go on.
func TestCAAway(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	config := ca.config(t.TempDir())
	config.Wait = 5 * time.Second
	c, _ := f.serve(t, config)
	if _, err := f.handshake("autoconfig.old.test", ca.issuing); err != nil {
		t.Fatal(err)
	}
	ca.gone.Store(true)
	if _, err := f.handshake("autoconfig.new.test", ca.issuing); err == nil {
		t.Error("a certificate from nowhere")
	}
	if _, err := f.handshake("autoconfig.old.test", ca.issuing); err != nil {
		t.Errorf("the old certificate: %v", err)
	}
	if res, err := http.Get("http://" + f.http.Addr().String()); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("plain HTTP: %v", err)
	} else {
		res.Body.Close()
	}
	eventually(t, "the status does not say that the CA is away", 20*time.Second, func() bool {
		s := c.Status()
		return s.Accounts[0].Fault != "" && s.Waiting == 1 && s.Orders["away"] > 0
	})
	if s := c.Status(); len(s.Names) != 1 || s.Accounts[0].Orders != 1 {
		t.Errorf("an outage is no fault of a name, and costs no orders: %+v", s)
	}
	ca.gone.Store(false)
	back := time.Now()
	eventually(t, "orders do not go on", 30*time.Second, func() bool { return c.Status().Names[Valid] == 2 })
	t.Logf("orders went on %s after the CA was back", time.Since(back).Round(time.Millisecond))
	if s := c.Status(); s.Accounts[0].Fault != "" {
		t.Errorf("still away: %+v", s)
	}
}

// A CA that wants fewer orders gets none until the time it has named, and other names are not blamed for it.
func TestCALimits(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	clock := &manualClock{now: time.Now()}
	config := ca.config(t.TempDir())
	config.Clock, config.Wait = clock, time.Second
	c, stop := f.serve(t, config)
	ca.refuse.Store(&refusal{429, "rateLimited", "too many new orders (300) from this account in the last 3h0m0s", "7200"})
	if _, err := f.handshake("autoconfig.a.test", ca.issuing); err == nil {
		t.Fatal("a certificate in spite of all")
	}
	eventually(t, "the status does not say that the CA refuses", 20*time.Second, func() bool { return c.Status().Accounts[0].Fault != "" })
	ca.refuse.Store(nil)
	if wait := c.Status().Accounts[0].Until.Sub(clock.Now()); wait != 2*time.Hour {
		t.Errorf("waits %s, not the 2h the CA wants", wait)
	}
	clock.advance(2*time.Hour - time.Second)
	time.Sleep(500 * time.Millisecond)
	if n := ca.orders.Load(); n != 0 {
		t.Errorf("%d orders too early", n)
	}
	clock.advance(2 * time.Second)
	eventually(t, "no order after the CA's time", 20*time.Second, func() bool { return c.Status().Names[Valid] == 1 })

	// A limit of one name holds up that name only, also through a restart.
	ca.refuse.Store(&refusal{429, "rateLimited", "too many failed authorizations (5) for \"autoconfig.b.test\"\x1b[31m in the last 1h", "3600"})
	if _, err := f.handshake("autoconfig.b.test", ca.issuing); err == nil {
		t.Fatal("a certificate in spite of all")
	}
	eventually(t, "the failure is not noted", 20*time.Second, func() bool { return c.Status().Names[Missing] == 1 })
	ca.refuse.Store(nil)
	stop()
	c, _ = f.serve(t, config)
	if _, err := f.handshake("autoconfig.b.test", ca.issuing); err == nil || ca.orders.Load() != 1 {
		t.Errorf("ordered again too early: %v, %d orders", err, ca.orders.Load())
	}
	f.handshake("autoconfig.c.test", ca.issuing) // a second is short on a busy machine
	eventually(t, "another name gets no certificate", 20*time.Second, func() bool { return c.entry("autoconfig.c.test") != nil })
	list, _, err := c.List(t.Context(), slices.Values([]string(nil)))
	if err != nil {
		t.Fatal(err)
	}
	b := list[slices.IndexFunc(list, func(c Certificate) bool { return c.Name == "autoconfig.b.test" })]
	if wait := b.Failure.Next.Sub(clock.Now()); b.State != Missing || wait < time.Hour || wait > 2*time.Hour || strings.Contains(b.Failure.Error, "\x1b") {
		t.Errorf("the failure: %+v, %s", b, wait)
	}
}

// When the first CA declines, or wants no orders, the second is asked; a renewal goes to the first again.
func TestSecondCA(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	first, second := startCA(t, httpPort, tlsPort, 90*day), startCA(t, httpPort, tlsPort, 90*day)
	first.roots.AddCert(second.root)
	config := first.config(t.TempDir())
	config.CAs = append(config.CAs, second.directory)
	clock := &manualClock{now: time.Now()}
	config.Clock = clock
	second.wish.Store(1)              // renewed as early as may be, in six hours
	first.wish.Store(int64(60 * day)) // and those not again
	c, _ := f.serve(t, config)
	for i, refuse := range []refusal{
		{403, "rejectedIdentifier", "not this one", ""},
		{429, "rateLimited", "too many new orders", "60"},
	} {
		name := names(2)[i]
		first.refuse.Store(&refuse)
		if _, err := f.handshake(name, second.issuing); err != nil {
			t.Errorf("%s: %v", refuse.kind, err)
		}
	}
	if a, b := first.orders.Load(), second.orders.Load(); a != 0 || b != 2 {
		t.Errorf("%d orders at the first, %d at the second", a, b)
	}
	if s := c.Status(); s.Names[Valid] != 2 || s.Names[Missing] != 0 {
		t.Errorf("status: %+v", s)
	}
	first.refuse.Store(nil)
	clock.advance(7 * time.Hour)
	for _, name := range names(2) {
		eventually(t, "not renewed at the first CA", 30*time.Second, func() bool {
			e := c.entry(name)
			return e != nil && c.authority(e.issuer) == c.cas[0]
		})
		if _, err := f.handshake(name, first.issuing); err != nil {
			t.Errorf("%s is not served from the first CA: %v", name, err)
		}
	}
	if a, b := first.orders.Load(), second.orders.Load(); a != 2 || b != 2 {
		t.Errorf("after the renewal %d orders at the first, %d at the second", a, b)
	}
}

// A name whose DNS leads elsewhere is not ordered until it leads here.
func TestDNSElsewhere(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	clock := &manualClock{now: time.Now()}
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
	eventually(t, "nothing is noted", 10*time.Second, func() bool { return c.Status().Names[Missing] == 1 })
	for range 10 {
		if _, err := f.handshake(names(1)[0], ca.issuing); err == nil {
			t.Fatal("a certificate from nowhere")
		}
	}
	here.Store(true)
	clock.advance(betweenLooks + time.Minute)
	eventually(t, "not ordered when the DNS is right", 20*time.Second, func() bool { return c.Status().Names[Valid] == 1 })
	if n := ca.orders.Load(); n != 1 {
		t.Errorf("%d orders", n)
	}
}

// A name that the CA cannot reach costs orders too, which are all counted; it is tried again later and later.
func TestUnreachableName(t *testing.T) {
	t.Parallel()
	nobody := listen(t)
	nobody.Close()
	f := newFront(t)
	ca := startCA(t, portOf(nobody), portOf(nobody), 90*day)
	clock := &manualClock{now: time.Now()}
	config := ca.config(t.TempDir())
	config.Clock = clock
	c, _ := f.serve(t, config)
	c.Want(slices.Values(names(1)))
	var last time.Duration
	for times := 1; times <= 3; times++ {
		var failure Failure
		eventually(t, "no failure", 30*time.Second, func() bool { failure, _ = c.failures.get(names(1)[0]); return failure.Times == times })
		wait := failure.Next.Sub(clock.Now())
		if wait <= last || wait > 100*time.Minute {
			t.Errorf("after %d failures it waits %s, before %s", times, wait, last)
		}
		if orders, counted := ca.orders.Load(), c.Status().Accounts[0].Orders; int(orders) > counted {
			t.Errorf("%d orders, %d counted", orders, counted)
		}
		last = wait
		eventually(t, "the attempt does not end", 10*time.Second, func() bool { return c.Status().Waiting == 0 })
		clock.advance(wait + time.Second)
	}
}

// A CA that does not accept what a renewal replaces gets an order like the first.
func TestRenewalRefused(t *testing.T) {
	t.Parallel()
	for _, refuse := range []refusal{{500, "serverInternal", "no", ""}, {400, "malformed", "unknown certificate", ""}} {
		f := newFront(t)
		httpPort, tlsPort := f.ports()
		ca := startCA(t, httpPort, tlsPort, 90*day)
		clock := &manualClock{now: time.Now()}
		config := ca.config(t.TempDir())
		config.Clock = clock
		ca.wish.Store(1) // renewed as early as may be, in six hours
		f.serve(t, config)
		if _, err := f.handshake(names(1)[0], ca.issuing); err != nil {
			t.Fatal(err)
		}
		ca.refuseRenewal.Store(&refuse)
		clock.advance(7 * time.Hour)
		eventually(t, refuse.kind+": not renewed", 30*time.Second, func() bool {
			clock.advance(10 * time.Second)
			return ca.orders.Load() > 1
		})
	}
}
