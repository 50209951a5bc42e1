package filestore

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/edits"
	"mailhint/edits/storetest"
)

// TestStore runs the tests that all stores must pass.
func TestStore(t *testing.T) {
	storetest.Run(t, newPlace)
}

// newPlace makes a configuration with the records of storetest.Initial.
func newPlace(t testing.TB) storetest.Place {
	dir := t.TempDir()
	var text, list strings.Builder
	for _, e := range storetest.Initial() {
		if e.List != "" {
			list.WriteString(e.Name + "\n")
		} else {
			text.WriteString(edits.TOML(e.Ref, e.Values) + "\n")
		}
	}
	config := write(t, dir, "domains.toml", text.String())
	write(t, dir, "listed.txt", list.String())
	return storetest.Place{Lists: true, Text: true, Open: func(t testing.TB) edits.Store { return openStore(t, config) }}
}

// openStore opens a store whose warnings fail the test.
func openStore(t testing.TB, config string) *Store {
	t.Helper()
	s, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	s.Warn = func(err error) { t.Errorf("warning: %v", err) }
	return s
}

func write(t testing.TB, dir, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func domain(name string) edits.Ref { return edits.Ref{Kind: edits.Domain, Name: name} }
