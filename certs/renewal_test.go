package certs

import (
	"testing"
	"time"

	"github.com/mholt/acmez/v3/acme"
)

// When a certificate is renewed: after a part of its lifetime, or as its CA suggests, within reason.
func TestRenewalTime(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	never := time.Duration(-1 << 62)
	for _, test := range []struct{ life, wish, want time.Duration }{
		{90 * day, never, 60 * day},
		{6 * day, never, 3 * day},
		{90 * day, 50 * day, 50 * day},
		{90 * day, 7 * time.Hour, 7 * time.Hour}, // as when the CA has to revoke it
		{90 * day, -1000 * day, 6 * time.Hour},   // the CA's clock is wrong
		{6 * day, 1000 * day, 6 * day * 9 / 10},  // too late
		{time.Minute, -time.Second, 6 * time.Second},
	} {
		s := stored{entry: entry{notBefore: begin, notAfter: begin.Add(test.life)}}
		if test.wish != never {
			s.ari = &acme.RenewalInfo{SelectedTime: begin.Add(test.wish)}
		}
		if s.setRenewal(); s.renewAt.Sub(begin) != test.want {
			t.Errorf("lifetime %s, suggested %s: renewed after %s, want %s", test.life, test.wish, s.renewAt.Sub(begin), test.want)
		}
	}
}

// Short-lived certificates are renewed again and again when their CA suggests it, and no handshake ever fails.
func TestRenewalWhileServing(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, time.Minute)
	// Pebble itself suggests any time up to the last moment, when a renewal would have to be faster than a busy machine can be.
	ca.wish.Store(int64(6 * time.Second))
	c, _ := f.serve(t, ca.config(t.TempDir()))
	seen := make(map[string]bool)
	failed, asked := 0, 0
	eventually(t, "not renewed twice", func() bool {
		leaf, err := f.handshake("autoconfig.short.test", ca.issuing)
		if asked++; err != nil {
			failed++
			t.Errorf("handshake %d: %v", asked, err)
		} else {
			seen[leaf.SerialNumber.String()] = true
		}
		return len(seen) == 3 || failed > 3
	})
	if n := c.Status().Orders["ok"]; n < 3 || n > 4 { // the next one may just have been ordered
		t.Errorf("%d orders for 3 certificates", n)
	}
	t.Logf("%d handshakes", asked)
}

// A CA that does not accept what a renewal replaces gets an order like the first, at once.
func TestRenewalRefused(t *testing.T) {
	t.Parallel()
	for _, refuse := range []refusal{{500, "serverInternal", "no", ""}, {400, "malformed", "unknown certificate", ""}} {
		f := newFront(t)
		httpPort, tlsPort := f.ports()
		ca := startCA(t, httpPort, tlsPort, 90*day)
		clock := newManualClock()
		config := ca.config(t.TempDir())
		config.Clock = clock
		ca.wish.Store(1) // renewed as early as possible, after six hours
		c, _ := f.serve(t, config)
		if _, err := f.handshake(names(1)[0], ca.issuing); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the first order does not end", func() bool { return c.Status().Orders["ok"] == 1 })
		before, refused := ca.orders.Load(), c.Status().Orders["refused"]
		ca.refuseRenewal.Store(&refuse)
		clock.advance(7 * time.Hour)
		eventually(t, refuse.kind+": not renewed", func() bool { return c.Status().Orders["ok"] == 2 })
		s := c.Status()
		if n := ca.orders.Load() - before; n != 1+s.Orders["refused"]-refused || s.Orders["away"] != 0 {
			t.Errorf("%s: %d orders, status %+v", refuse.kind, n, s)
		}
	}
}
