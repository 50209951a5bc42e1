package certs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mholt/acmez/v3/acme"

	"mailhint/dnsupdate"
	"mailhint/dnsupdate/knottest"
	"mailhint/domains"
)

// nobody has no addresses, so that no other name servers are waited for.
type nobody = addressOf

// dnsWorld is a real name server with a zone "test", a CA that asks it and can connect to its names or not, and what may publish in that zone.
func dnsWorld(t *testing.T, f *front, reachable bool) (*testCA, *knottest.Server, *dnsupdate.Challenges) {
	t.Helper()
	key := knottest.NewKey("mailhint")
	k := knottest.Start(t, knottest.Zone{Name: "test", Records: "*.test. A 127.0.0.1\n", Keys: []knottest.Key{key}})
	httpPort, tlsPort := f.ports()
	if !reachable {
		httpPort, tlsPort = closedPort(t), closedPort(t)
	}
	zones := domains.DNS{Zones: []domains.Zone{{Name: "test", Server: k.Address, KeyFile: key.Write(t)}}}
	return startCAWithDNS(t, k.Address, httpPort, tlsPort, 90*day), k, &dnsupdate.Challenges{Zones: func() domains.DNS { return zones }, Hosts: nobody{}}
}

// checkNothingLeft checks that no records of challenges are left in the zone.
func checkNothingLeft(t *testing.T, k *knottest.Server) {
	t.Helper()
	lines, err := k.Transfer("test")
	if err != nil || len(lines) != 1 {
		t.Errorf("%v; the zone has\n%s", err, strings.Join(lines, "\n"))
	}
}

// Names that cannot be reached from outside get certificates by DNS, with one order each, and no records are left. A name without an address,
// and one outside of the zones, get none.
func TestDNSChallenge(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	ca, k, challenges := dnsWorld(t, f, false)
	config := ca.config(t.TempDir())
	config.DNS = challenges
	config.Allowed = func(string) bool { return true }
	config.PointsHere = func(_ context.Context, name string) error {
		if name == "autoconfig.unpublished.test" {
			return ErrNoAddress
		}
		return errors.New("its address is 10.0.0.1")
	}
	c, _ := f.serve(t, config)
	list := names(8)
	c.Want(slices.Values(append(list, "autoconfig.unpublished.test", "autoconfig.other.example")))
	eventually(t, "not all names have a certificate", func() bool { return c.Status().Names[Valid] == len(list) })
	eventually(t, "the other names are not noted", func() bool { return c.Status().Names[Missing] == 2 })
	handshakes(t, f, ca, list)
	if n := ca.orders.Load(); n != int64(len(list)) {
		t.Errorf("%d orders for %d names", n, len(list))
	}
	if s := c.Status(); s.Accounts[0].Fault != "" || s.Accounts[0].Orders != len(list) {
		t.Errorf("status %+v", s)
	}
	checkNothingLeft(t, k)
}

