package domains

import (
	"context"
	"errors"

	"mailhint/settings"
)

// LookupForZone returns what the DNS records of a domain describe. Records are the same for everyone who asks, so a domain whose
// servers are for the networks of allow_plaintext only has records too: they are made of the settings for the first network that gets any,
// and limited is true. The error is that of Lookup.
func (s *Snapshot) LookupForZone(ctx context.Context, d settings.Domain) (found settings.Found, limited bool, err error) {
	found, err = s.Lookup(ctx, settings.Question{Host: d})
	if !errors.Is(err, settings.ErrNotForClient) {
		return found, false, err
	}
	entries, entriesErr := s.EntriesFor([]settings.Domain{d})
	if entriesErr != nil {
		return settings.Found{}, false, err
	}
	for _, e := range entries {
		for _, network := range e.Networks {
			if found, err := s.Lookup(ctx, settings.Question{Host: d, Client: network.Addr()}); err == nil {
				return found, true, nil
			}
		}
	}
	return settings.Found{}, false, err
}
