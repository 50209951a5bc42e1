package certs

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"

	"mailhint/keypairs/keypairtest"
)

// If not all parts of a certificate can be stored, the previous ones stay.
func TestStoreAll(t *testing.T) {
	t.Parallel()
	storage := &brokenStorage{Storage: newMemoryStorage()}
	before := []value{{"x/a", []byte("1")}, {"x/b", []byte("1")}}
	if err := storeAll(t.Context(), storage, before); err != nil {
		t.Fatal(err)
	}
	storage.refuse = "x/c"
	if err := storeAll(t.Context(), storage, []value{{"x/a", []byte("2")}, {"x/d", []byte("2")}, {"x/c", []byte("2")}}); err == nil {
		t.Fatal("no error")
	}
	for _, v := range before {
		if text, err := storage.Load(t.Context(), v.key); err != nil || string(text) != "1" {
			t.Errorf("%s is %q: %v", v.key, text, err)
		}
	}
	if storage.Exists(t.Context(), "x/d") {
		t.Error("half of a certificate is left")
	}
}

// No name stands for a folder outside the storage, or for all of it.
func TestRemoveKeepsToItsName(t *testing.T) {
	t.Parallel()
	c, err := New((&testCA{directory: "https://127.0.0.1:1/dir"}).config(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	storeCertificate(t, c, "autoconfig.a.test", keypairtest.New(t, keypairtest.Options{}))
	for _, name := range []string{"", ".", "..", "../x", "./autoconfig.a.test", "**.test", "*test", "a.*.test", "wildcard_.a.test", "a b.test", "*.b.test", "autoconfig.b.test"} {
		if err := c.Remove(t.Context(), name); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %v", name, err)
		}
		if err := c.remove(t.Context(), name); err == nil && !strings.HasSuffix(name, ".b.test") {
			t.Errorf("%q was removed", name)
		}
	}
	if cert, err := c.Stored(t.Context(), "autoconfig.a.test"); cert == nil || err != nil {
		t.Fatalf("the certificate is gone: %v", err)
	}
	if err := c.Remove(t.Context(), "Autoconfig.A.test."); err != nil {
		t.Error(err)
	}
	if cert, err := c.Stored(t.Context(), "autoconfig.a.test"); cert != nil || err != nil {
		t.Errorf("the certificate is still there: %v", err)
	}
}

// Get and Remove work from a process beside the one that serves, which notices; and damaged files are replaced by a new order.
func TestGetRemoveDamaged(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	config := ca.config(t.TempDir())
	clock := newManualClock()
	config.Clock = clock
	serving, _ := f.serve(t, config)
	beside, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	const name = "autodiscover.a.test"
	for range 2 { // the second time there is one
		if err := beside.Get(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	first, err := f.handshake(name, ca.issuing)
	if n := beside.Status().Orders["ok"]; err != nil || n != 1 {
		t.Fatalf("%v after %d orders", err, n)
	}
	if err := beside.Remove(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	clock.advance(betweenScans + time.Second)
	eventually(t, "a removed certificate is still known", func() bool { return serving.Status().Loaded == 0 })
	second, err := f.handshake(name, ca.issuing)
	if err != nil || second.SerialNumber.Cmp(first.SerialNumber) == 0 {
		t.Errorf("after removal: %v, or the same certificate", err)
	}
	s, err := serving.read(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	key := certmagic.StorageKeys.SitePrivateKey(s.issuer, name)
	if err := serving.storage.Store(t.Context(), key, []byte("damaged")); err != nil {
		t.Fatal(err)
	}
	serving.forget(name) // as after a restart
	if _, err := f.handshake(name, ca.issuing); err != nil {
		t.Errorf("after damage: %v", err)
	}
	if n := serving.Status().Orders["ok"]; n != 2 {
		t.Errorf("%d orders, want 2", n)
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