// One wildcard serves all names below a zone that asks for it, in one order, also after a restart and a renewal. A certificate of a name that
// it serves is not renewed.
func TestWildcard(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	ca, k, challenges := dnsWorld(t, f, true)
	clock := newManualClock()
	dir := t.TempDir()
	config := ca.config(dir)
	config.Clock, config.DNS = clock, challenges
	list := []string{"autoconfig.a.test", "autodiscover.a.test", "ua-auto-config.a.test"}

	c, stop := f.serve(t, config) // before the admin asks for a wildcard
	c.Want(slices.Values(list[:1]))
	eventually(t, "the first name has no certificate", func() bool { return c.known.get(list[0]) != nil })
	stop()

	config.CertificateFor = func(name string) string {
		if _, parent, _ := strings.Cut(name, "."); parent == "a.test" {
			return "*.a.test"
		}
		return name
	}
	before := ca.orders.Load()
	c, stop = f.serve(t, config)
	c.Want(slices.Values(append(list, "autoconfig.b.test")))
	serials := handshakes(t, f, ca, list)
	if serials[0] != serials[1] || serials[0] != serials[2] {
		t.Errorf("got the certificates %v, want the same for all", serials)
	}
	eventually(t, "the other name has no certificate", func() bool { return c.known.get("autoconfig.b.test") != nil })
	if n := ca.orders.Load() - before; n != 2 {
		t.Errorf("%d orders for a wildcard and another name", n)
	}
	if _, err := f.handshake("*.a.test", ca.issuing); err == nil {
		t.Error("a client got a certificate for a name that is not one")
	}
	if s := c.Status(); s.Names[Valid] != 2 {
		t.Errorf("status %+v, want the wildcard and the other name", s)
	}
	if err := c.Get(t.Context(), list[1]); err != nil || ca.orders.Load()-before != 2 {
		t.Errorf("Get of a name that has a certificate: %v, %d orders", err, ca.orders.Load()-before)
	}
	if found, err := filepath.Glob(filepath.Join(dir, "certificates", "*", "wildcard_.a.test", "wildcard_.a.test.crt")); err != nil || len(found) != 1 {
		t.Errorf("the wildcard is not in certmagic's layout: %v, %v", found, err)
	}
	stop()

	c, stop = f.serve(t, config)
	if again := handshakes(t, f, ca, list); !slices.Equal(again, serials) {
		t.Errorf("after a restart: got %v, want %v", again, serials)
	}
	eventually(t, "not all certificates are known", func() bool { return c.Status().Names[Valid] == 2 && c.known.get(list[0]) != nil })
	unused := c.known.get(list[0]).notAfter
	clock.advance(61 * day)
	eventually(t, "the wildcard is not renewed", func() bool {
		leaf, err := f.handshake(list[0], ca.issuing)
		return err == nil && leaf.SerialNumber.String() != serials[0]
	})
	stop()
	if e := c.known.get(list[0]); e == nil || !e.notAfter.Equal(unused) {
		t.Errorf("a certificate was renewed that serves no name: %+v", e)
	}
	if report, err := c.Report(t.Context(), slices.Values(list)); err != nil || len(report.Certificates) != 3 ||
		report.Certificates[0].Name != "*.a.test" || report.Certificates[1].State != Unused {
		t.Errorf("report: %v, %+v", err, report.Certificates)
	}
	checkNothingLeft(t, k)
}

// A name that points here and cannot be reached costs an order for each kind of challenge once; the next names are verified by DNS at once.
func TestDNSAfterOtherKinds(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	ca, _, challenges := dnsWorld(t, f, false)
	config := ca.config(t.TempDir())
	config.DNS = challenges
	c, _ := f.serve(t, config)
	for i, want := range []int64{3, 4, 5} {
		c.Want(slices.Values(names(i + 1)[i:]))
		eventually(t, "no certificate", func() bool { return c.Status().Names[Valid] == i+1 })
		if n := ca.orders.Load(); n != want {
			t.Errorf("%d orders for %d names, want %d", n, i+1, want)
		}
	}
}

// brokenDNS is a name server that cannot be changed.
type brokenDNS struct {
	DNSChallenges
	checks atomic.Int64
}

func (b *brokenDNS) Covers(string) bool { return true }
func (b *brokenDNS) Check(context.Context, string) error {
	b.checks.Add(1)
	return errors.New("the name server refuses it")
}

