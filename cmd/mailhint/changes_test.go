package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/edits"
)

// TestPermission: the message for people who forgot sudo says so, and does not only show the change to make by hand.
func TestPermission(t *testing.T) {
	const hint = ", or run this as root or as the user of the server"
	for reason, want := range map[error]bool{fs.ErrPermission: true, errors.New("read-only file system"): false} {
		err := changeError(&edits.NotWrittenError{File: "domains.toml", Err: fmt.Errorf("%w: %w", edits.ErrReadOnly, reason)})
		if got := strings.HasSuffix(err.Error(), hint); got != want {
			t.Errorf("%v: got %v", reason, err)
		}
	}
}

func TestShellWord(t *testing.T) {
	for arg, want := range map[string]string{
		"example.com":       "example.com",
		"bücher.example":    "bücher.example",
		"*.example.com":     "'*.example.com'",
		"/etc/my mail.toml": "'/etc/my mail.toml'",
		"it's":              `'it'\''s'`,
		"":                  "''",
		"\x1b]0;é'\n a1":    `$'\033]0;\303\251\047\012 a1'`,
		"\u202ea":           `$'\342\200\256a'`,
	} {
		if got := shellWord(arg); got != want {
			t.Errorf("%q: got %s, want %s", arg, got, want)
		}
	}
}

// TestHistoryError: a history that may not be read is not one that lacks a change.
func TestHistoryError(t *testing.T) {
	for err, want := range map[error]int{
		&fs.PathError{Op: "open", Path: "history.jsonl", Err: fs.ErrPermission}: exitUnknown,
		edits.ErrNoHistory: exitProblem,
	} {
		var exit exitError
		if got := historyError(fmt.Errorf("x: %w", err)); !errors.As(got, &exit) || exit.code != want {
			t.Errorf("%v: got %v with exit code %d, want %d", err, got, exit.code, want)
		}
	}
}

// Without a limit, history prints the newest changes and says that there are older ones.
func TestHistoryIsLong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := filepath.Join(dir, "domains.toml")
	if err := os.WriteFile(config, []byte("[server]\nadmin = \"\"\n[profiles.shared]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n"+
		"[domains.\"example.com\"]\nprofile = \"shared\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	history := func(args ...string) (lines int, messages string) {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(t.Context(), append([]string{"history", "--config", config}, args...), &out, &errs); code != exitGood {
			t.Fatalf("exit code %d: %s", code, &errs)
		}
		return strings.Count(out.String(), "\n"), errs.String()
	}
	var out, snapshot bytes.Buffer
	if code := run(t.Context(), []string{"snapshot", "--config", config}, &snapshot, &out); code != exitGood {
		t.Fatalf("snapshot: exit code %d: %s", code, &out)
	}
	add := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			fmt.Fprintf(&snapshot, "{\"kind\":\"domain\",\"name\":\"d%d.example\",\"values\":{\"profile\":\"shared\"}}\n", i)
		}
		wanted := filepath.Join(dir, "wanted")
		if err := os.WriteFile(wanted, snapshot.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		if code := run(t.Context(), []string{"apply", wanted, "--config", config}, &out, &out); code != exitGood {
			t.Fatalf("apply: exit code %d: %s", code, &out)
		}
	}
	add(0, 1000)
	if lines, messages := history(); lines != 1000 || messages != "" {
		t.Errorf("1,000 changes: printed %d and %q, want all", lines, messages)
	}
	add(1000, 1002)
	if lines, messages := history(); lines != 1000 || !strings.Contains(messages, "--limit 0 prints all") {
		t.Errorf("1,002 changes: printed %d and %q, want 1,000 and what prints all", lines, messages)
	}
	for _, args := range [][]string{{"--limit", "0"}, {"--since", "1d"}, {"--json"}} {
		if lines, messages := history(args...); lines != 1002 || messages != "" {
			t.Errorf("%q: printed %d and %q, want all 1,002", args, lines, messages)
		}
	}
}
