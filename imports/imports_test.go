package imports

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/settings"
)

// notes returns a Report and what it was called with.
func notes() (Report, *[]string) {
	list := new([]string)
	return func(where domains.Position, text string) { *list = append(*list, where.String()+": "+text) }, list
}

func mail(host string) *settings.Settings {
	login, auth := settings.Login(settings.EmailAddress), []settings.Auth{settings.Password}
	return &settings.Settings{Login: login, Auth: auth, Servers: []settings.Server{
		{Protocol: settings.IMAP, Host: settings.Pattern(host), Port: 993, Security: settings.ImplicitTLS, Login: login, Auth: auth},
		{Protocol: settings.Submission, Host: settings.Pattern(host), Port: 465, Security: settings.ImplicitTLS, Login: login, Auth: auth},
	}}
}

// TestCollection: the first source that has a domain gives its settings, and what is written can be loaded.
func TestCollection(t *testing.T) {
	report, got := notes()
	c := New(report)
	for _, e := range []Entry{
		{Where: domains.Position{File: "dir/one"}, Domains: []settings.Domain{"a.example"}, Settings: mail("one.example")},
		{Where: domains.Position{File: "dir/two"}, Domains: []settings.Domain{"a.example", "b.example", "c.example"}, Settings: mail("two.example"), Comments: []string{"two brands"}},
		{Where: domains.Position{File: "dir/three"}, Domains: []settings.Domain{"c.example"}, Settings: mail("three.example")},
	} {
		c.Add(e)
	}
	var out bytes.Buffer
	if err := c.Print(&out, "test files"); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"dir/two: a.example is left out: it has been imported from one",
		"dir/three: c.example is left out: it has been imported from two",
		"dir/three: not converted: all its domains have been imported already",
	}
	if !slices.Equal(*got, want) {
		t.Errorf("got the reports\n%s\nwant\n%s", strings.Join(*got, "\n"), strings.Join(want, "\n"))
	}
	if want := (Result{Entries: 2, Domains: 3, Failed: 1, Remarks: 2}); c.Result != want {
		t.Errorf("got %+v, want %+v", c.Result, want)
	}
	file := filepath.Join(t.TempDir(), "domains.toml")
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	snapshot, err := domains.Load(file)
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for domain, host := range map[settings.Domain]settings.Pattern{"a.example": "one.example", "b.example": "two.example", "c.example": "two.example"} {
		found, err := snapshot.Lookup(t.Context(), settings.Question{Host: domain})
		if err != nil || found.Servers[0].Host != host {
			t.Errorf("%s: got %v, %v, want the server %s", domain, found.Settings, err, host)
		}
	}
	if !strings.Contains(out.String(), "# From two\n# two brands\n# a.example is left out") {
		t.Errorf("the comments are missing:\n%s", &out)
	}
}

// full is a writer with no room left.
type full struct{}

var errFull = errors.New("full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestPrintReportsWriteErrors(t *testing.T) {
	report, _ := notes()
	c := New(report)
	c.Add(Entry{Where: domains.Position{File: "one"}, Domains: []settings.Domain{"a.example"}, Settings: mail("one.example")})
	if err := c.Print(full{}, "test files"); !errors.Is(err, errFull) {
		t.Errorf("got %v, want %v", err, errFull)
	}
}
