package certs

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

// Keys are readable by nobody else, under a loose umask too, and what is loose is mended.
func TestPermissions(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	dir := filepath.Join(t.TempDir(), "state", "acme")
	_, stop := f.serve(t, ca.config(dir))
	leaf, err := f.handshake("autoconfig.a.test", ca.issuing)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	files := checkPermissions(t, dir)
	for _, file := range files {
		if err := os.Chmod(file, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	_, stop = f.serve(t, ca.config(dir))
	again, err := f.handshake("autoconfig.a.test", ca.issuing)
	if err != nil || again.SerialNumber.Cmp(leaf.SerialNumber) != 0 {
		t.Errorf("another certificate after mending: %v", err)
	}
	stop()
	checkPermissions(t, dir)
}

// checkPermissions returns everything in dir.
func checkPermissions(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 && filepath.Base(filepath.Dir(name)) != "locks" {
			t.Errorf("%s has the mode %s", name, info.Mode())
		}
		files = append(files, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 8 { // key, certificate, data, account and its key, orders, and their directories
		t.Errorf("only %d files and directories: %s", len(files), files)
	}
	return files
}

// Get and Remove work from a process beside the one that serves, which notices; and damaged files are ordered anew.
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
	if n := ca.orders.Load(); err != nil || n != 1 {
		t.Fatalf("%v after %d orders", err, n)
	}
	if err := beside.Remove(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	clock.advance(betweenScans + time.Second)
	eventually(t, "a removed certificate is still known", func() bool { return serving.Status().Loaded == 0 })
	second, err := f.handshake(name, ca.issuing)
	if err != nil || second.SerialNumber.Cmp(first.SerialNumber) == 0 {
		t.Errorf("after removing: %v, the same certificate", err)
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
	if n := ca.orders.Load(); n != 3 {
		t.Errorf("%d orders, want 3", n)
	}
}
