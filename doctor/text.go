package doctor

import (
	"fmt"
	"strings"

	"mailhint/untrusted"
)

// maxClip is how much of a stranger's text a finding repeats, in characters.
const maxClip = 120

// maxReason is how much of an error's text is repeated. It ends with the cause, after names that may be long.
const maxReason = 250

// clip makes a stranger's text fit to be printed: one line, printable, and short.
func clip(s string) string { return untrusted.Clip(s, maxClip) }

// reason is the text of an error, fit to be printed.
func reason(err error) string { return untrusted.Clip(err.Error(), maxReason) }

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
