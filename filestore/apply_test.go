package filestore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/edits"
)

// one is a change set with one edit.
func one(e edits.Edit) edits.ChangeSet {
	return edits.ChangeSet{Actor: "ann", Via: edits.Command, Edits: []edits.Edit{e}}
}

func apply(t testing.TB, s *Store, e edits.Edit) edits.Result {
	t.Helper()
	result, err := s.Apply(t.Context(), one(e))
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func content(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// undo undoes the latest change of a record.
func undo(t testing.TB, s *Store, ref edits.Ref) {
	t.Helper()
	u, err := edits.Undo(t.Context(), s, ref, 0)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, s, u.Edit)
}

// TestLists: lines of lists come, go and come back where they were, whatever the list looks like.
func TestLists(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, list, added, removed string }{
		{"plain", "a.example\nb.example\nc.example\n", "a.example\nb.example\nc.example\nnew.example\n", "a.example\nc.example\n"},
		{"no line end", "a.example\nb.example", "a.example\nb.example\nnew.example", "a.example"},
		{"only line", "b.example", "b.example\nnew.example", ""},
		{"windows", "\uFEFFa.example\r\nb.example\r\n", "\uFEFFa.example\r\nb.example\r\nnew.example\r\n", "\uFEFFa.example\r\n"},
		{"windows, no line end", "a.example\r\nb.example", "a.example\r\nb.example\r\nnew.example", "a.example"},
		{"first line", "\uFEFFb.example\nc.example\n", "\uFEFFb.example\nc.example\nnew.example\n", "\uFEFFc.example\n"},
		{"comments", "# names\n\n  B.Example.  # Ben\n#b.example\nc.example # 1\n# end\n", "# names\n\n  B.Example.  # Ben\n#b.example\nc.example # 1\n# end\nnew.example\n", "# names\n\n#b.example\nc.example # 1\n# end\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			list := write(t, dir, "list.txt", test.list)
			main := "[profiles.listed]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\ndomains_file = \"list.txt\"\n\n[domains.\"a1.example\"]\nprofile = \"listed\"\n"
			s := openStore(t, write(t, dir, "domains.toml", main))
			ref := domain("new.example")
			apply(t, s, edits.Edit{Ref: ref, If: edits.Absent, Action: edits.ActionAdd, Values: edits.Values{}, List: "listed"})
			if got := content(t, list); got != test.added {
				t.Fatalf("a name was added: %q, want %q", got, test.added)
			}
			undo(t, s, ref)
			if got := content(t, list); got != test.list {
				t.Errorf("and taken back: %q, want %q", got, test.list)
			}
			apply(t, s, edits.Edit{Ref: domain("b.example"), If: edits.Any, Action: edits.ActionRemove})
			if got := content(t, list); got != test.removed {
				t.Errorf("a name was removed: %q, want %q", got, test.removed)
			}
			undo(t, s, domain("b.example"))
			if got := content(t, list); got != test.list {
				t.Errorf("and put back: %q, want %q", got, test.list)
			}
			if got := content(t, filepath.Join(dir, "domains.toml")); got != main {
				t.Errorf("the main file is %q", got)
			}
		})
	}
}

// TestUndoRestoresOctets: each change, taken back, leaves the files as they were. Undoing several changes at once does so, too.
func TestUndoRestoresOctets(t *testing.T) {
	t.Parallel()
	file := config(t)
	dir := filepath.Dir(file)
	replace(t, file, "profile = \"shared\"\n", "profile   = 'shared' # her's\n\n# the name\nname = \"A\" # or B\n")
	files := func() string {
		return content(t, file) + "\n---\n" + content(t, dir+"/list.txt") + "\n---\n" + content(t, dir+"/more/c.toml")
	}
	s := openStore(t, file)
	original := files()
	for name, e := range map[string]edits.Edit{
		"set":               {Ref: domain("a.example"), Values: edits.Values{"profile": "shared", "name": "B", "login": "%EMAILLOCALPART%"}},
		"remove":            {Ref: domain("a.example")},
		"remove included":   {Ref: domain("c.example")},
		"add":               {Ref: domain("aa.example"), Values: edits.Values{"profile": "shared"}},
		"remove exception":  {Ref: domain("exception.example")},
		"exception to list": {Ref: domain("exception.example"), Values: edits.Values{}, List: "listed"},
		"list to exception": {Ref: domain("b.example"), Values: edits.Values{"name": "B"}, List: "listed"},
		"remove inline":     {Ref: domain("inline.example")},
		"to inline":         {Ref: domain("in2.example"), Values: edits.Values{}, List: "shared"},
		"profile":           {Ref: edits.Ref{Kind: edits.Profile, Name: "shared"}, Values: edits.Values{"imap": "imap2.example.com", "smtp": "smtp.example.com"}},
	} {
		e.If, e.Action = edits.Any, edits.ActionSet
		apply(t, s, e)
		changed := files()
		if changed == original {
			t.Errorf("%s: nothing has changed", name)
		}
		undo(t, s, e.Ref)
		if got := files(); got != original {
			t.Errorf("%s: after undo the files are\n%s\nwant\n%s", name, got, original)
		}
		undo(t, s, e.Ref)
		if got := files(); got != changed {
			t.Errorf("%s: after undoing that, the files are\n%s\nwant\n%s", name, got, changed)
		}
		undo(t, s, e.Ref)
	}
	ref := domain("a.example")
	first := apply(t, s, edits.Edit{Ref: ref, If: edits.Any, Values: edits.Values{"profile": "shared"}}).Changes[0].Number
	apply(t, s, edits.Edit{Ref: ref, If: edits.Any})
	apply(t, s, edits.Edit{Ref: ref, If: edits.Any, Values: edits.Values{"profile": "listed", "name": "C"}})
	u, err := edits.Undo(t.Context(), s, ref, first)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, s, u.Edit)
	if got := files(); got != original {
		t.Errorf("after three changes were undone the files are\n%s\nwant\n%s", got, original)
	}
}

