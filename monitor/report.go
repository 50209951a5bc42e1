package monitor

import (
	"fmt"
	"slices"
	"time"

	"mailhint/settings"
)

// Summary is what is known about all servers.
type Summary struct {
	Servers     map[State]int
	Hosts       int
	TooMany     bool      // some hosts are not probed, because there are too many
	Certificate time.Time // when the first certificate expires; zero if none was seen
	Last        time.Time // when the last probe ended; zero before the first
}

// Summary returns what is known about all servers.
func (m *Monitor) Summary() Summary {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Summary{Servers: make(map[State]int), Hosts: len(m.hosts), TooMany: m.tooMany, Last: m.last}
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

// Seen returns what is known about one server, and when its host was last probed: Unknown and the zero Time if it was not, or if it is not
// among the servers to probe.
func (m *Monitor) Seen(name string, server settings.Server) (State, time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.hosts[name]
	if h == nil {
		return Unknown, time.Time{}
	}
	for i, s := range h.servers {
		if sameServer(s, server) {
			return h.verdict(i).State, h.seen
		}
	}
	return Unknown, time.Time{}
}

func (h *host) verdict(i int) Verdict {
	if h.verdicts == nil {
		return Verdict{State: Unknown}
	}
	return h.verdicts[i]
}

// maxLines limits how many single servers Lines lists.
const maxLines = 20

// Lines returns what is known, for /-/readyz: the number of servers in each state, and the servers that have problems.
func (m *Monitor) Lines() []string {
	s := m.Summary()
	text := "mail servers:"
	for _, state := range states {
		if n := s.Servers[state]; n > 0 || state == Good {
			text += fmt.Sprintf(" %d %s,", n, state)
		}
	}
	switch {
	case s.Last.IsZero():
		text += " not probed yet"
	default:
		text += " last probe " + s.Last.UTC().Format(time.RFC3339)
	}
	lines := []string{text}
	if s.TooMany {
		lines = append(lines, fmt.Sprintf("mail servers: there are more than %d hosts; the others are not probed", maxHosts))
	}
	return append(lines, m.faults()...)
}

// faults lists the servers that have problems, ordered by host.
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
		lines = append(lines[:maxLines], fmt.Sprintf("mail servers: %d more with problems", more))
	}
	return lines
}
