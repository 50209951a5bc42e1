package doctor

import (
	"context"
	"errors"

	"mailhint/domains"
	"mailhint/settings"
)

var (
	// ErrNotServed means that there are no settings for a domain. The caller can say why.
	ErrNotServed = errors.New("there are no settings for this domain")
	// ErrDisabled means that the domain is configured with enabled = false.
	ErrDisabled = errors.New("it is disabled")
)

// Target returns what clients of a domain should get, according to the configuration. If only some networks get settings, it returns
// those. The error wraps ErrNotServed or ErrDisabled.
func Target(s *domains.Snapshot, name settings.Domain) (Domain, error) {
	if found, err := s.Lookup(context.Background(), settings.Question{Host: name}); err == nil {
		return Domain{Found: found}, nil
	}
	entries, err := s.EntriesFor([]settings.Domain{name})
	if err != nil {
		return Domain{}, ErrNotServed
	}
	for _, e := range entries {
		if e.Disabled {
			return Domain{}, ErrDisabled
		}
		for _, network := range e.Networks {
			if found, err := s.Lookup(context.Background(), settings.Question{Host: name, Client: network.Addr()}); err == nil {
				return Domain{Found: found, Limited: true}, nil
			}
		}
	}
	return Domain{}, ErrNotServed
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
