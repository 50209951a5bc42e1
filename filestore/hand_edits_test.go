package filestore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailhint/edits"
)

// config is a configuration with everything that can be changed by hand.
func config(t testing.TB) (file string) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "list.txt", "# names\nb.example\nexception.example # with a table\n")
	write(t, dir, "more/c.toml", "[domains.\"c.example\"]\nprofile = \"shared\"\n")
	return write(t, dir, "domains.toml", `include = ["more/*.toml"]

[profiles.shared]
imap = "imap.example.com"
smtp = "smtp.example.com"
domains = ["inline.example"]

[profiles.listed]
imap = "imap.example.com"
smtp = "smtp.example.com"
domains_file = "list.txt"

# Ann's
[domains."a.example"]
profile = "shared"

[domains."exception.example"]
name = "Exception"
`)
}

// replace changes a file by hand.
func replace(t testing.TB, file, old, now string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		t.Fatalf("%s does not contain %q", file, old)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), old, now, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// spelled spells changes in the order in which they were made.
func spelled(t testing.TB, s *Store) []string {
	t.Helper()
	changes, err := s.History(t.Context(), edits.HistoryQuery{})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(changes)
	var list []string
	for _, c := range changes {
		list = append(list, fmt.Sprintf("%d %s %s", c.Number, c.Action, c.Ref))
	}
	return list
}

