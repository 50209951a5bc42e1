package domains

import (
	"fmt"
	"strings"

	"mailhint/settings"
)

// maxListed limits how many skipped lines, and how many warnings, are kept. The others are counted.
const maxListed = 10_000

// warn notes what is allowed but probably a mistake: once, even if a million entries inherit it.
func (l *loader) warn(at Position, key, format string, args ...any) {
	w := Problem{at, key, fmt.Sprintf(format, args...)}
	same := Problem{at, "", w.Text}
	if len(l.warnings) >= maxListed || l.warned[same] {
		return
	}
	l.warned[same] = true
	l.warnings = append(l.warnings, w)
}

// skip notes a line of a list that is not used.
func (l *loader) skip(at Position, format string, args ...any) {
	if l.skippedLines++; l.skippedLines <= maxListed {
		l.skipped = append(l.skipped, Problem{at, "", fmt.Sprintf(format, args...)})
	}
}

// warn notes what is allowed in a key, or in the table for "", but probably a mistake.
func (t *table) warn(key, format string, args ...any) {
	var path []string
	if key != "" {
		path = []string{key}
	}
	t.warnAt(path, format, args...)
}

func (t *table) warnAt(path []string, format string, args ...any) {
	if len(*t.src.warnings) < maxListed {
		*t.src.warnings = append(*t.src.warnings, t.problem(path, format, args...))
	}
}

// warnOfName warns of names that are valid domains but rarely mail domains. what names the domain in the message.
func (l *loader) warnOfName(at Position, key, what string, d settings.Domain) {
	if parent := settings.DomainOfServiceHost(string(d)); parent != "" {
		l.warn(at, key, "%s is the host at which clients ask for %s; write the mail domain without %s", what, describeParent(parent, key), prefixOf(d))
	}
	if isPublicSuffix(d) {
		l.warn(at, key, "%s is a public suffix, below which anyone can register domains; if its owner does not use it for mail, write the full domain", what)
	}
}

// describeParent names a domain in a message about a file of the configuration; key is empty for a line of another file, which no message
// repeats.
func describeParent(parent settings.Domain, key string) string {
	if key == "" {
		return "another domain"
	}
	return string(parent)
}

// prefixOf returns the service prefix of a name.
func prefixOf(d settings.Domain) string {
	label, _, _ := strings.Cut(string(d), ".")
	return label + "."
}
