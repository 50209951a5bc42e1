package certs

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"mailhint/keypairs/keypairtest"
)

// openWithWildcards opens certificates that do not run. No name is listed.
func openWithWildcards(t *testing.T, clock Clock) *Certificates {
	t.Helper()
	config := (&testCA{directory: "https://127.0.0.1:1/dir"}).config("")
	config.Storage, config.Clock, config.Listed = newMemoryStorage(), clock, func(string) bool { return false }
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// A stranger holds all places for names below one wildcard, as was possible once. Another domain gets one of them at once, and the stranger
// gets it back neither then nor when there is room again.
func TestOneWildcardLeavesRoom(t *testing.T) {
	t.Parallel()
	clock := newManualClock()
	c := openWithWildcards(t, clock)
	pair := keypairtest.New(t, keypairtest.Options{})
	evil := func(i int) string { return fmt.Sprintf("autoconfig.x%d.evil.test", i) }
	for i := range 100 {
		storeCertificate(t, c, evil(i), pair)
	}
	count := func() {
		t.Helper()
		if err := c.scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.countUnlisted(t.Context())
	}
	count()
	clock.advance(2 * day)
	for i := range 100 {
		if i != 42 {
			c.noteAsked(t.Context(), evil(i))
		}
	}
	count()
	const neighbour = "autoconfig.real.neighbour.test"
	if err := c.roomFor(neighbour); err != nil {
		t.Errorf("a handshake of a domain that holds no place: %v", err)
	}
	if err := c.takeRoom(t.Context(), neighbour); err != nil {
		t.Fatalf("a domain that holds no place: %v", err)
	}
	if c.known.get(evil(42)) != nil || c.known.get(evil(41)) == nil || c.unlisted.len() != 100 {
		t.Errorf("not the name that was not asked for the longest has given way; %d places are taken", c.unlisted.len())
	}
	storeCertificate(t, c, neighbour, pair)
	count()
	if c.unlisted.len() != 100 || c.known.get(evil(42)) != nil {
		t.Errorf("%d places are taken, want 100, one by another name", c.unlisted.len())
	}
	if err := c.takeRoom(t.Context(), "autoconfig.second.neighbour.test"); !errors.Is(err, errWildcardsFull) {
		t.Errorf("a second name of the domain: %v", err)
	}
	for range 2 {
		for _, err := range []error{c.roomFor(evil(42)), c.takeRoom(t.Context(), evil(42))} {
			if !errors.Is(err, errDomainFull) {
				t.Errorf("another name of the domain that holds most: %v", err)
			}
		}
		for i := range 20 {
			if err := c.removeUnlisted(t.Context(), evil(i)); err != nil {
				t.Fatal(err)
			}
		}
		count()
	}
}

// Names whose orders have failed, or are in progress, hold places of their domain.
func TestFailedOrdersHoldPlaces(t *testing.T) {
	t.Parallel()
	clock := newManualClock()
	c := openWithWildcards(t, clock)
	for i := range 9 {
		c.failures.add(t.Context(), fmt.Sprintf("autoconfig.x%d.evil.test", i), errors.New("refused"), clock.Now(), 0, true)
	}
	c.queue.join("autoconfig.x9.evil.test", "evil.test", forUnlisted)
	if err := c.takeRoom(t.Context(), "autoconfig.x9.evil.test"); err != nil {
		t.Error(err)
	}
	c.countUnlisted(t.Context())
	if err := c.takeRoom(t.Context(), "autoconfig.x10.evil.test"); !errors.Is(err, errDomainFull) || c.unlisted.len() != 10 {
		t.Errorf("the eleventh name: %v; %d places are taken", err, c.unlisted.len())
	}
	if err := c.takeRoom(t.Context(), "autoconfig.real.neighbour.test"); err != nil {
		t.Errorf("a neighbour: %v", err)
	}
	clock.advance(8 * day)
	c.followAsked(t.Context())
	c.countUnlisted(t.Context())
	if n := c.unlisted.len(); n != 1 { // the job that never ends
		t.Errorf("after a week %d places are taken, want 1", n)
	}
}

// No name gives way while no order may be placed for the other.
func TestNoneGivesWayWithoutAnOrder(t *testing.T) {
	t.Parallel()
	clock := newManualClock()
	c := openWithWildcards(t, clock)
	c.config.Unlisted = 2
	for i := range 2 {
		storeCertificate(t, c, fmt.Sprintf("autoconfig.x%d.evil.test", i), keypairtest.New(t, keypairtest.Options{}))
	}
	if err := c.scan(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.countUnlisted(t.Context())
	for i := range unlistedShare(c.config.PerHour) {
		if _, err := c.cas[0].budget.take(t.Context(), clock.Now(), fmt.Sprintf("d%d.test", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.takeRoom(t.Context(), "autoconfig.real.neighbour.test"); !errors.Is(err, errUnlistedSpent) || c.known.get("autoconfig.x0.evil.test") == nil {
		t.Errorf("a name gives way without an order: %v", err)
	}
	clock.advance(time.Hour)
	if err := c.takeRoom(t.Context(), "autoconfig.real.neighbour.test"); err != nil {
		t.Error(err)
	}
}

// A stranger asks for names below one wildcard in handshakes until no place is left. A client of another domain gets its certificate.
func TestNeighbourGetsCertificate(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	clock := newManualClock()
	config := ca.config("")
	config.Storage, config.Clock, config.Unlisted, config.Wait = newMemoryStorage(), clock, 15, 30*time.Second
	config.Listed = func(string) bool { return false }
	c, _ := f.serve(t, config)
	held := func(domain string) (n int) {
		for name := range c.known.all() {
			if strings.HasSuffix(name, domain) {
				n++
			}
		}
		return n
	}
	for _, domain := range []string{"evil.test", "evil.test", "wicked.test"} {
		for i := range 12 {
			f.handshake(fmt.Sprintf("autoconfig.x%d.%s", i, domain), ca.issuing)
		}
		clock.advanceAndWait(t, time.Hour+time.Second)
	}
	if evil, wicked := held(".evil.test"), held(".wicked.test"); evil != 10 || wicked != 5 {
		t.Fatalf("%d and %d names have certificates, want 10 and 5", evil, wicked)
	}
	if _, err := f.handshake("autoconfig.real.neighbour.test", ca.issuing); err != nil {
		t.Errorf("a neighbour: %v", err)
	}
	if evil, wicked := held(".evil.test"), held(".wicked.test"); evil != 9 || wicked != 5 {
		t.Errorf("%d and %d names have certificates, want 9 and 5", evil, wicked)
	}
}
