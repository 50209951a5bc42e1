package certs

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"mailhint/certs/pebbletest"
)

// While the CA cannot be reached, certificates are still served, and plain HTTP; the status says so. When it is back, orders continue.
func TestCAUnreachable(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	clock := newManualClock()
	config := ca.config(t.TempDir())
	config.Clock, config.Wait = clock, 5*time.Second
	c, _ := f.serve(t, config)
	eventually(t, "there is no first certificate", func() bool { // one handshake may wait too short a time on a slow machine
		_, err := f.handshake("autoconfig.old.test", ca.issuing)
		return err == nil
	})
	placed := ca.orders.Load()
	ca.gone.Store(true)
	if _, err := f.handshake("autoconfig.new.test", ca.issuing); err == nil {
		t.Error("a certificate was issued while the CA could not be reached")
	}
	if _, err := f.handshake("autoconfig.old.test", ca.issuing); err != nil {
		t.Errorf("the old certificate: %v", err)
	}
	if res, err := http.Get("http://" + f.http.Addr().String()); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("plain HTTP: %v", err)
	} else {
		res.Body.Close()
	}
	eventually(t, "the status does not say that the CA cannot be reached", func() bool {
		s := c.Status()
		return s.Accounts[0].Fault != "" && s.Waiting == 1 && s.Orders["unreachable"] > 0
	})
	if s := c.Status(); len(s.Names) != 1 || int64(s.Accounts[0].Orders) != placed {
		t.Errorf("an outage counts as a failure of the name, or as an order: %+v", s)
	}
	ca.gone.Store(false)
	clock.advance(maxUnreachablePause)
	eventually(t, "orders do not continue", func() bool { return c.Status().Names[Valid] == 2 })
	if s := c.Status(); s.Accounts[0].Fault != "" {
		t.Errorf("still unreachable: %+v", s)
	}
}

// A CA that wants fewer orders gets none until the time it has named, and other names are not blamed for it.
func TestCALimits(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	clock := newManualClock()
	config := ca.config(t.TempDir())
	config.Clock, config.Wait = clock, time.Second
	c, _ := f.serve(t, config)
	ca.refuse.Store(&refusal{429, "rateLimited", "too many new orders (300) from this account in the last 3h0m0s", "7200"})
	if _, err := f.handshake("autoconfig.a.test", ca.issuing); err == nil {
		t.Fatal("a certificate was issued in spite of the limit")
	}
	eventually(t, "the status does not say that the CA refuses", func() bool { return c.Status().Accounts[0].Fault != "" })
	ca.refuse.Store(nil)
	if wait := c.Status().Accounts[0].Until.Sub(clock.Now()); wait != 2*time.Hour {
		t.Errorf("waits %s, not the 2h the CA asked for", wait)
	}
	clock.advanceAndWait(t, 2*time.Hour-time.Second)
	if wait, n := c.pace(), ca.orders.Load(); wait != time.Second || n != 0 {
		t.Errorf("waits another %s, want 1s; %d orders too early", wait, n)
	}
	clock.advance(2 * time.Second)
	eventually(t, "no order after the CA's time", func() bool { return c.Status().Names[Valid] == 1 })
}

