package certs

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"

	"mailhint/certs/pebbletest"
)

// A stranger makes up names below a wildcard that lead here: only a few get certificates, those nobody asks for again are not
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
	ca.wish.Store(1) // they are renewed as early as may be, in six hours
	c, stop := f.serve(t, config)
	list := names(20)
	for range 2 { // the second time after a restart
		for _, name := range list {
			f.handshake(name, ca.issuing)
		}
		if n := ca.orders.Load(); n != 3 || c.known.get(list[0]) == nil {
			t.Fatalf("%d orders for names below wildcards", n)
		}
		stop()
		c, stop = f.serve(t, config)
		eventually(t, "not counted", func() bool { return c.Status().WildcardsFull })
	}
	if _, err := f.handshake("autoconfig.listed.test", ca.issuing); err != nil {
		t.Errorf("a listed name: %v", err)
	}
	for range 2 { // the first handshake after the start reads it, the next one asks for what is there
		f.handshake(list[1], ca.issuing)
	}
	ca.wish.Store(int64(60 * day))
	clock.advance(7 * time.Hour)
	eventually(t, "not renewed", func() bool {
		s := c.Status()
		return s.Names[Valid] == 2 && s.Names[Due] == 2 && s.Waiting == 0
	})
	if n := ca.orders.Load(); n != 6 {
		t.Errorf("%d orders; those for a listed name and for one that was asked for are 2 more", n)
	}
}

// brokenStorage accepts nothing while it is full, and never the key refuse.
type brokenStorage struct {
	certmagic.Storage
	full   atomic.Bool
	refuse string
}

func (s *brokenStorage) Store(ctx context.Context, key string, value []byte) error {
	if s.full.Load() && len(value) > 0 || key == s.refuse { // on a full disk there may be room for an empty file
		return errors.New("no space left on device")
	}
	return s.Storage.Store(ctx, key, value)
}

// While nothing can be saved nothing is ordered, no name is blamed, existing certificates are served, and the status says so.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	clock := newManualClock()
	storage := &brokenStorage{Storage: &certmagic.FileStorage{Path: t.TempDir()}}
	var log bytes.Buffer
	config := ca.config("")
	config.Clock, config.Storage, config.Wait, config.Log = clock, storage, time.Second, slog.New(slog.NewTextHandler(&log, nil))
	c, stop := f.serve(t, config)
	c.Want(slices.Values(names(1)))
	eventually(t, "no certificate", func() bool { return c.known.get(names(1)[0]) != nil && c.Status().Waiting == 0 })
	placed := ca.orders.Load()
	storage.full.Store(true)
	for range 3 {
		if _, err := f.handshake("autoconfig.new.test", ca.issuing); err == nil {
			t.Error("a certificate was issued that cannot be saved")
		}
		clock.advance(2 * storagePause)
	}
	eventually(t, "the status does not tell", func() bool { return strings.Contains(c.Status().StorageError, "no space") })
	if _, err := f.handshake(names(1)[0], ca.issuing); err != nil {
		t.Errorf("the old certificate: %v", err)
	}
	if s := c.Status(); ca.orders.Load() != placed || s.Names[Missing] != 0 || s.Waiting != 1 {
		t.Errorf("%d orders, status %+v", ca.orders.Load()-placed, s)
	}
	storage.full.Store(false)
	clock.advance(2 * storagePause)
	eventually(t, "orders do not continue", func() bool {
		s := c.Status()
		return s.Names[Valid] == 2 && s.StorageError == ""
	})
	stop()
	if n := strings.Count(log.String(), "cannot be saved"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, log.String())
	}
}

// A process that is killed during an order leaves its name alone for a while when it is started again, and longer each time.
func TestKilledDuringOrder(t *testing.T) {
	t.Parallel()
	now := time.Now()
	storage := &certmagic.FileStorage{Path: t.TempDir()}
	var last time.Duration
	for range 3 {
		f, err := readFailures(t.Context(), storage)
		if err != nil {
			t.Fatal(err)
		}
		if wait := f.wait("a.test", now); max(wait, 0) < last || wait > 2*time.Hour {
			t.Errorf("waits %s, before %s", wait, last)
		} else {
			last = max(wait, 0) + 1
		}
		if _, err := f.begin(t.Context(), "a.test", now); err != nil {
			t.Fatal(err)
		}
	}
	if last < firstBackoff {
		t.Errorf("waits only %s", last)
	}
	f, err := readFailures(t.Context(), storage)
	if err != nil {
		t.Fatal(err)
	}
	finish, err := f.begin(t.Context(), "b.test", now)
	if err != nil {
		t.Fatal(err)
	}
	finish() // as when told to stop
	if f, err = readFailures(t.Context(), storage); err != nil || f.wait("b.test", now) > 0 || len(f.all()) != 1 {
		t.Errorf("an order that was given up counts: %v, %v", err, f.all())
	}
	if wait := f.wait("a.test", now.Add(-1000*time.Hour)); wait > 0 {
		t.Errorf("with the clock set back it waits %s", wait)
	}
}

// What nobody needs any more is removed; what is served, or may be needed again, stays.
func TestTidy(t *testing.T) {
	t.Parallel()
	clock := newManualClock()
	dir := t.TempDir()
	config := (&testCA{directory: "https://127.0.0.1:1/dir"}).config(dir)
	config.Clock = clock
	config.Allowed = func(name string) bool { return name != "removed.test" }
	config.Listed = func(name string) bool { return name == "kept.test" }
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, name := range []string{"kept.test", "removed.test", "wild.test"} { // all end in a day
		storeCertificate(t, c, name, pebbletest.SelfSigned(t))
		c.failures.add(t.Context(), name, errors.New("x"), clock.Now(), 0)
	}
	store := func(key string, old bool) {
		if err := c.storage.Store(t.Context(), key, []byte("x")); err != nil {
			t.Fatal(err)
		}
		if at := time.Now().Add(-2 * leftoverAge); old {
			if err := os.Chtimes(filepath.Join(dir, key), at, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, key := range []string{"locks/a.lock", "check-1", "orders/ca/123", "acme/ca/challenge_tokens/a.json", "failures/123"} {
		store(key, true)
		store(key+".lock", false)
	}
	store("acme/ca/users/x/x.json", true) // the account
	if err := c.scan(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.tidy(t.Context())
	if n := len(maps.Collect(c.known.all())); n != 3 {
		t.Errorf("%d certificates left before they expire", n)
	}
	clock.advance(3 * day)
	c.tidy(t.Context())
	keys, err := c.storage.List(t.Context(), "", true)
	if err != nil {
		t.Fatal(err)
	}
	keys = slices.DeleteFunc(keys, func(key string) bool {
		info, err := c.storage.Stat(t.Context(), key)
		return err == nil && !info.IsTerminal
	})
	issuer := c.cas[0].key
	want := []string{"acme/ca/challenge_tokens/a.json.lock", "acme/ca/users/x/x.json",
		"certificates/" + issuer + "/kept.test/kept.test.crt", "certificates/" + issuer + "/kept.test/kept.test.key",
		"check-1.lock", "failures/123.lock", "failures/kept.test.json", "failures/wild.test.json", "locks/a.lock.lock", "orders/ca/123.lock"}
	if slices.Sort(keys); !slices.Equal(keys, want) {
		t.Errorf("left  %s\nwant %s", keys, want)
	}
}
