package filestore

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/edits"
)

// All names of lists go, with the tables that are named. Comments stay, and so do the lines of names whose tables stay. Long lists get one change in the history.
func TestEmpty(t *testing.T) {
	dir := t.TempDir()
	long, inline := "# customers\nStays.example # special\ngoes.example\n", []string{`"kept.example"`}
	for i := range 150 {
		long += fmt.Sprintf("d%03d.example\n", i)
		inline = append(inline, fmt.Sprintf(`"i%03d.example"`, i))
	}
	list, short := write(t, dir, "long.txt", long+"# the end\n"), write(t, dir, "short.txt", "s1.example\ns2.example\n")
	servers := "imap = \"imap.example\"\nsmtp = \"smtp.example\"\n"
	config := write(t, dir, "domains.toml", "[server]\nstate_dir = \"state\"\n[profiles.long]\n"+servers+"domains_file = \"long.txt\"\n"+
		"[profiles.inline]\n"+servers+"domains = ["+strings.Join(inline, ", ")+"]\n"+
		"[profiles.short]\n"+servers+"domains_file = \"short.txt\"\n"+
		"[domains.\"stays.example\"]\nlogin = \"x\"\n[domains.\"goes.example\"]\nlogin = \"y\"\n[domains.\"kept.example\"]\nlogin = \"z\"\n")
	s := openStore(t, config)
	set := edits.ChangeSet{Actor: "ann", Reason: "moving", Edits: []edits.Edit{
		{Ref: domain("goes.example"), If: edits.Any, Action: "import"}, {Ref: edits.Ref{Kind: edits.Profile, Name: "short"}, If: edits.Any, Action: "import"},
	}}
	before := content(t, config)
	set.DryRun = true
	source, err := domains.Read(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	result, err := s.Empty(t.Context(), set, "import", source.Files)
	if err != nil || result.Config.Domains() != 2 || content(t, config) != before || content(t, list) != long+"# the end\n" {
		t.Fatalf("dry run: %v, %d domains", err, result.Config.Domains())
	}
	set.DryRun = false
	write(t, dir, "short.txt", "s1.example\ns2.example\nadded.example\n")
	if _, err := s.Empty(t.Context(), set, "import", source.Files); !errors.Is(err, ErrFilesChanged) || !strings.Contains(content(t, short), "added.example") {
		t.Fatalf("a name was added after the files had been read: %v; the list is %q", err, content(t, short))
	}
	write(t, dir, "short.txt", "s1.example\ns2.example\n")
	if result, err = s.Empty(t.Context(), set, "import", source.Files); err != nil {
		t.Fatal(err)
	}
	if text := content(t, list); text != "# customers\nStays.example # special\n# the end\n" {
		t.Errorf("the long list is %q", text)
	}
	if text := content(t, short); text != "" {
		t.Errorf("the short list is %q", text)
	}
	now, err := domains.Load(config)
	if err != nil || now.Domains() != 2 || now.Digest() != result.Config.Digest() {
		t.Fatalf("%d domains, %v; want stays.example and kept.example", now.Domains(), err)
	}
	history, err := s.History(t.Context(), edits.HistoryQuery{})
	var got []string
	for _, c := range history {
		what := c.Ref.String()
		if c.Summary != nil {
			what += fmt.Sprintf(" %s -%d %s", c.Summary.File, c.Summary.Removed, c.Summary.SomeRemoved[0])
		}
		if c.Actor != "ann" || c.Reason != "moving" || c.Action != "import" {
			t.Errorf("%+v", c)
		}
		got = append(got, what)
	}
	want := "s2.example, s1.example, profile short, goes.example, profile long long.txt -150 d000.example, profile inline domains.toml -150 i000.example"
	if err != nil || strings.Join(got, ", ") != want {
		t.Errorf("the history has\n%s\nwant\n%s, %v", strings.Join(got, ", "), want, err)
	}
}
