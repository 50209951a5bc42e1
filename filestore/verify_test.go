package filestore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/edits"
)

// TestVerify: texts in which anything but the edited record has changed are not saved, whatever has planned them.
func TestVerify(t *testing.T) {
	t.Parallel()
	file := config(t)
	before, err := openStore(t, file).read()
	if err != nil {
		t.Fatal(err)
	}
	list, included := filepath.Join(filepath.Dir(file), "list.txt"), filepath.Join(filepath.Dir(file), "more", "c.toml")
	edit := edits.Edit{Ref: domain("a.example"), If: edits.Any, Values: edits.Values{"profile": "shared", "name": "A"}}
	const own = "[domains.\"a.example\"]\nprofile = \"shared\"\n"
	for _, test := range []struct {
		what           string
		file, old, now string // besides the edit
		ok             bool
	}{
		{what: "nothing else", ok: true},
		{what: "a comment of the record", file: file, old: "# Ann's", now: "# Ben's", ok: true},
		{what: "a value of another record", file: file, old: `name = "Exception"`, now: `name = "Other"`},
		{what: "the spelling of another record", file: file, old: `name = "Exception"`, now: `name  = "Exception"`},
		{what: "a comment of another record", file: file, old: `[domains."exception`, now: "# new\n[domains.\"exception"},
		{what: "another record gone", file: file, old: "[domains.\"exception.example\"]\nname = \"Exception\"\n", now: ""},
		{what: "another record new", file: file, old: "# Ann's", now: "[domains.\"new.example\"]\nprofile = \"shared\"\n\n# Ann's"},
		{what: "a profile", file: file, old: "[profiles.listed]\n", now: "[profiles.listed]\nname = \"Listed\"\n"},
		{what: "another table", file: file, old: "[profiles.shared]", now: "[defaults]\nname = \"Mail\"\n\n[profiles.shared]"},
		{what: "a key above all tables", file: file, old: `include = ["more/*.toml"]`, now: `include = ["more/c.toml"]`},
		{what: "another file", file: included, old: "\nprofile", now: "\n# new\nprofile"},
		{what: "a name in a list", file: list, old: "b.example\n", now: ""},
		{what: "a new name in a list", file: list, old: "b.example\n", now: "b.example\nnew.example\n"},
		{what: "a name in a profile", file: file, old: `domains = ["inline.example"]`, now: `domains = ["inline.example", "new.example"]`},
	} {
		texts := map[string]string{file: strings.Replace(content(t, file), own, own+"name = \"A\"\n", 1)}
		if test.file != "" {
			text, ok := texts[test.file]
			if !ok {
				text = content(t, test.file)
			}
			if !strings.Contains(text, test.old) {
				t.Fatalf("%s: %q is not there", test.what, test.old)
			}
			texts[test.file] = strings.Replace(text, test.old, test.now, 1)
		}
		after, err := before.with(texts)
		if err != nil {
			t.Fatalf("%s: %v", test.what, err)
		}
		err = verify(before, after, []edits.Edit{edit}, nil)
		if test.ok && err != nil || !test.ok && !errors.Is(err, edits.ErrUnsafe) {
			t.Errorf("%s: %v", test.what, err)
		}
	}
	// A text in which the record is not what was asked for is not saved either.
	after, err := before.with(map[string]string{file: content(t, file)})
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(before, after, []edits.Edit{edit}, nil); !errors.Is(err, edits.ErrUnsafe) {
		t.Errorf("a text without the edit: %v", err)
	}
}

// TestCopiesAreForgotten: state_dir keeps one copy of each file as the history accounts for it, however often it is changed.
func TestCopiesAreForgotten(t *testing.T) {
	t.Parallel()
	file := config(t)
	s := openStore(t, file)
	for _, name := range []string{"one", "two", "three"} {
		apply(t, s, edits.Edit{Ref: domain("a.example"), If: edits.Any, Action: edits.ActionSet, Values: edits.Values{"profile": "shared", "name": name}})
		replace(t, file, `name = "Exception"`, `name = "Exception" `) // by hand
		if err := s.Observe(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	apply(t, s, edits.Edit{Ref: domain("a.example"), If: edits.Any, Action: edits.ActionSet, Values: edits.Values{"profile": "shared"}})
	dir, err := s.stateDir()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, editsDir))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if len(names) != 4 { // the main file, the included one, the list, and the journal
		t.Errorf("there are %q, want three copies and the journal", names)
	}
}
