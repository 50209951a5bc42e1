package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestWriteNew: until a file is good and complete there is nothing, not even after a crash. Some file systems have no files without a
// name; there the temporary one may be seen.
func TestWriteNew(t *testing.T) {
	dir := t.TempDir()
	most := 0
	if file, err := nameless(dir); err != nil {
		most = 1
	} else if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "new.toml")
	entries := func() int {
		t.Helper()
		all, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	bad := errors.New("bad")
	err := writeNew(name, "text", func(file string) error {
		if n := entries(); n > most {
			t.Errorf("%d files are there before it is good, want at most %d", n, most)
		}
		if text, err := os.ReadFile(file); err != nil || string(text) != "text" {
			t.Errorf("read %q, %v", text, err)
		}
		return bad
	})
	if !errors.Is(err, bad) || entries() != 0 {
		t.Errorf("got %v, %d files are left", err, entries())
	}
	good := func(string) error { return nil }
	if err := writeNew(name, "text", good); err != nil {
		t.Error(err)
	}
	if err := writeNew(name, "other", good); !errors.Is(err, fs.ErrExist) || entries() != 1 {
		t.Errorf("got %v, %d files", err, entries())
	}
	info, err := os.Stat(name)
	if text, readErr := os.ReadFile(name); err != nil || readErr != nil || string(text) != "text" || info.Mode() != 0o644 {
		t.Errorf("got %q, %v, %v", text, info.Mode(), errors.Join(err, readErr))
	}
}
