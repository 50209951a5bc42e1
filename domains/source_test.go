package domains

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"mailhint/settings"
)

// sourceFiles is a configuration of every kind of file.
func sourceFiles(t *testing.T) (main string) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "list.txt", "\uFEFFlisted.example # a comment\nexception.example\n")
	write(t, dir, "staff.txt", "ann@a.example\n")
	write(t, dir, "more/b.toml", "[domains]\n\"*.B.example\" = { profile = \"shared\", enabled = false }\n")
	return write(t, dir, "domains.toml", "\uFEFF"+strings.ReplaceAll(`include = ["more/*.toml"]

[profiles.shared]
imap = "imap.example.com"
smtp = "smtp.example.com"
domains = ["inline.example"]
domains_file = "list.txt"

[domains."A.example"]
imap = ["imap.a.example"]
smtp = []
aliases = ["bücher.example", "a.example.net"]
oauth2 = { issuer = "login.example.com", scope = ["mail"], auth_url = "https://login.example.com/auth", token_url = "https://login.example.com/token" }

[[domains."A.example".rules]]
users_file = "staff.txt"
profile = "shared"

[domains."exception.example"]
name = "Exception"
`, "\n", "\r\n"))
}

func TestSource(t *testing.T) {
	t.Parallel()
	main := sourceFiles(t)
	s, err := Read(main, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(main)
	list, more := filepath.Join(dir, "list.txt"), filepath.Join(dir, "more/b.toml")
	if s.Snapshot == nil || s.Snapshot.Domains() != 7 {
		t.Errorf("snapshot is %v, want one with 7 domains", s.Snapshot)
	}
	var files []string
	for _, f := range s.Files {
		name, _ := filepath.Rel(dir, f.Name)
		files = append(files, name+" "+string(f.Role)+" "+f.Profile)
		if onDisk := contentOf(t, f.Name); f.Content != onDisk {
			t.Errorf("%s: content %q, want %q", f.Name, f.Content, onDisk)
		}
	}
	if want := []string{"domains.toml main ", "more/b.toml included ", "list.txt domains_file shared", "staff.txt users_file "}; !slices.Equal(files, want) {
		t.Errorf("files %q, want %q", files, want)
	}
	exception := Listing{"shared", Position{list, 2}, false}
	for _, want := range []Record{
		{Kind: DomainRecord, Name: "a.example", Path: []string{"domains", "A.example"}, Position: Position{main, 9}, Enabled: true, Aliases: []settings.Domain{"xn--bcher-kva.example", "a.example.net"},
			Values: map[string]any{
				"imap": []any{"imap.a.example"}, "smtp": []any{}, "aliases": []any{"bücher.example", "a.example.net"},
				"oauth2": map[string]any{"issuer": "login.example.com", "scope": []any{"mail"}, "auth_url": "https://login.example.com/auth", "token_url": "https://login.example.com/token"},
				"rules":  []any{map[string]any{"users_file": "staff.txt", "profile": "shared"}},
			}},
		{Kind: DomainRecord, Name: "*.b.example", Path: []string{"domains", "*.B.example"}, Position: Position{more, 2}, Profile: "shared",
			Values: map[string]any{"profile": "shared", "enabled": false}},
		{Kind: DomainRecord, Name: "exception.example", Path: []string{"domains", "exception.example"}, Position: Position{main, 19}, Enabled: true, Profile: "shared", Listed: &exception,
			Values: map[string]any{"name": "Exception"}},
		{Kind: DomainRecord, Name: "listed.example", Position: Position{list, 1}, Enabled: true, Profile: "shared", Listed: &Listing{"shared", Position{list, 1}, false}},
		{Kind: DomainRecord, Name: "inline.example", Position: Position{main, 6}, Enabled: true, Profile: "shared", Listed: &Listing{"shared", Position{main, 6}, true}},
		{Kind: ProfileRecord, Name: "shared", Path: []string{"profiles", "shared"}, Position: Position{main, 3}, Enabled: true,
			Values: map[string]any{"imap": "imap.example.com", "smtp": "smtp.example.com", "domains": []any{"inline.example"}, "domains_file": "list.txt"}},
	} {
		got, ok := s.Record(want.Kind, want.Name)
		if !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s %s:\n got %+v\nwant %+v", want.Kind, want.Name, got, want)
		}
	}
	if _, ok := s.Record(DomainRecord, "bücher.example"); ok {
		t.Error("an alias has a record")
	}
	var names []string
	for r := range s.Records() {
		names = append(names, r.Name)
	}
	if want := []string{"shared", "*.b.example", "a.example", "exception.example"}; !slices.Equal(names, want) {
		t.Errorf("records %q, want %q", names, want)
	}
	names = nil
	for r := range s.Listed() {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	if want := []string{"inline.example", "listed.example"}; !slices.Equal(names, want) {
		t.Errorf("listed %q, want %q", names, want)
	}
}

// TestSourceTexts checks that given texts replace what is on disk, and that With keeps what was read.
func TestSourceTexts(t *testing.T) {
	t.Parallel()
	main := sourceFiles(t)
	dir := filepath.Dir(main)
	s, err := Read(main, map[string][]byte{filepath.Join(dir, "list.txt"): []byte("new.example\n")})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Record(DomainRecord, "new.example"); !ok {
		t.Error("a line of the given text has no record")
	}
	write(t, dir, "list.txt", "later.example\n")
	if s, err = s.With(map[string][]byte{filepath.Join(dir, "staff.txt"): []byte("bob@a.example\n")}); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Record(DomainRecord, "later.example"); ok {
		t.Error("With reads a file from disk again")
	}
	if f, _ := s.File(filepath.Join(dir, "staff.txt")); f.Content != "bob@a.example\n" {
		t.Errorf("users_file is %q", f.Content)
	}
	_, err = s.With(map[string][]byte{main: []byte("[domains.\"a.example\"]\nimpa = \"x\"\n")})
	if problems := (Problems)(nil); !errors.As(err, &problems) || problems[0].Position != (Position{main, 2}) {
		t.Errorf("a mistake in a given text: %v", err)
	}
}

// TestSourceWithMistakes checks that what can be read is there to be fixed.
func TestSourceWithMistakes(t *testing.T) {
	t.Parallel()
	main := sourceFiles(t)
	write(t, filepath.Dir(main), "more/b.toml", "[domains.\"c.example\"]\nimpa = \"imap.example.com\"\n")
	write(t, filepath.Dir(main), "more/c.toml", "[domains.\n")
	s, err := Read(main, nil)
	if err == nil || s.Snapshot != nil {
		t.Errorf("snapshot %v, error %v", s.Snapshot, err)
	}
	if r, ok := s.Record(DomainRecord, "c.example"); !ok || r.Values["impa"] != "imap.example.com" {
		t.Errorf("the record with the mistake is %+v", r)
	}
	if f, ok := s.File(filepath.Join(filepath.Dir(main), "more/c.toml")); !ok || f.Content != "[domains.\n" {
		t.Errorf("the file that is not valid TOML is %+v", f)
	}
	if s, err := Read(filepath.Join(t.TempDir(), "absent.toml"), nil); s == nil || !errors.Is(err, ErrUnread) {
		t.Errorf("source %v, error %v", s, err)
	}
}

func contentOf(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestSourceAgain checks that nothing is read again that has not changed, and everything that has.
func TestSourceAgain(t *testing.T) {
	t.Parallel()
	main := sourceFiles(t)
	dir := filepath.Dir(main)
	s, err := Read(main, nil)
	if err != nil {
		t.Fatal(err)
	}
	same := func() bool {
		t.Helper()
		next, err := s.Again()
		if want, wantErr := Read(main, nil); fmt.Sprint(err) != fmt.Sprint(wantErr) || !reflect.DeepEqual(next.Files, want.Files) {
			t.Errorf("Again: %v with error %v, want that of Read: %v, %v", next.Files, err, want.Files, wantErr)
		}
		defer func() { s = next }()
		return next == s
	}
	if !same() {
		t.Error("nothing has changed, and it was read again")
	}
	for _, change := range [][2]string{
		{"list.txt", "other.example\n"}, {"staff.txt", "bob@a.example\n"}, {"more/c.toml", "[domains.\"c.example\"]\nprofile = \"shared\"\n"},
		{"more/b.toml", "[domains.\"c.example\"]\nimpa = \"x\"\n"}, {"domains.toml", "[domains.\"\n"}, // mistakes
	} {
		name, text := change[0], change[1]
		write(t, dir, name, text)
		if same() {
			t.Errorf("%s has changed, and was not read again", name)
		}
		if !same() {
			t.Errorf("after %s nothing has changed, and it was read again", name)
		}
	}
	if err := os.Remove(main); err != nil {
		t.Fatal(err)
	}
	if same() {
		t.Error("a removed file was not noticed")
	}
	write(t, dir, "domains.toml", "[domains.\"\n")
	if same() {
		t.Error("a new file was not noticed")
	}
}

// TestIncomplete checks what happens to a domain that lacks a server: a server skips it, because it may be an exception whose list has lost
// the domain, while check and changes by programs refuse it, because it may be unfinished.
func TestIncomplete(t *testing.T) {
	t.Parallel()
	const (
		shared = "[profiles.shared]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\ndomains = [\"a.example\", \"b.example\"]\n"
		half   = "[domains.\"b.example\"]\nimap = \"imap.b.example\"\n"
		want   = "domains.\"b.example\": has no submission server and is in no list, so that it is skipped; add smtp = \"smtp.example.com\" or profile = \"shared\", or remove the table"
	)
	dir := t.TempDir()
	main := write(t, dir, "domains.toml", shared+half)
	left := strings.Replace(shared, ", \"b.example\"", "", 1) + half
	s, err := Read(main, nil)
	if err != nil {
		t.Fatal(err)
	}
	if next, err := s.With(map[string][]byte{main: []byte(left)}); err == nil || next.Snapshot != nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("a change that takes the domain from the list: %v, want %s", err, want)
	}
	write(t, dir, "domains.toml", left)
	report, snapshot := Check(main)
	if report.OK || len(report.Problems) != 1 || !strings.HasSuffix(report.Problems[0].String(), want) || len(report.Warnings) != 0 {
		t.Errorf("check: %+v", report)
	}
	if snapshot == nil || snapshot.Lists("autoconfig.b.example") || !snapshot.Lists("autoconfig.a.example") || len(snapshot.Warnings) != 1 {
		t.Errorf("the server has %v", snapshot)
	}
	if s, err = Read(main, nil); err != nil {
		t.Fatal(err)
	}
	unchecked, err := ReadUnchecked(main)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Source{s, unchecked} {
		if _, err := s.With(map[string][]byte{main: []byte(left + "[domains.\"c.example\"]\nprofile = \"shared\"\n")}); err != nil {
			t.Errorf("a change of another domain: %v", err)
		}
	}
}

// TestReadUnchecked checks that a source that has not been checked has the same records, and that the check finds what Read finds.
func TestReadUnchecked(t *testing.T) {
	t.Parallel()
	main := sourceFiles(t)
	for _, bad := range []string{"", "[domains.\"d.example\"]\nimap = \"imap.d.example\"\n", "[domains.\"d.example\"]\nimpa = \"imap.d.example\"\nprofile = \"shared\"\n"} {
		write(t, filepath.Dir(main), "more/d.toml", bad)
		want, wantErr := Read(main, nil)
		s, err := ReadUnchecked(main)
		if err != nil || s.Snapshot != nil {
			t.Errorf("snapshot %v, error %v", s.Snapshot, err)
		}
		for _, found := range []*Source{s, must(s.Again())} {
			for r := range want.Records() {
				r.LeftOver = false // only the check finds out
				if got, ok := found.Record(r.Kind, r.Name); !ok || !reflect.DeepEqual(got, r) {
					t.Errorf("record %#v, want %#v", got, r)
				}
			}
		}
		checked, err := s.Check()
		if fmt.Sprint(err) != fmt.Sprint(wantErr) || !reflect.DeepEqual(checked.Files, want.Files) || (checked.Snapshot == nil) != (wantErr != nil) {
			t.Errorf("the check: %v, want %v", err, wantErr)
		}
		if wantErr == nil && !checked.Snapshot.SameAs(want.Snapshot) {
			t.Error("the check has read something else")
		}
		if _, err := s.With(nil); fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Errorf("With: %v, want %v", err, wantErr)
		}
	}
	write(t, filepath.Dir(main), "more/d.toml", "[domains.\"a.example\"]\nprofile = \"shared\"\n")
	_, wantErr := Read(main, nil)
	if _, err := ReadUnchecked(main); wantErr == nil || fmt.Sprint(err) != fmt.Sprint(wantErr) {
		t.Errorf("a name that two tables claim: %v, want %v", err, wantErr)
	}
}

func must(s *Source, err error) *Source {
	if err != nil {
		panic(err)
	}
	return s
}
