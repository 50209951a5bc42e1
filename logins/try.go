package logins

import (
	"context"
	"errors"
	"time"

	"mailhint/settings"
)

// ErrUnknown means that a Source does not know an address.
var ErrUnknown = errors.New("no such address there")

// ErrUnclear is wrapped by the errors that say why what a Source has for an address cannot be used.
var ErrUnclear = errors.New("unusable")

// tryFor is how long Try waits: long enough to measure a Source that is too slow for requests.
const tryFor = 10 * time.Second

// Try asks a Source once, for an admin, and returns the login name and how long it took. The error wraps ErrUnknown or ErrUnclear if the Source
// has answered.
func Try(ctx context.Context, source Source, q settings.PersonQuestion) (name string, took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	p, began := newPerson(q), time.Now()
	names, err := source.Find(ctx, Question{p.address, p.primary})
	took = time.Since(began)
	switch {
	case err != nil:
	case len(names) == 0:
		err = ErrUnknown
	default:
		name, err = choose(names)
	}
	return name, took, err
}
