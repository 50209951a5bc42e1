package edits

import (
	"bytes"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// Diff is a unified diff of what changes have done to their records, for stores that keep no text and for the history.
func Diff(changes []Change) string {
	var b strings.Builder
	for _, c := range changes {
		b.WriteString(c.Diff())
	}
	return b.String()
}

// Diff is a unified diff of what the change has done to its record: as it was written, or as domains.toml would spell it if a text is not known. That
// a list has the record is shown as a comment.
func (c Change) Diff() string {
	written := isWritten(c.Before) && isWritten(c.After)
	before, after := spellState(c.Ref, c.Before, written), spellState(c.Ref, c.After, written)
	text := diff.Diff(c.Ref.String()+" (before)", []byte(before), c.Ref.String()+" (after)", []byte(after))
	_, text, _ = bytes.Cut(text, []byte("\n")) // "diff before after"
	return string(text)
}

// isWritten reports whether it is known how a state was written, or it needs no text.
func isWritten(s *State) bool { return s == nil || s.Text != "" || onlyListed(s) }

func onlyListed(s *State) bool { return s.List != "" && len(s.Values) == 0 }

// spellState spells a state of a record; empty if it does not exist.
func spellState(ref Ref, s *State, asWritten bool) string {
	if s == nil {
		return ""
	}
	text := ""
	if s.List != "" {
		text = "# in the list of profile " + s.List + "\n"
	}
	switch {
	case onlyListed(s):
		return text
	case asWritten:
		return text + s.Text
	}
	return text + TOML(ref, s.Values)
}
