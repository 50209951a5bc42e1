package domains

import (
	"fmt"
	"strings"

	"mailhint/settings"
	"mailhint/spelling"
)

// Unanswered says why a name gets no answer, and what to do about it.
func (s *Snapshot) Unanswered(d settings.Domain) error {
	entries, _ := s.EntriesFor([]settings.Domain{d}) // an error says that there is none
	for _, e := range entries {
		switch {
		case e.Disabled:
			return fmt.Errorf("%s is disabled; remove enabled = false", d)
		case len(e.Networks) > 0:
			return fmt.Errorf("%s has only servers without encryption, for clients in the networks of its allow_plaintext", d)
		}
	}
	if similar := s.similar(d); similar != "" {
		return fmt.Errorf("%s is not configured; did you mean %q? If not, %s", d, string(similar), addTable(d))
	}
	return fmt.Errorf("%s is not configured; %s", d, addTable(d))
}

// similar returns a configured domain that differs from a name by one letter, or after the first dot; "" if there is none.
func (s *Snapshot) similar(d settings.Domain) settings.Domain {
	label, _, _ := strings.Cut(string(d), ".")
	var sister settings.Domain
	for _, name := range s.NamedDomains() {
		if spelling.Distance(string(d), string(name), 1) <= 1 {
			return name
		}
		if other, _, _ := strings.Cut(string(name), "."); other == label && sister == "" {
			sister = name
		}
	}
	return sister
}

// notConfigured is the error for a name that has no entry and that the fallback does not answer for.
func (x *index) notConfigured(d settings.Domain) error {
	if mx := x.FallbackMX(); mx != nil {
		return fmt.Errorf("%s is not configured, and the fallback answers only for domains whose MX is %s; %s", d, alternatives(mx), addTable(d))
	}
	return fmt.Errorf("%s is not configured; %s", d, addTable(d))
}

func addTable(d settings.Domain) string { return fmt.Sprintf("add a table [domains.%q]", string(d)) }
