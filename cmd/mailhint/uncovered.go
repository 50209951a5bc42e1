package main

import (
	"fmt"
	"iter"
	"strings"

	"mailhint/domains"
	"mailhint/keypairs"
	"mailhint/server"
)

// uncovered says which names of the configured domains no certificate file covers; "" if all are covered, or need not be.
func uncovered(srv *server.Server, s *domains.Snapshot) string {
	few, count := srv.Uncovered(askedNames(s))
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
	return fmt.Sprintf("no certificate covers %s%s, so programs that ask there will refuse to; add the names to a certificate in cert, or write tls = \"acme\"",
		strings.Join(few, ", "), more)
}

// askedNames are the names that every domain should publish. PACC's is left out: few programs ask there yet.
func askedNames(s *domains.Snapshot) iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := range s.Covered() {
			if (strings.HasPrefix(name, "autoconfig.") || strings.HasPrefix(name, "autodiscover.")) && !yield(name) {
				return
			}
		}
	}
}
