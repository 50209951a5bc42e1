package doctor

import (
	"fmt"
	"strings"

	"mailhint/untrusted"
)

const (
	maxClip   = 120 // characters of a stranger's text in a finding
	maxReason = 250 // characters of an error, which ends with its cause, after names that may be long
)

// clip makes a stranger's text safe to print, and short.
func clip(s string) string { return untrusted.Clip(s, maxClip) }

// reason is the text of an error, safe to print.
func reason(err error) string { return untrusted.Clip(err.Error(), maxReason) }

// texts lists things for people.
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
