// Package untrusted makes text from strangers safe to show. What mail servers, web servers, name servers, certificates and imported
// files say ends up in terminals, logs and reports. Control characters could steer a terminal or forge a log line, bidirectional
// overrides could reverse what an administrator reads, and a long text could bury the rest.
package untrusted

import (
	"strings"
	"unicode"
)

// Printable returns text on one line, with printable characters only: line feeds and tabs become spaces, and everything else that is
// not printable (control, formatting and private-use characters, white space other than U+0020, invalid UTF-8) becomes U+FFFD.
func Printable(text string) string { return strings.Map(printable, text) }

// Clip is Printable for a text of any length: it keeps the first limit characters and marks what is cut with an ellipsis.
func Clip(text string, limit int) string {
	n := 0
	for i := range text {
		if n == limit {
			return Printable(text[:i]) + "…"
		}
		n++
	}
	return Printable(text)
}

func printable(r rune) rune {
	switch {
	case r == '\n' || r == '\t':
		return ' '
	case !unicode.IsPrint(r):
		return unicode.ReplacementChar
	}
	return r
}
