package doctor

import (
	"fmt"
	"strings"
	"unicode"
)

// maxClip is how much of a stranger's text a finding repeats, in characters.
const maxClip = 120

// maxReason is how much of an error's text is repeated. It ends with the cause, after names that may be long.
const maxReason = 250

// clip makes a stranger's text fit to be printed: one line, printable, and short.
func clip(s string) string { return clipTo(maxClip, s) }

// reason is the text of an error, fit to be printed.
func reason(err error) string { return clipTo(maxReason, err.Error()) }

func clipTo(most int, s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > most {
			b.WriteString("…")
			break
		}
		if !unicode.IsPrint(r) {
			r = unicode.ReplacementChar
		}
		b.WriteRune(r)
	}
	return b.String()
}

// texts prints a list for people.
func texts[T fmt.Stringer](list []T) string {
	var all []string
	for _, t := range list {
		all = append(all, t.String())
	}
	return words(all)
}

// words joins words for people: "a, b and c".
func words(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " and " + list[last]
}
