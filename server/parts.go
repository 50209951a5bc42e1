package server

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"mailhint/untrusted"
)

// Tell makes /-/readyz show lines besides its own: what another part of the program has to say to the people who run the server. It
// must be called before Run. The status does not change by it. No more than 30 lines of 300 characters are shown, and nothing that
// a terminal would take for an order.
func (s *Server) Tell(lines func() []string) { s.parts = append(s.parts, lines) }

// Metrics is where other parts of the program register what /-/metrics shows besides. A label must not hold what a stranger can
// choose.
func (s *Server) Metrics() prometheus.Registerer { return s.metrics.registry }

const (
	maxPartLines = 30
	maxPartLine  = 300
)

// writeParts writes the lines of other parts.
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
