// Package tomledit changes one table of a TOML text and nothing else: comments, order, blank lines, line ends and everything that belongs to
// other tables stay as they are, octet for octet.
//
// It knows TOML and nothing of mail. A table is named by its path, such as domains and example.com, and may be written in several places: a
// header [domains."example.com"] with tables below it ([domains."example.com".oauth2], [[domains."example.com".rules]]), dotted keys, or an
// inline table. A layout that cannot be changed safely is refused with ErrUnsafe rather than guessed at.
//
// The text must be valid TOML within the limits of package domains, which the caller has checked: the decoder can be kept busy for a long time
// by a small malicious text. A byte order mark is kept.
//
// What belongs to a table: its lines, the comments between them and at their ends, comment lines directly above its header (except on the first
// line of the text, where they may be about the whole file), and comment lines directly below its last line if no header follows directly. A
// comment between two blank lines belongs to nobody and stays.
//
// What belongs to a key: its line, and the comment lines directly above it if no other key follows directly; they may be about both.
//
// To read the code, begin with text.go (what every change does), then chunk.go (the region of a text that a change looks at), scan.go and
// document.go (the expressions of a region), table.go (the parts of a table), place.go (the comments and blank lines around them), set.go,
// add.go and section.go (what changes), list.go (what is between brackets), verify.go (the proof) and undo.go.
package tomledit

import "errors"

// Errors that callers act on.
var (
	// ErrUnsafe is wrapped by errors that say why a table cannot be changed without touching others, and how to rewrite it.
	ErrUnsafe = errors.New("cannot be edited safely")
	// ErrNotFound means that the text has no such table.
	ErrNotFound = errors.New("there is no such table")
	// ErrExists means that a table that should be added is already there.
	ErrExists = errors.New("there is already such a table")
	// ErrOutside is wrapped by errors of Replace about a text that does not define the table, or something else as well.
	ErrOutside = errors.New("only this table may be changed")
	// ErrChanged means that Revert cannot restore the old octets, because the text has changed too much since: set the old values instead.
	ErrChanged = errors.New("the text has changed since")
)

// Member is a key of a table and its value: string, bool, int64, float64, time.Time, []any, or map[string]any. A nil Value removes the key.
type Member struct {
	Key   string
	Value any
}
