package monitor

import (
	"fmt"
	"slices"
	"time"
)

// Summary is what is known of all servers.
type Summary struct {
	Servers     map[State]int
	Hosts       int
	More        bool      // hosts are advertised, and not looked at because there are too many
	Certificate time.Time // when the first certificate ends; zero if none was seen
	Last        time.Time // when the last look ended; zero before the first
}

// Summary sums up what is known.
func (m *Monitor) Summary() Summary {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Summary{Servers: make(map[State]int), Hosts: len(m.hosts), More: m.more, Last: m.last}
	for _, h := range m.hosts {
		if !h.ends.IsZero() && (s.Certificate.IsZero() || h.ends.Before(s.Certificate)) {
			s.Certificate = h.ends
		}
		for i := range h.servers {
			s.Servers[h.verdict(i).State]++
		}
	}
	return s
}

func (h *host) verdict(i int) Verdict {
	if h.verdicts == nil {
		return Verdict{State: Unknown}
	}
	return h.verdicts[i]
}

// maxLines bounds what Lines says of single servers.
const maxLines = 20

// Lines says what is known, for /-/readyz: counts, and the servers about which there is something to say.
func (m *Monitor) Lines() []string {
	s := m.Summary()
	text := "mail servers:"
	for _, state := range States {
		if n := s.Servers[state]; n > 0 || state == Good {
			text += fmt.Sprintf(" %d %s,", n, state)
		}
	}
	switch {
	case s.Last.IsZero():
		text += " not looked at yet"
	default:
		text += " last look " + s.Last.UTC().Format(time.RFC3339)
	}
	lines := []string{text}
	if s.More {
		lines = append(lines, fmt.Sprintf("mail servers: there are more than %d hosts, the rest is not looked at", maxHosts))
	}
	return append(lines, m.faults()...)
}

// faults lists servers that Judge has said something about, by the names of their hosts.
func (m *Monitor) faults() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var lines []string
	for _, h := range m.hosts {
		for i, server := range h.servers {
			if v := h.verdict(i); v.State != Good && v.Text != "" {
				lines = append(lines, fmt.Sprintf("mail server %s:%d: %s: %s", h.name, server.Port, v.State, v.Text))
			}
		}
	}
	slices.Sort(lines)
	if more := len(lines) - maxLines; more > 0 {
		lines = append(lines[:maxLines], fmt.Sprintf("mail servers: %d more are at fault", more))
	}
	return lines
}
