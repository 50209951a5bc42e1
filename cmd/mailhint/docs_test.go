//go:build unix

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"

	"mailhint/edits"
	"mailhint/server"
)

// TestChangingDocs runs the commands that docs/changing.md shows, and compares what they print with what the page says. With -update it writes the
// page.
func TestChangingDocs(t *testing.T) {
	s := newDocSession(t)
	s.write(t, "customers.txt", "bakery.example\nflorist.example\n")
	s.page(t, "../../docs/changing.md", func(toml string) { s.write(t, "domains.toml", toml) })
}

func newDocSession(t *testing.T) docSession {
	t.Helper()
	// TestMain has put mailhint into the PATH.
	return docSession{dir: t.TempDir(), env: append(os.Environ(), "LC_ALL=C.UTF-8", "SUDO_USER=ann", "MAILHINT_CONFIG=", "TZ=UTC")}
}

// page runs the commands of a page, and calls a function with each domains.toml that it shows.
func (s *docSession) page(t *testing.T, page string, configure func(toml string)) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	got := fences.ReplaceAllFunc(text, func(block []byte) []byte {
		language, content, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(string(block), "```"), "```\n"), "\n")
		switch {
		case language == "toml":
			configure(content)
		case language == "console":
			return []byte("```console\n" + s.run(t, content) + "```\n")
		}
		return block
	})
	if *update {
		if err := os.WriteFile(page, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(comparable(got), comparable(text)) {
		t.Errorf("%s shows something else than the commands print; go test -update writes it again\n%s", page, diff.Diff("the page", comparable(text), "the commands", comparable(got)))
	}
}

// TestChangingDocsMembers: the page explains every member of what commands print with --json.
func TestChangingDocsMembers(t *testing.T) {
	page, err := os.ReadFile("../../docs/changing.md")
	if err != nil {
		t.Fatal(err)
	}
	_, explained, _ := strings.Cut(string(page), "\n## For programs\n")
	for _, v := range []any{changed{}, server.Served{}, edits.Record{}, edits.Change{}, edits.State{}, edits.ListSummary{}} {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name != "" && name != "-" && !strings.Contains(explained, "`"+name+"`") {
				t.Errorf("the page does not explain %s of %T", name, v)
			}
		}
	}
}

// fences are the blocks of code of a page.
var fences = regexp.MustCompile("(?ms)^```.*?^```\n")

// varying is what is different each time: times, who has edited a file, and whether a server runs.
var varying = []struct {
	pattern *regexp.Regexp
	same    string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d`), "2026-11-29 22:31"},
	{regexp.MustCompile(`22:31:\d\d`), "22:31:00"},
	{regexp.MustCompile(`\S+  hand edit  `), "ann  hand edit  "},
	{regexp.MustCompile(`(?m)^(saved[;,]|served by) .*$`), "served by the running server after 0.1 s"},
}

func comparable(text []byte) []byte {
	for _, v := range varying {
		text = v.pattern.ReplaceAll(text, []byte(v.same))
	}
	return text
}

// docSession runs the commands of a page in a folder.
type docSession struct {
	dir string
	env []string
	// admin is the address of the admin listener, in place of the usual one; empty for none.
	admin string
}

const usualAdmin = "127.0.0.1:8081"

func (s docSession) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// here replaces the address of the admin listener.
func (s docSession) here(text string) string {
	if s.admin == "" {
		return text
	}
	return strings.ReplaceAll(text, usualAdmin, s.admin)
}

// run runs the commands of a block, which follow "$ ", and returns the block with what they print.
func (s docSession) run(t *testing.T, block string) string {
	t.Helper()
	var out strings.Builder
	for line := range strings.Lines(block) {
		command, isCommand := strings.CutPrefix(line, "$ ")
		if !isCommand {
			continue
		}
		out.WriteString(line)
		command = strings.TrimSpace(command)
		run := exec.Command("sh", "-c", "exec 2>&1; "+s.here(command))
		run.Dir, run.Env = s.dir, s.env
		printed, err := run.Output()
		if err != nil && !errors.As(err, new(*exec.ExitError)) { // some are refused on purpose
			t.Fatalf("%s: %v", command, err)
		}
		if s.admin != "" {
			printed = bytes.ReplaceAll(printed, []byte(s.admin), []byte(usualAdmin))
		}
		out.Write(comparable(printed))
	}
	return out.String()
}
