package server

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"mailhint/untrusted"
)

// ShowLines makes /-/readyz show what another part of the program has to say to the people who run the server. The status of the answer
// does not depend on it. At most 30 lines of 300 characters are shown, without control characters. It must be called before Run.
func (s *Server) ShowLines(lines func() []string) { s.parts = append(s.parts, lines) }

// Metrics is where other parts of the program register what /-/metrics shows of them. A label must not hold anything that a client can
// choose.
func (s *Server) Metrics() prometheus.Registerer { return s.metrics.registry }

const (
	maxPartLines = 30
	maxPartLine  = 300
)

// writeParts writes the lines of the other parts.
func (s *Server) writeParts(text *strings.Builder) {
	for _, part := range s.parts {
		lines := part()
		for _, line := range lines[:min(len(lines), maxPartLines)] {
			text.WriteString(untrusted.Clip(line, maxPartLine) + "\n")
		}
		if more := len(lines) - maxPartLines; more > 0 {
			fmt.Fprintf(text, "and %d more lines\n", more)
		}
	}
}
