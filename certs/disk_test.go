package certs

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

var errNoSpace = errors.New("no space left on device")

// fillingStorage becomes full at the first operation that fills matches, and stays so until there is room.
type fillingStorage struct {
	certmagic.Storage
	fills func(operation, key string) bool
	full  atomic.Bool
	armed atomic.Bool
}

func (s *fillingStorage) fails(operation, key string) bool {
	if s.armed.Load() && s.fills(operation, key) {
		s.full.Store(true)
	}
	return s.full.Load()
}

func (s *fillingStorage) Store(ctx context.Context, key string, value []byte) error {
	if s.fails("store", key) && len(value) > 0 { // on a full disk there may be room for an empty file
		return errNoSpace
	}
	return s.Storage.Store(ctx, key, value)
}

func (s *fillingStorage) Lock(ctx context.Context, name string) error {
	if s.fails("lock", name) {
		return errNoSpace
	}
	return s.Storage.Lock(ctx, name)
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) count(text string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.text.String(), text)
}

// A disk fills at any moment of an order: no name is blamed, the status says so at once, and the order is finished as soon as there is
// room, without moving the clock. A certificate that was received is served from memory, and saved then.
func TestDiskFillsDuringOrder(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	for _, moment := range []struct {
		name   string
		fills  func(operation, key string) bool
		served bool // from memory
	}{
		{"the lock", func(operation, key string) bool { return operation == "lock" && strings.HasPrefix(key, "mailhint-") }, false},
		{"the count of orders", func(_, key string) bool { return strings.HasPrefix(key, "orders/") }, false},
		{"the note of the order", func(_, key string) bool { return strings.HasPrefix(key, "failures/") }, false},
		{"the account", func(_, key string) bool { return strings.HasSuffix(key, "default.key") }, false},
		{"the challenge", func(_, key string) bool { return strings.Contains(key, "challenge_tokens") }, false},
		{"the key", func(_, key string) bool { return strings.HasSuffix(key, ".test.key") }, true},
		{"the certificate", func(_, key string) bool { return strings.HasSuffix(key, ".crt") }, true},
	} {
		t.Run(moment.name, func(t *testing.T) {
			storage := &fillingStorage{Storage: newMemoryStorage(), fills: moment.fills}
			storage.armed.Store(true)
			log := new(lockedBuffer)
			config := ca.config("")
			config.Clock, config.Storage, config.Log = newManualClock(), storage, slog.New(slog.NewTextHandler(log, nil))
			config.Wait = 20 * time.Second
			c, stop := f.serve(t, config)
			const name = "autoconfig.a.test"
			c.Want(slices.Values([]string{name}))
			eventually(t, "the disk does not fill", func() bool { return storage.full.Load() })
			eventually(t, "the status does not say so", func() bool {
				lines := strings.Join(c.Lines(), "\n")
				return strings.Contains(lines, "certificates cannot be saved in the database, so none are ordered: no space left") && c.Status().StorageError != ""
			})
			serial := ""
			if moment.served {
				leaf, err := f.handshake(name, ca.issuing)
				if err != nil {
					t.Fatalf("the certificate is not served from memory: %v", err)
				}
				serial = leaf.SerialNumber.String()
				if s := c.Status(); s.Unsaved != 1 {
					t.Errorf("%d certificates wait to be saved, want 1", s.Unsaved)
				}
			}
			if failed := c.failures.all(); len(failed) != 0 || c.Status().Names[Missing] != 0 || c.health.holds(name, c.clock.Now()) {
				t.Errorf("the name is blamed: %+v", failed)
			}
			storage.armed.Store(false)
			storage.full.Store(false)
			begun := time.Now()
			leaf, err := f.handshake(name, ca.issuing)
			if err != nil {
				t.Fatalf("no certificate when there is room again: %v", err)
			}
			eventually(t, "not saved, or the status still says that nothing can be", func() bool {
				s := c.Status()
				return s.StorageError == "" && s.Unsaved == 0 && s.Names[Valid] == 1 && s.Waiting == 0
			})
			t.Logf("all is well %s after there was room", time.Since(begun))
			if moment.served && leaf.SerialNumber.String() != serial {
				t.Error("the certificate that was served from memory was ordered again")
			}
			if n := log.count("certificates cannot be saved"); n != 1 {
				t.Errorf("logged %d times, want once", n)
			}
			stop()
			c, _ = f.serve(t, config)
			if again, err := f.handshake(name, ca.issuing); err != nil || !again.Equal(leaf) {
				t.Errorf("after a restart: %v, or another certificate", err)
			}
		})
	}
}

