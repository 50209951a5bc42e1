// Package logins finds login names that cannot be made of the address: a person at ann@uni.example may log in as ab123. The names are in a file, a
// directory (LDAP) or a database (SQL), behind a Source; packages logins/file, logins/ldap and logins/sql have one each.
//
// Requests of mail programs wait for these names, and for nothing else outside of this process. So everything here is bounded: a request waits
// for Deadline at most, answers are kept for a while, requests for the same address share one question, a Source that fails is not asked for a
// while, and a client that asks about ever more addresses gets no names. In each of these cases the answer has the form of the login name that
// the configuration has for addresses that are not found, and is like the answer for an address that is not found in everything else, also in how
// long it takes: an answer never tells whether there is such an address, unless its login name does.
//
// Nothing here logs or counts anything about an address.
//
// Read logins.go first, then lookup.go (one look-up), cache.go, breaker.go and budget.go (its bounds), and report.go and metrics.go (what admins
// see).
package logins

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"mailhint/settings"
)

// Deadline is how long a request waits for login names in all.
const Deadline = 800 * time.Millisecond

// Source is where login names are found.
type Source interface {
	// Find returns the login names for an address. None means that the address is not known there, and several that it is not clear whose
	// login name is wanted. Text from outside is returned as it is, but not more of it than needed to see that it cannot be used. The error
	// says what is wrong, and contains nothing of the address and no secret; it wraps ErrUnclear if the Source works, and nothing can be said
	// about this address. Find may be called by several goroutines at once, and returns soon
	// after ctx is done.
	Find(ctx context.Context, q Question) ([]string, error)
	// Close releases what the Source holds. Find is not called afterwards, but calls that have begun may still be running.
	Close() error
}

// Question asks a Source for the login name of one person.
type Question struct {
	// Address is in lower case.
	Address settings.Address
	// Primary is the domain that the address's domain is an alias of, or that domain itself.
	Primary settings.Domain
}

// Changing is a Source whose content can change all at once, so that what was found before no longer counts.
type Changing interface {
	// Version differs after each change.
	Version() uint64
}

// Config is one look-up of a configuration.
type Config struct {
	Name string
	// Content identifies what Open depends on: a look-up with the same name and content is not opened again.
	Content string
	// Open opens the Source. It does not wait for one that is slow or away; its errors are mistakes in the configuration.
	Open func() (Source, error)
}

// Logins are the look-ups of the configuration that is served. Use New, then Use with each configuration.
type Logins struct {
	log    *slog.Logger
	budget budget

	mu      sync.Mutex
	current map[string]*lookup
}

// New returns Logins without look-ups.
func New(log *slog.Logger) *Logins {
	return &Logins{log: log, budget: newBudget(), current: make(map[string]*lookup)}
}

// Use returns what finds login names in the look-ups of a configuration. Those that were in the configuration before stay open, with what they
// know. Those that are no longer in it are closed. If one cannot be opened, nothing changes; the error is that of Open.
func (ls *Logins) Use(configs []Config) (settings.FindLoginNames, error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	next, added := make(map[string]*lookup), []*lookup{}
	for _, c := range configs {
		if before := ls.current[c.Name]; before != nil && before.content == c.Content {
			next[c.Name] = before
			continue
		}
		source, err := c.Open()
		if err != nil {
			for _, l := range added {
				l.close()
			}
			return nil, err
		}
		l := newLookup(c, source, &ls.budget, ls.log)
		next[c.Name], added = l, append(added, l)
	}
	for name, l := range ls.current {
		if next[name] != l {
			l.close()
		}
	}
	ls.current = next
	return finder(next).find, nil
}

// Close closes all look-ups. The functions that Use has returned still answer, as if nobody were known.
func (ls *Logins) Close() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.current {
		l.close()
	}
	ls.current = make(map[string]*lookup)
}

// lookups returns the look-ups in the order of their names.
func (ls *Logins) lookups() []*lookup {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	var list []*lookup
	for _, name := range slices.Sorted(maps.Keys(ls.current)) {
		list = append(list, ls.current[name])
	}
	return list
}

// finder finds login names in the look-ups of one configuration.
type finder map[string]*lookup

// find is a settings.FindLoginNames.
func (f finder) find(ctx context.Context, names []string, q settings.PersonQuestion) []string {
	ctx, cancel := context.WithTimeout(ctx, Deadline)
	defer cancel()
	questions := make([]*pending, len(names))
	for i, name := range names { // all are asked before the first is waited for
		if l := f[name]; l != nil {
			questions[i] = l.ask(q)
		}
	}
	found := make([]string, len(names))
	for i, p := range questions {
		if p != nil {
			found[i] = p.wait(ctx)
		}
	}
	return found
}
