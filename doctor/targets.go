package doctor

import (
	"context"
	"iter"

	"mailhint/domains"
	"mailhint/settings"
)

// Target returns what clients of a domain should get, according to the configuration. If only some networks get settings, it returns
// those. Its error is that of the snapshot's Lookup.
func Target(ctx context.Context, s *domains.Snapshot, name settings.Domain) (Domain, error) {
	found, limited, err := s.LookupForZone(ctx, name)
	return Domain{Found: found, Limited: limited}, err
}

// AllTargets returns the Targets of all domains that the configuration has by name, and their number.
func AllTargets(ctx context.Context, s *domains.Snapshot) (iter.Seq[Domain], int) {
	names := s.NamedDomains()
	return func(yield func(Domain) bool) {
		for _, name := range names {
			if target, err := Target(ctx, s, name); err == nil && !yield(target) {
				return
			}
		}
	}, len(names)
}

// NotNamed says, a line each, for which names there are settings besides the named domains.
func NotNamed(s *domains.Snapshot) []string {
	var lines []string
	for _, e := range s.Entries() {
		switch e.Kind {
		case domains.Wildcard:
			lines = append(lines, "names below *."+string(e.Names[0]))
		case domains.Fallback:
			lines = append(lines, "names that [fallback] covers")
		}
	}
	return lines
}