// While the name server cannot be changed no order is placed for DNS, the CA is not blamed, and names that it can reach get certificates.
func TestNameServerRefuses(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	config := ca.config(t.TempDir())
	broken := &brokenDNS{}
	config.DNS, config.Wait = broken, time.Minute
	config.PointsHere = func(_ context.Context, name string) error {
		if strings.HasPrefix(name, "autoconfig.here") {
			return nil
		}
		return errors.New("its address is 10.0.0.1")
	}
	c, _ := f.serve(t, config)
	c.Want(slices.Values([]string{"autoconfig.away.test", "autoconfig.here.test"}))
	eventually(t, "the reachable name has no certificate", func() bool { return c.Status().Names[Valid] == 1 })
	eventually(t, "the failure is not noted", func() bool { return c.Status().Names[Missing] == 1 })
	failure, _ := c.failures.get("autoconfig.away.test")
	if !strings.Contains(failure.Error, "the record for the CA cannot be published: the name server refuses it") || broken.checks.Load() != 1 {
		t.Errorf("got %+v after %d checks", failure, broken.checks.Load())
	}
	if s := c.Status(); ca.orders.Load() != 1 || s.Accounts[0].Fault != "" || s.Accounts[0].Orders != 1 {
		t.Errorf("%d orders, status %+v", ca.orders.Load(), s)
	}
}

// A wildcard outside of the zones of [dns] is not ordered, and the failure says why.
func TestWildcardWithoutDNS(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	config := ca.config(t.TempDir())
	config.CertificateFor = func(string) string { return "*.a.test" }
	c, _ := f.serve(t, config)
	if err := c.Get(t.Context(), "autoconfig.a.test"); !errors.Is(err, errNoDNS) || ca.orders.Load() != 0 {
		t.Errorf("got %v, %d orders", err, ca.orders.Load())
	}
	if entries, err := os.ReadDir(filepath.Join(config.Dir, "failures")); len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

// stuckDNS is a name server that may remove nothing.
type stuckDNS struct {
	DNSChallenges
	stuck bool
}

func (s *stuckDNS) Withdraw(ctx context.Context, name, text string) error {
	if s.stuck {
		return errors.New("no answer")
	}
	return s.DNSChallenges.Withdraw(ctx, name, text)
}

// The record of an order whose process is killed is removed later, and no other. A record that may still be needed stays.
func TestLeftoverRecords(t *testing.T) {
	t.Parallel()
	ca, k, challenges := dnsWorld(t, newFront(t), false)
	dir := t.TempDir()
	config := ca.config(dir)
	server := &stuckDNS{DNSChallenges: challenges, stuck: true}
	config.DNS = server
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	solver := dnsSolver{challenges, c.storage, new(error)}
	challenge := func(name string) acme.Challenge {
		return acme.Challenge{Identifier: acme.Identifier{Type: "dns", Value: name}, KeyAuthorization: name + ".x"}
	}
	for _, name := range []string{"old.test", "new.test", "ended.test"} {
		if err := solver.Present(t.Context(), challenge(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := challenges.Publish(t.Context(), "old.test", "somebody else's"); err != nil {
		t.Fatal(err)
	}
	if err := solver.CleanUp(t.Context(), challenge("ended.test")); err != nil {
		t.Fatal(err)
	}
	age := func(text string) {
		t.Helper()
		at := time.Now().Add(-2 * leftoverRecordAge)
		if err := os.Chtimes(filepath.Join(dir, noteKey(text)), at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.storage.Store(t.Context(), noteKey("moved"), []byte("moved.example")); err != nil { // its zone is no longer in [dns]
		t.Fatal(err)
	}
	age("moved")
	age(challenge("old.test").DNS01KeyAuthorization())
	c.tidy(t.Context())
	if notes := c.inside(t.Context(), publishedPrefix); len(notes) != 2 {
		t.Errorf("without a name server, the notes are %q; want those of old.test and new.test", notes)
	}
	server.stuck = false
	c.tidy(t.Context())
	lines, err := k.Transfer("test")
	text := strings.Join(lines, "\n")
	if err != nil || len(lines) != 3 || strings.Contains(text, challenge("old.test").DNS01KeyAuthorization()) || !strings.Contains(text, "somebody else's") ||
		!strings.Contains(text, challenge("new.test").DNS01KeyAuthorization()) {
		t.Errorf("%v; the zone has\n%s", err, text)
	}
	if notes := c.inside(t.Context(), publishedPrefix); len(notes) != 1 {
		t.Errorf("the notes are %q, want that of new.test", notes)
	}
}
