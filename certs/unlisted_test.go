package certs

import (
	"testing"
	"time"
)

// A stranger makes up names below a wildcard that point here: only a few get certificates, those that no client asks for again are not
// renewed, and listed names get theirs all the time.
func TestUnlistedNames(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	clock := newManualClock()
	config := ca.config(t.TempDir())
	config.Clock, config.Unlisted = clock, 3
	config.Listed = func(name string) bool { return name == "autoconfig.listed.test" }
	ca.renewAfter.Store(1) // they are renewed as early as possible, after six hours
	c, stop := f.serve(t, config)
	list := names(20)
	for range 2 { // the second time after a restart
		for _, name := range list {
			f.handshake(name, ca.issuing)
		}
		if n := c.Status().Names[Valid]; n != 3 || c.known.get(list[0]) == nil {
			t.Fatalf("%d certificates for names below wildcards", n)
		}
		stop()
		c, stop = f.serve(t, config)
		eventually(t, "not counted", func() bool { return c.Status().WildcardsFull })
	}
	if _, err := f.handshake("autoconfig.listed.test", ca.issuing); err != nil {
		t.Errorf("a listed name: %v", err)
	}
	for range 2 { // the first handshake after the start reads it, the next one requests what is in memory
		f.handshake(list[1], ca.issuing)
	}
	ca.renewAfter.Store(int64(60 * day))
	clock.advance(7 * time.Hour)
	eventually(t, "not renewed", func() bool {
		s := c.Status()
		return s.Names[Valid] == 2 && s.Names[Due] == 2 && s.Waiting == 0
	})
	if n := c.Status().Orders["ok"]; n != 3 {
		t.Errorf("%d orders, want 3: for the listed name, its renewal, and that of the name that was requested", n)
	}
}
