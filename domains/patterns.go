package domains

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// patterns are the patterns of a users_file. They are found by the text before their first special character or by the text behind their
// last, whichever fewer patterns have, so that an address is compared with few of thousands.
type patterns struct {
	all    []string // as in the file, in lower case
	before literals // those that are found by the literal text that they begin with
	behind literals // the others
}

// Limits for all rules of one domain: a request for an address of the domain is compared with all patterns that it is found by. Addresses
// without a special character are not limited.
const (
	maxPatterns = 5000
	maxAlike    = 100 // that are found by the same text; without such a text, every request is compared with them
)

// errPatterns is wrapped by the errors for a pattern that is beyond these limits.
var errPatterns = errors.New("write addresses, whose number is not limited")

// patternQuota counts the patterns in all rules of one domain.
type patternQuota struct {
	count          int
	before, behind map[string]int // by the text that they are found by
}

func newPatternQuota() *patternQuota {
	return &patternQuota{before: make(map[string]int), behind: make(map[string]int)}
}

// literals are patterns by the literal text that they begin or end with.
type literals struct {
	by      map[string][]string
	lengths []int // of the literal texts, sorted
}

// add adds a pattern, unless there are too many in the domain whose quota it is.
func (p *patterns) add(glob string, quota *patternQuota) error {
	if quota.count >= maxPatterns {
		return fmt.Errorf("this pattern exceeds the limit of %d in the rules of one domain; write patterns that match more, or %w", maxPatterns, errPatterns)
	}
	written, glob := glob, withoutSlashes.Replace(glob)
	literal, found, counts := literalEnd(glob), &p.behind, quota.behind
	if start := literalStart(glob); start != "" && quota.before[start] <= quota.behind[literal] {
		literal, found, counts = start, &p.before, quota.before
	}
	if counts[literal] >= maxAlike {
		return fmt.Errorf("this pattern exceeds the limit of %d in the rules of one domain with the same text before the first *, ? or [ and after the last; begin or end it with other text, or %w",
			maxAlike, errPatterns)
	}
	quota.count++
	counts[literal]++
	p.all = append(p.all, written)
	found.add(literal, glob)
	return nil
}

// literalStart returns the text before the first special character of a pattern.
func literalStart(glob string) string { return glob[:strings.IndexAny(glob, `*?[\`)] }

// literalEnd returns the text behind the last special character of a pattern.
func literalEnd(glob string) string {
	i := strings.LastIndexAny(glob, `*?]\`)
	end := glob[i+1:]
	if glob[i] == '\\' { // the character behind it is literal too, but its escape is not
		_, size := utf8.DecodeRuneInString(end)
		end = end[size:]
	}
	return end
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
