package domains

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// patterns are the patterns of a users_file. They are found by the text before their first special character, or, if they begin with one,
// by the text behind their last, so that an address is compared with few of thousands.
type patterns struct {
	all    []string // as in the file, in lower case
	before literals // those that begin with literal text
	behind literals // the others
}

// maxPatterns limits a users_file: every request for an address of the domain may have to be compared with all its patterns. Addresses
// without a special character are not limited.
const maxPatterns = 5000

var errTooManyPatterns = fmt.Errorf("this pattern exceeds the limit of %d in a users_file; write patterns that match more, or addresses, whose number is not limited", maxPatterns)

// literals are patterns by the literal text that they begin or end with.
type literals struct {
	by      map[string][]string
	lengths []int // of the literal texts, sorted
}

// add adds a pattern, and reports false if there are too many.
func (p *patterns) add(glob string) bool {
	if len(p.all) >= maxPatterns {
		return false
	}
	p.all = append(p.all, glob)
	glob = withoutSlashes.Replace(glob)
	if i := strings.IndexAny(glob, `*?[\`); i > 0 {
		p.before.add(glob[:i], glob)
		return true
	}
	i := strings.LastIndexAny(glob, `*?]\`)
	end := glob[i+1:]
	if glob[i] == '\\' { // the character behind it is literal too, but its escape is not
		_, size := utf8.DecodeRuneInString(end)
		end = end[size:]
	}
	p.behind.add(end, glob)
	return true
}

func (l *literals) add(literal, glob string) {
	if l.by == nil {
		l.by = make(map[string][]string)
	}
	l.by[literal] = append(l.by[literal], glob)
	if i, found := slices.BinarySearch(l.lengths, len(literal)); !found {
		l.lengths = slices.Insert(l.lengths, i, len(literal))
	}
}

// match reports whether a pattern matches a text in lower case.
func (p *patterns) match(text string) bool {
	if len(p.all) == 0 {
		return false
	}
	text = withoutSlashes.Replace(text)
	return p.before.match(text, func(n int) string { return text[:n] }) ||
		p.behind.match(text, func(n int) string { return text[len(text)-n:] })
}

func (l *literals) match(text string, part func(length int) string) bool {
	for _, n := range l.lengths {
		if n > len(text) {
			return false
		}
		for _, glob := range l.by[part(n)] {
			if ok, _ := path.Match(glob, text); ok { // checked when it was read
				return true
			}
		}
	}
	return false
}

// withoutSlashes replaces slashes, which a local part may contain and a * of package path does not match.
var withoutSlashes = strings.NewReplacer("/", "\x00")