// TestReadOnly: where nothing may be written, the diff says what to do, and nothing has changed.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Log("root may write to everything; TestReadOnlyMounts tries the same with mounts")
		return
	}
	for name, protect := range map[string]func(file string) error{
		"file":   func(file string) error { return os.Chmod(file, 0o444) },
		"folder": func(file string) error { return os.Chmod(filepath.Dir(file), 0o555) },
	} {
		t.Run(name, func(t *testing.T) {
			file := config(t)
			if err := protect(file); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.Chmod(filepath.Dir(file), 0o755) })
			if err := checkRefused(file); err != nil {
				t.Error(err)
			}
		})
	}
}

// checkRefused checks that a change is refused with a diff.
func checkRefused(file string) error {
	before, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	s, err := Open(file)
	if err != nil {
		return err
	}
	_, err = s.Apply(context.Background(), one(edits.Edit{Ref: domain("a.example"), If: edits.Any, Values: edits.Values{"profile": "shared", "name": "New"}}))
	var refused *edits.NotWrittenError
	if !errors.As(err, &refused) || !errors.Is(err, edits.ErrReadOnly) || !strings.Contains(refused.Diff, "\n+name = \"New\"\n") || !strings.Contains(refused.Diff, "+++ ") {
		return errors.Join(errors.New("want a *NotWrittenError with ErrReadOnly and a diff"), err)
	}
	if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
		return errors.Join(errors.New("the file has changed"), err)
	}
	if changes, err := s.History(context.Background(), edits.HistoryQuery{}); err != nil || len(changes) > 0 {
		return errors.Join(errors.New("the history is not empty"), err)
	}
	return nil
}

// TestNothingElseChanges: an edit that would change something else as well is refused, and says so.
func TestNothingElseChanges(t *testing.T) {
	t.Parallel()
	file := config(t)
	s := openStore(t, file)
	before := content(t, file)
	_, err := s.Apply(t.Context(), one(edits.Edit{Ref: edits.Ref{Kind: edits.Profile, Name: "listed"}, If: edits.Any}))
	if err == nil || !strings.Contains(err.Error(), "its list has") && !strings.Contains(err.Error(), "listed") {
		t.Errorf("a profile with a list is removed: %v", err)
	}
	if content(t, file) != before {
		t.Error("the file has changed")
	}
}

// TestFixesMistake: a change may fix a mistake that somebody has made by hand, also as the first change of all.
func TestFixesMistake(t *testing.T) {
	t.Parallel()
	for _, begun := range []bool{false, true} {
		file := config(t)
		s := openStore(t, file)
		want := []string{"1 set a.example"}
		if begun {
			apply(t, s, edits.Edit{Ref: domain("c.example"), If: edits.Any, Action: edits.ActionSet, Values: edits.Values{"profile": "listed"}})
			want = []string{"1 set c.example", "2 set a.example"}
		}
		replace(t, file, "# Ann's\n[domains.\"a.example\"]\nprofile", "# Ann's\n[domains.\"a.example\"]\nporfile")
		fix := edits.Edit{Ref: domain("a.example"), If: edits.Any, Action: edits.ActionSet, Values: edits.Values{"profile": "shared"}}
		other := edits.Edit{Ref: domain("c.example"), If: edits.Any, Action: edits.ActionSet, Values: edits.Values{"profile": "shared", "name": "C"}}
		if _, err := s.Apply(t.Context(), one(other)); err == nil {
			t.Error("a change that leaves the mistake is saved")
		}
		apply(t, s, fix)
		if err := s.Observe(t.Context()); err != nil {
			t.Error(err)
		}
		if got := spelled(t, s); !slices.Equal(got, want) {
			t.Errorf("the history has %q, want %q", got, want)
		}
		apply(t, s, other)
	}
}

// TestCommentsBelow: the comments directly below a record are its own, unless something else follows them.
func TestCommentsBelow(t *testing.T) {
	t.Parallel()
	const a, b = "[domains.\"a.example\"]\nprofile = \"p\"\n", "[domains.\"b.example\"]\nprofile = \"p\"\n"
	for text, want := range map[string]string{
		a + "# a\n\n" + b:            a + "# a\n",
		a + "# a\n\n# b\n" + b:       a + "# a\n",
		a + "# b\n" + b:              a,
		a + "\n# nobody's\n\n" + b:   a,
		b + a + "# a\n  # a":         a + "# a\n  # a",
		a + "# a\n":                  a + "# a\n",
		"[server]\n# server\n\n" + a: a,
	} {
		l := layoutOf(text)
		if got := strings.Join(l.records[tablePath{"domains", "a.example"}].pieces, ""); got != want {
			t.Errorf("%q: %q is of a.example, want %q", text, got, want)
		}
	}
}

// TestUnreadList: that a list cannot be read does not mean that its names are not configured.
func TestUnreadList(t *testing.T) {
	t.Parallel()
	file := config(t)
	list := filepath.Join(filepath.Dir(file), "list.txt")
	if err := errors.Join(os.Remove(list), os.Mkdir(list, 0o755)); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, file)
	if _, err := s.Get(t.Context(), domain("listed.example")); !errors.As(err, new(domains.Problems)) || errors.Is(err, edits.ErrNotFound) {
		t.Errorf("got %v, want a problem that names the list", err)
	}
	if r, err := s.Get(t.Context(), domain("a.example")); err != nil {
		t.Errorf("%+v, %v", r, err)
	}
}
