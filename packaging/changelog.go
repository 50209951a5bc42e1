package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// changelog is Debian's: it says which version this is, when it was made, and what the newest section of CHANGELOG.md says.
func (r recipe) changelog(version, changes string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "mailhint (%s) stable; urgency=medium\n\n", version)
	for _, change := range append(newest(changes), "Older changes: /usr/share/doc/mailhint/CHANGELOG.md") {
		b.WriteString(wrapped(change, "  * ", "    "))
	}
	fmt.Fprintf(&b, "\n -- %s  %s\n", r.maintainer, r.date.Format(time.RFC1123Z))
	return b.String()
}

var (
	section = regexp.MustCompile(`(?ms)^## [^\n]*\n(.*?)(?:^## |\z)`)
	point   = regexp.MustCompile(`(?m)^- (.*(?:\n  .*)*)`)
	link    = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// newest returns the points of the newest section of CHANGELOG.md, each a paragraph without Markdown.
func newest(changes string) (points []string) {
	found := section.FindStringSubmatch(changes)
	if found == nil {
		return nil
	}
	for _, p := range point.FindAllStringSubmatch(found[1], -1) {
		points = append(points, strings.ReplaceAll(link.ReplaceAllString(p[1], "$1"), "**", ""))
	}
	return points
}

// lineWidth is the longest line of a changelog that lintian accepts.
const lineWidth = 80

// wrapped breaks a paragraph into lines with an indentation, which the first one has otherwise.
func wrapped(text, first, indent string) string {
	var b strings.Builder
	line := first
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
			line += word
		case len(line)+1+len(word) > lineWidth:
			b.WriteString(line + "\n")
			line = indent + word
		default:
			line += " " + word
		}
	}
	return b.String() + line + "\n"
}
