package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/edits"
)

// TestRefusal: programs depend on these words.
func TestRefusal(t *testing.T) {
	for want, err := range map[string]error{
		"invalid":   domains.Problems{{Text: "unknown key"}},
		"conflict":  &edits.ConflictError{},
		"exists":    &edits.ExistsError{},
		"not found": &edits.NotFoundError{},
		"read-only": &edits.NotWrittenError{Err: fmt.Errorf("%w: read-only file system", edits.ErrReadOnly)},
		"unsafe":    &edits.NotWrittenError{Err: fmt.Errorf("%w: an inline table", edits.ErrUnsafe)},
		"removals":  &edits.RemovalsError{},
		"failed":    errors.New("no space left on device"),
	} {
		if got := refusal(fmt.Errorf("domains.toml: %w", err)); got != want {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
}

// TestPermission: who forgets sudo is told, and not only to make the change by hand.
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
