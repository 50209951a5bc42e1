//go:build unix

package certs

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Keys are readable by no other user, with a loose umask too, and loose permissions are fixed.
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
		t.Errorf("another certificate after the fix: %v", err)
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
