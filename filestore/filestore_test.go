package filestore

import (
	"errors"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/domains"
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

// TestChecked checks that the configuration is checked by whatever shows all of it or changes it, and not for looking at one record; and that the
// history accounts for the same files with and without the check.
func TestChecked(t *testing.T) {
	t.Parallel()
	file := config(t)
	var logo strings.Builder
	if err := png.Encode(&logo, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Dir(file), "more/logo.png", logo.String())
	write(t, filepath.Dir(file), "more/users.txt", "ann@d.example\n")
	write(t, filepath.Dir(file), "more/d.toml", "[domains.\"d.example\"]\nprofile = \"shared\"\nlogo = \"logo.png\"\n[[domains.\"d.example\".rules]]\nusers_file = \"users.txt\"\nprofile = \"listed\"\n")
	set := func(name string) error {
		t.Helper()
		s := openStore(t, file)
		r, err := s.Get(t.Context(), domain("d.example"))
		if err != nil {
			t.Fatal(err)
		}
		r.Values["name"] = name
		_, err = s.Apply(t.Context(), edits.ChangeSet{Actor: "ann", Via: edits.Command, Edits: []edits.Edit{{Ref: r.Ref, If: r.Revision, Action: edits.ActionSet, Values: r.Values}}})
		return err
	}
	for _, name := range []string{"First", "Second"} {
		if err := set(name); err != nil {
			t.Fatal(err)
		}
		s := openStore(t, file)
		dir, _ := s.stateDir()
		st, err := s.openState(dir)
		if err != nil {
			t.Fatal(err)
		}
		done, _, _ := st.read()
		for what, read := range map[string]func() (view, error){"read": s.read, "look": s.look} {
			if v, err := read(); err != nil || !done.accountsFor(v.Files, s.key) {
				t.Errorf("%s: the history accounts for %v, which is not what %s has read (error %v)", name, done.Files, what, err)
			}
		}
	}
	replace(t, filepath.Join(filepath.Dir(file), "more/c.toml"), "profile", "profil")
	if err := set("Third"); !errors.As(err, new(domains.Problems)) {
		t.Errorf("a change beside a mistake: %v", err)
	}
	s := openStore(t, file)
	if _, err := s.Get(t.Context(), domain("d.example")); err != nil {
		t.Errorf("a record beside a mistake: %v", err)
	}
	if _, err := s.List(t.Context(), edits.Query{}); !errors.As(err, new(domains.Problems)) {
		t.Errorf("a list with a mistake: %v", err)
	}
	changes, err := s.History(t.Context(), edits.HistoryQuery{})
	if err != nil || len(changes) != 2 {
		t.Errorf("the history has %d changes (error %v), want 2", len(changes), err)
	}
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