func TestHandEdits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		do   func(t *testing.T, dir string)
		want []string
	}{
		{"nothing", func(*testing.T, string) {}, nil},
		{"value", func(t *testing.T, dir string) {
			replace(t, dir+"/domains.toml", "profile = \"shared\"", "profile = \"shared\"\nname = \"A\"")
		}, []string{"set a.example"}},
		{"comment", func(t *testing.T, dir string) { replace(t, dir+"/domains.toml", "# Ann's", "# Ben's") }, []string{"set a.example"}},
		{"space elsewhere", func(t *testing.T, dir string) { replace(t, dir+"/domains.toml", "\n\n# Ann's", "\n\n\n# Ann's") }, nil},
		{"table", func(t *testing.T, dir string) {
			replace(t, dir+"/domains.toml", "# Ann's", "[domains.\"new.example\"]\nprofile = \"shared\"\n\n# Ann's")
		}, []string{"add new.example"}},
		{"removed table", func(t *testing.T, dir string) {
			replace(t, dir+"/domains.toml", "# Ann's\n[domains.\"a.example\"]\nprofile = \"shared\"\n", "")
		}, []string{"rm a.example"}},
		{"profile", func(t *testing.T, dir string) {
			replace(t, dir+"/domains.toml", "imap.example.com", "imap2.example.com")
		}, []string{"set profile shared"}},
		{"list", func(t *testing.T, dir string) { replace(t, dir+"/list.txt", "b.example", "new.example") }, []string{"rm b.example", "add new.example"}},
		{"list of the exception", func(t *testing.T, dir string) { replace(t, dir+"/list.txt", "exception.example # with a table\n", "") }, nil},
		{"exception", func(t *testing.T, dir string) { replace(t, dir+"/domains.toml", "Exception", "Other") }, []string{"set exception.example"}},
		{"inline list", func(t *testing.T, dir string) {
			replace(t, dir+"/domains.toml", "\"inline.example\"", "\"inline.example\", \"in2.example\"")
		}, []string{"set profile shared", "add in2.example"}},
		{"included file", func(t *testing.T, dir string) { replace(t, dir+"/more/c.toml", "shared", "listed") }, []string{"set c.example"}},
		{"new file", func(t *testing.T, dir string) {
			write(t, dir, "more/d.toml", "[domains.\"d.example\"]\nprofile = \"shared\"\n")
		}, []string{"add d.example"}},
		{"removed file", func(t *testing.T, dir string) { os.Remove(dir + "/more/c.toml") }, []string{"rm c.example"}},
		{"server", func(t *testing.T, dir string) {
			replace(t, dir+"/domains.toml", "[profiles.shared]", "[server]\ntls = \"off\"\n\n[profiles.shared]")
		}, nil},
		{"moved", func(t *testing.T, dir string) {
			os.Remove(dir + "/more/c.toml")
			replace(t, dir+"/domains.toml", "# Ann's", "[domains.\"c.example\"]\nprofile = \"shared\"\n\n# Ann's")
		}, nil},
		{"many names", func(t *testing.T, dir string) {
			var names strings.Builder
			for i := range 150 {
				fmt.Fprintf(&names, "n%d.example\n", i)
			}
			replace(t, dir+"/list.txt", "b.example\n", names.String())
		}, []string{"set profile listed"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			file := config(t)
			s := openStore(t, file)
			if err := s.Observe(t.Context()); err != nil {
				t.Fatal(err)
			}
			if test.name == "list of the exception" {
				test.want = []string{"set exception.example"}
			}
			before := map[string]edits.Record{}
			for _, kind := range []edits.Kind{edits.Domain, edits.Profile} {
				page, err := s.List(t.Context(), edits.Query{Kind: kind})
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range page.Records {
					before[r.Ref.String()] = r
				}
			}
			test.do(t, filepath.Dir(file))
			for range 2 { // the second time there is nothing new
				again := openStore(t, file) // after a restart
				if err := again.Observe(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			var want []string
			for i, line := range test.want {
				want = append(want, fmt.Sprintf("%d %s", i+1, line))
			}
			if got := spelled(t, s); !slices.Equal(got, want) {
				t.Fatalf("got %q, want %q", got, want)
			}
			changes, _ := s.History(t.Context(), edits.HistoryQuery{})
			for _, c := range changes {
				if c.Via != edits.ByHand || c.Actor == "" || c.Actor == unknownWriter || c.Time.IsZero() {
					t.Errorf("%s: %s by %s at %s", c.Ref, c.Via, c.Actor, c.Time)
				}
				now, err := s.Get(t.Context(), c.Ref)
				if c.After == nil {
					if !errors.Is(err, edits.ErrNotFound) {
						t.Errorf("%s: %v", c.Ref, err)
					}
				} else if c.After.Revision != now.Revision || !c.After.Values.Equal(now.Values) || c.After.List != now.List || c.After.Profile != now.Profile || c.After.ManagedBy != now.ManagedBy || c.After.Text != now.Text {
					t.Errorf("%s: after the change it is\n%+v, but it is\n%+v", c.Ref, c.After, now)
				}
				was, existed := before[c.Ref.String()]
				if existed != (c.Before != nil) || existed && (c.Before.Revision != was.Revision || !c.Before.Values.Equal(was.Values) || c.Before.List != was.List) {
					t.Errorf("%s: before the change it was\n%+v, but it was\n%+v", c.Ref, c.Before, was)
				}
			}
			if test.name == "many names" {
				sum := changes[0].Summary
				if sum == nil || sum.Added != 150 || sum.Removed != 1 || len(sum.SomeAdded) != shownNames || !slices.Equal(sum.SomeRemoved, []string{"b.example"}) || sum.File != "list.txt" {
					t.Errorf("the summary is %+v", sum)
				}
			}
		})
	}
}

// A change meets one by hand that nobody has noticed yet.
func TestConflictWithHandEdit(t *testing.T) {
	t.Parallel()
	file := config(t)
	s := openStore(t, file)
	ref := edits.Ref{Kind: edits.Domain, Name: "a.example"}
	set := func(r edits.Record, name string) error {
		_, err := s.Apply(t.Context(), edits.ChangeSet{Actor: "ann", Via: edits.Command, Edits: []edits.Edit{
			{Ref: ref, If: r.Revision, Action: edits.ActionSet, Values: edits.Values{"profile": "shared", "name": name}}}})
		return err
	}
	r, err := s.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := set(r, "first"); err != nil {
		t.Fatal(err)
	}
	if r, err = s.Get(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	replace(t, file, "first", "by hand")
	err = set(r, "second")
	var conflict *edits.ConflictError
	if !errors.As(err, &conflict) || conflict.By == nil || conflict.By.Via != edits.ByHand || conflict.By.Number != 2 {
		t.Fatalf("got %v, want a conflict with change 2, by hand", err)
	}
	if r, err = s.Get(t.Context(), ref); err != nil || r.Revision != conflict.Current {
		t.Fatalf("the record has the revision %s, the conflict says %s (%v)", r.Revision, conflict.Current, err)
	}
	replace(t, file, "Exception", "Other") // another record does not matter
	if err := set(r, "third"); err != nil {
		t.Fatal(err)
	}
	if got, want := spelled(t, s), []string{"1 set a.example", "2 set a.example", "3 set exception.example", "4 set a.example"}; !slices.Equal(got, want) {
		t.Errorf("the history has %q, want %q", got, want)
	}
}
