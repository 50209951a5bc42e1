package domains

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mailhint/spelling"
)

// Position is a place in a file. The zero Position is that of a built-in value.
type Position struct {
	File string
	Line int // counted from 1; 0 if only the file is known
}

// String returns "file:line".
func (p Position) String() string {
	if p.File == "" {
		return "built-in"
	}
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Problem is one mistake in a file: where it is, in which key, what is wrong and how to write it.
type Problem struct {
	Position
	Key  string // as TOML spells it: domains."example.com".imap; empty if the mistake is not in a key
	Text string
}

// String returns the problem in the form "file:line: key: what is wrong, how to write it".
func (p Problem) String() string {
	if p.Key == "" {
		return fmt.Sprintf("%s: %s", p.Position, p.Text)
	}
	return fmt.Sprintf("%s: %s: %s", p.Position, p.Key, p.Text)
}

// Problems are all the mistakes of a configuration, in the order of the files, and files that cannot be read. It is the error that
// Load returns.
type Problems []Problem

// maxShown limits what Error says: logs and readiness pages must not get a million lines.
const maxShown = 50

// Error returns the first of the problems, a line each.
func (ps Problems) Error() string {
	var lines []string
	for _, p := range ps[:min(len(ps), maxShown)] {
		lines = append(lines, p.String())
	}
	if more := len(ps) - maxShown; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more; mailhint check lists them all", more))
	}
	return strings.Join(lines, "\n")
}

// ErrUnread is matched by the error of Load and Open if the main file does not exist or cannot be read, so that nothing is known about
// its content: name another file, or create one.
var ErrUnread = errors.New("the main file of the configuration cannot be read")

// unread are the problems of a main file that could not be read.
type unread struct{ Problems }

func (u unread) Is(target error) bool { return target == ErrUnread }

func (u unread) Unwrap() error { return u.Problems }

// sorted returns the problems by file and line, each once. A mistake in a profile appears in every domain that uses it, maybe a
// million times; it is reported for the first of them.
func (ps Problems) sorted() Problems {
	sorted := slices.Clone(ps)
	slices.SortStableFunc(sorted, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.lastKey(), b.lastKey()), cmp.Compare(a.Text, b.Text), cmp.Compare(a.Key, b.Key))
	})
	sorted = slices.Compact(sorted)
	var reported Problems
	for i := 0; i < len(sorted); {
		p, same := sorted[i], 1
		for i+same < len(sorted) && sorted[i+same].isLike(p) {
			same++
		}
		if same > 1 {
			p.Text += fmt.Sprintf(" (and the same in %d more entries)", same-1)
		}
		reported = append(reported, p)
		i += same
	}
	return reported
}

// isLike reports whether two problems differ only in the entry that they appear in.
func (p Problem) isLike(q Problem) bool {
	return p.Position == q.Position && p.Text == q.Text && p.lastKey() == q.lastKey()
}

func (p Problem) lastKey() string { return p.Key[strings.LastIndexByte(p.Key, '.')+1:] }

// didYouMean returns "; did you mean "x"?" for the known word nearest to an unknown one, or "" if none is near.
func didYouMean(word string, known []string) string {
	best := spelling.Nearest(word, known)
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// orList returns the hint, or, if there is none, the words to choose from.
func orList(hint string, known []string) string {
	if hint != "" {
		return hint
	}
	return "; use one of " + few(known)
}

// few lists words, but not a thousand.
func few(words []string) string {
	const enough = 40
	if len(words) > enough {
		return strings.Join(words[:enough], ", ") + fmt.Sprintf(" and %d more", len(words)-enough)
	}
	return strings.Join(words, ", ")
}