// There is room again before anybody can find out that there was none: the order is tried again at once, and nobody has to wait.
func TestStorageRecoversDuringOrder(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	var failed atomic.Bool
	config := ca.config("")
	config.Clock, config.Wait = newManualClock(), 20*time.Second
	config.Storage = &failingOnce{Storage: newMemoryStorage(), failed: &failed}
	c, _ := f.serve(t, config)
	const name = "autoconfig.a.test"
	c.Want(slices.Values([]string{name}))
	if _, err := f.handshake(name, ca.issuing); err != nil {
		t.Errorf("no certificate: %v", err)
	}
	if !failed.Load() {
		t.Error("no challenge was stored, so this has tested nothing")
	}
	if s := c.Status(); len(s.Held) != 0 || s.StorageError != "" {
		t.Errorf("reported: %+v", s)
	}
}

// failingOnce cannot store the first challenge.
type failingOnce struct {
	certmagic.Storage
	failed *atomic.Bool
}

func (s *failingOnce) Store(ctx context.Context, key string, value []byte) error {
	if strings.Contains(key, "challenge_tokens") && s.failed.CompareAndSwap(false, true) {
		return errNoSpace
	}
	return s.Storage.Store(ctx, key, value)
}

// A lock file that was half written when the disk became full is removed, unless it is in use.
func TestHalfWrittenLock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c, err := New((&testCA{directory: "https://127.0.0.1:1/dir"}).config(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	file := filepath.Join(dir, "locks", "mailhint-autoconfig.a.test.lock")
	if err := c.storage.Store(t.Context(), "locks/mailhint-autoconfig.a.test.lock", []byte(`{"created":"2020`)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.lock(t.Context(), "autoconfig.a.test"); !errors.Is(err, errStorage) {
		t.Errorf("a new lock that is half written: %v", err)
	}
	old := time.Now().Add(-lockAge - time.Second)
	if err := os.Chtimes(file, old, old); err != nil {
		t.Fatal(err)
	}
	if _, err := c.lock(t.Context(), "autoconfig.a.test"); !errors.Is(err, errStorage) {
		t.Errorf("an old lock that is half written: %v", err)
	}
	unlock, err := c.lock(t.Context(), "autoconfig.a.test")
	if err != nil {
		t.Fatalf("the lock still blocks the name: %v", err)
	}
	unlock()
}

// The files of one name cannot be read, as when root has written them: that name waits and is reported, and others are ordered.
func TestFilesOfOneName(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	var broken atomic.Bool
	storage := &unreadable{Storage: newMemoryStorage(), broken: &broken}
	broken.Store(true)
	clock := newManualClock()
	config := ca.config("")
	config.Clock, config.Storage, config.Wait = clock, storage, 20*time.Second
	c, _ := f.serve(t, config)
	c.Want(slices.Values([]string{"autoconfig.broken.test", "autoconfig.good.test"}))
	eventually(t, "the good name gets no certificate", func() bool { return c.known.get("autoconfig.good.test") != nil })
	eventually(t, "the broken one is not reported", func() bool {
		lines := strings.Join(c.Lines(), "\n")
		return strings.Contains(lines, "autoconfig.broken.test: the lock of autoconfig.broken.test: permission denied") && c.Status().Waiting == 0
	})
	if failed := c.failures.all(); len(failed) != 0 {
		t.Errorf("the name is blamed: %+v", failed)
	}
	broken.Store(false)
	clock.advanceAndWait(t, heldPause+time.Second)
	eventually(t, "not ordered when the files can be used", func() bool { return c.known.get("autoconfig.broken.test") != nil })
	if s := c.Status(); len(s.Held) != 0 || s.StorageError != "" {
		t.Errorf("still reported: %+v", s)
	}
}

// unreadable cannot lock one name.
type unreadable struct {
	certmagic.Storage
	broken *atomic.Bool
}

func (u *unreadable) Lock(ctx context.Context, name string) error {
	if u.broken.Load() && name == "mailhint-autoconfig.broken.test" {
		return errors.New("permission denied")
	}
	return u.Storage.Lock(ctx, name)
}
