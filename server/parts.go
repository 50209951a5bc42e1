package server

import (
	"fmt"
	"strings"

	"mailhint/untrusted"
)

// parts are functions that return lines for /-/readyz.
type parts []func() []string

const (
	maxPartLines = 30
	maxPartLine  = 300
)

func (p parts) write(text *strings.Builder) {
	for _, part := range p {
		lines := part()
		for _, line := range lines[:min(len(lines), maxPartLines)] {
			text.WriteString(untrusted.Clip(line, maxPartLine) + "\n")
		}
		if more := len(lines) - maxPartLines; more > 0 {
			fmt.Fprintf(text, "and %d more lines\n", more)
		}
	}
}
