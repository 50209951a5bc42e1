package compare

import (
	"context"
	"errors"
	"iter"

	"mailhint/domains"
	"mailhint/settings"
)

// Postmaster is the local part to ask for where no person is named: every domain has it (RFC 5321 section 4.5.1).
const Postmaster = "postmaster"

// NewTarget returns what a configuration has for a person. If only some networks get settings, it is those. Its error is that of the
// snapshot's Lookup, but it is none if the configuration has no settings: that is a result of the comparison.
func NewTarget(ctx context.Context, s *domains.Snapshot, who settings.Address) (Target, error) {
	found, err := s.Lookup(ctx, settings.Question{Address: who, Host: who.Domain})
	if errors.Is(err, settings.ErrNotForClient) {
		found, _, err = s.LookupForZone(ctx, who.Domain)
	}
	switch {
	case errors.Is(err, settings.ErrDomainNotFound), errors.Is(err, settings.ErrNotForClient):
		return Target{Who: who}, nil
	case err != nil:
		return Target{}, err
	}
	return Target{Who: who, Found: found}, nil
}

// AllTargets returns a target for every domain that a configuration has by name, and their number.
func AllTargets(ctx context.Context, s *domains.Snapshot) (iter.Seq[Target], int) {
	names := s.NamedDomains()
	return func(yield func(Target) bool) {
		for _, name := range names {
			target, err := NewTarget(ctx, s, settings.Address{Local: Postmaster, Domain: name})
			if err == nil && !yield(target) {
				return
			}
		}
	}, len(names)
}