// A rate limit that is about one name holds up only that name, also after a restart.
func TestNameLimit(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	clock := newManualClock()
	config := ca.config(t.TempDir())
	config.Clock, config.Wait = clock, time.Second
	c, stop := f.serve(t, config)
	ca.refuse.Store(&refusal{429, "rateLimited", "too many failed authorizations (5) for \"autoconfig.b.test\"\x1b[31m in the last 1h", "3600"})
	if _, err := f.handshake("autoconfig.b.test", ca.issuing); err == nil {
		t.Fatal("a certificate was issued in spite of the limit")
	}
	eventually(t, "the failure is not noted", func() bool { return c.Status().Names[Missing] == 1 })
	ca.refuse.Store(nil)
	stop()
	c, _ = f.serve(t, config)
	if _, err := f.handshake("autoconfig.b.test", ca.issuing); err == nil || ca.orders.Load() != 0 {
		t.Errorf("ordered again too early: %v, %d orders", err, ca.orders.Load())
	}
	f.handshake("autoconfig.c.test", ca.issuing) // it may take longer than Wait
	eventually(t, "another name gets no certificate", func() bool { return c.known.get("autoconfig.c.test") != nil })
	report, err := c.Report(t.Context(), slices.Values([]string(nil)))
	if err != nil {
		t.Fatal(err)
	}
	list := report.Certificates
	b := list[slices.IndexFunc(list, func(c Certificate) bool { return c.Name == "autoconfig.b.test" })]
	if wait := b.Failure.Next.Sub(clock.Now()); b.State != Missing || wait < time.Hour || wait > 2*time.Hour || strings.Contains(b.Failure.Error, "\x1b") {
		t.Errorf("the failure: %+v, %s", b, wait)
	}
	if problems := report.Problems(""); len(problems) != 1 || problems[0].Name != "autoconfig.b.test" {
		t.Errorf("problems: %+v", problems)
	}
}

// When the first CA declines, or accepts no orders, the second is asked; a renewal goes to the first again.
func TestSecondCA(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	first, second := startCA(t, httpPort, tlsPort, 90*day), startCA(t, httpPort, tlsPort, 90*day)
	first.roots.AddCert(second.root)
	config := first.config(t.TempDir())
	config.CAs = append(config.CAs, second.directory)
	clock := newManualClock()
	config.Clock = clock
	second.renewAfter.Store(1)              // renewed as early as possible, after six hours
	first.renewAfter.Store(int64(60 * day)) // and not again
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
	placed := 2 + c.Status().Orders["refused"] // see testCA
	if a, b := first.orders.Load(), second.orders.Load(); a != 0 || b != placed {
		t.Errorf("%d orders at the first, %d at the second", a, b)
	}
	if s := c.Status(); s.Names[Valid] != 2 || s.Names[Missing] != 0 {
		t.Errorf("status: %+v", s)
	}
	first.refuse.Store(nil)
	clock.advance(7 * time.Hour)
	for _, name := range names(2) {
		eventually(t, "not renewed at the first CA", func() bool {
			e := c.known.get(name)
			return e != nil && c.authority(e.issuer) == c.cas[0]
		})
		if _, err := f.handshake(name, first.issuing); err != nil {
			t.Errorf("%s is not served from the first CA: %v", name, err)
		}
	}
	if n := first.renewals.Load(); n != 0 {
		t.Errorf("%d orders name a certificate of another CA", n)
	}
	if a, b := first.orders.Load(), second.orders.Load(); a < 2 || b != placed {
		t.Errorf("after the renewal %d orders at the first, %d at the second", a, b)
	}
}

// A CA that has been reinstalled does not know the account any more: a new one is registered, and the order costs one.
func TestReinstalledCA(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	reinstalled := pebbletest.Start(t, httpPort, tlsPort, 90*day)
	ca.roots.AddCert(reinstalled.Root.Leaf)
	ca.issuing.AddCert(reinstalled.IssuingRoot)
	config := ca.config(t.TempDir())
	config.Email = "postmaster@example.com"
	c, _ := f.serve(t, config)
	if _, err := f.handshake("autoconfig.a.test", ca.issuing); err != nil {
		t.Fatal(err)
	}
	before, err := c.cas[0].loadAccount(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	placed := ca.orders.Load()
	ca.backend.Store(reinstalled)
	if _, err := f.handshake("autoconfig.b.test", ca.issuing); err != nil {
		t.Fatal(err)
	}
	after, err := c.cas[0].loadAccount(t.Context())
	if err != nil || after.Location == before.Location {
		t.Errorf("account %s, before %s: %v", after.Location, before.Location, err)
	}
	if n := ca.orders.Load() - placed; n < 1 || int64(c.Status().Accounts[0].Orders) != ca.orders.Load() {
		t.Errorf("%d orders, %d counted of %d", n, c.Status().Accounts[0].Orders, ca.orders.Load())
	}
}
