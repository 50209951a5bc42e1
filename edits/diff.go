package edits

import (
	"bytes"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// Diff is a unified diff of changes, with the records as domains.toml would spell them, for stores that keep no text. The line of a list is
// shown as a comment.
func Diff(changes []Change) string {
	var b strings.Builder
	for _, c := range changes {
		text := diff.Diff(c.Ref.String()+" (before)", []byte(spellState(c.Ref, c.Before)), c.Ref.String()+" (after)", []byte(spellState(c.Ref, c.After)))
		_, text, _ = bytes.Cut(text, []byte("\n")) // "diff before after"
		b.Write(text)
	}
	return b.String()
}

// spellState spells a state of a record; empty if it does not exist.
func spellState(ref Ref, s *State) string {
	if s == nil {
		return ""
	}
	text := ""
	if s.List != "" {
		text = "# in the list of profile " + s.List + "\n"
	}
	if s.List == "" || len(s.Values) > 0 {
		text += TOML(ref, s.Values)
	}
	return text
}
