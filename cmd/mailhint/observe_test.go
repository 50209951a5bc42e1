package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/edits"
	"mailhint/filestore"
)

// A server records what is changed by hand while it runs. Where it cannot write, it says so once and still serves.
func TestObserve(t *testing.T) {
	const config = "[server]\nhttp = [\"127.0.0.1:0\"]\nadmin = \"\"\nstate_dir = \"state\"\n\n[domains.\"a.example\"]\nimap = \"imap.a.example\"\nsmtp = \"smtp.a.example\"\n"
	for _, test := range []struct {
		name  string
		state string // where it is: a directory, a file or nothing
		want  int    // changes
		log   string
	}{
		{"directory", "directory", 1, ""},
		{"file", "file", 0, "changes by hand are not recorded in the history"},
		{"nothing", "", 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "domains.toml")
			state := filepath.Join(filepath.Dir(file), "state")
			write(t, file, config)
			switch test.state {
			case "directory":
				if err := os.Mkdir(state, 0o700); err != nil {
					t.Fatal(err)
				}
			case "file":
				write(t, state, "")
			}
			p := startProgramOn(t, file)
			store, err := filestore.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			journal := filepath.Join(state, "edits", "journal")
			if test.state == "directory" {
				eventually(t, "the server has looked at the files", func() bool { _, err := os.Stat(journal); return err == nil })
			}
			before := p.current.Load()
			write(t, file, strings.Replace(config, "imap.a.example", "imap2.a.example", 1))
			eventually(t, "the server has read the change", func() bool { return p.current.Load() != before })
			if test.log != "" {
				eventually(t, "the log says "+test.log, func() bool { return strings.Contains(p.log.String(), test.log) })
			}
			changes := func() []edits.Change {
				list, _ := store.History(context.Background(), edits.HistoryQuery{}) // none if there is no directory
				return list
			}
			if test.want > 0 {
				eventually(t, "the change is in the history", func() bool { return len(changes()) == test.want })
				if c := changes()[0]; c.Via != edits.ByHand || c.Name != "a.example" || !strings.Contains(c.After.Text, "imap2") || !strings.Contains(c.Before.Text, "imap.a") {
					t.Errorf("the change is of %s, %s, with the texts %q and %q", c.Ref, c.Via, c.Before.Text, c.After.Text)
				}
			}
			p.stop()
			if n := len(changes()); n != test.want {
				t.Errorf("the history has %d changes, want %d", n, test.want)
			}
			if n := strings.Count(p.log.String(), "not recorded in the history"); n > 1 {
				t.Errorf("the log says %d times that changes are not recorded", n)
			}
			if test.state == "" {
				if _, err := os.Stat(state); err == nil {
					t.Error("the server has made state_dir")
				}
			}
		})
	}
}
