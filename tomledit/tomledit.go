// Package tomledit changes one table of a TOML text and nothing else: comments, order, blank lines, line ends and everything that belongs to
// other tables stay as they are, octet for octet.
//
// It knows TOML and nothing of mail. A table is named by its path, such as domains and example.com, and may be written in several places: a
// header [domains."example.com"] with tables below it ([domains."example.com".oauth2], [[domains."example.com".rules]]), dotted keys, or an
// inline table. A layout that cannot be changed safely is refused with ErrUnsafe rather than guessed at.
package tomledit

import "errors"

// ErrUnsafe is wrapped by errors that say why a table cannot be changed without touching others, and how to rewrite it.
var ErrUnsafe = errors.New("cannot be edited safely")

// ErrNotFound means that the text has no such table.
var ErrNotFound = errors.New("there is no such table")

// Member is a key of a table and its value: string, bool, int64, float64, time, []any, or map[string]any. A nil Value removes the key.
type Member struct {
	Key   string
	Value any
}
