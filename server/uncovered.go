package server

import (
	"fmt"
	"iter"
	"strings"

	"mailhint/domains"
	"mailhint/keypairs"
	"mailhint/settings"
)

// UncoveredWarning says which names of the configured domains no certificate file covers; "" if all are covered, or need not be.
func (s *Server) UncoveredWarning(snapshot *domains.Snapshot) string {
	few, count := s.uncovered(publishedNames(snapshot))
	if count == 0 {
		return ""
	}
	more := ""
	switch {
	case count == keypairs.MaxUncovered:
		more = fmt.Sprintf(" and at least %d more", count-len(few))
	case count > len(few):
		more = fmt.Sprintf(" and %d more", count-len(few))
	}
	return fmt.Sprintf("no certificate covers %s%s, so clients refuse to connect there; add the names to a certificate in cert, or write tls = \"acme\"",
		strings.Join(few, ", "), more)
}

// publishedNames are the names that every domain should publish. PACC's is left out: few clients use it yet.
func publishedNames(s *domains.Snapshot) iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := range s.Covered() {
			if (strings.HasPrefix(name, settings.AutoconfigPrefix) || strings.HasPrefix(name, settings.AutodiscoverPrefix)) && !yield(name) {
				return
			}
		}
	}
}
