package certs

import (
	"iter"
	"time"
)

// Certificate is the state of one name, for an admin.
type Certificate struct {
	Name     string    `json:"name"`
	State    State     `json:"state"`
	CA       string    `json:"ca,omitempty"` // its name in the storage, such as acme-v02.api.letsencrypt.org-directory
	NotAfter time.Time `json:"not_after,omitzero"`
	RenewAt  time.Time `json:"renew_at,omitzero"`
	Failure  *Failure  `json:"failure,omitempty"`   // the last one, unless something good has followed
	DNSError string    `json:"dns_error,omitempty"` // why its DNS does not point to the server; only a Report looks that up

	notLookedUp bool // a Report has no place left in maxLookups
}

// State is the state of a name's certificate.
type State string

// The states, from good to bad.
const (
	Valid   State = "valid"
	Due     State = "due"     // valid, but due for renewal
	Missing State = "missing" // there is none
	Expired State = "expired"
	Unused  State = "unused" // there is one, but the name is no longer configured; only in a Report
)

// states are those of configured names.
var states = []State{Valid, Due, Missing, Expired}

// Account is the state of the account at a CA.
type Account struct {
	CA       string        `json:"ca"`                  // its name in the storage
	Orders   int           `json:"orders"`              // placed in the last hour
	PerHour  int           `json:"per_hour"`            // allowed in an hour
	NextFree time.Duration `json:"next_free,omitempty"` // until the next order is possible; 0 if it is now
	Fault    string        `json:"fault,omitempty"`     // why it gets no orders; empty if it does
	Until    time.Time     `json:"until,omitzero"`      // when it is tried again
}

// Status is a summary for health checks and metrics.
type Status struct {
	Names         map[State]int
	FirstExpiry   time.Time        // of the certificates that are allowed; zero if there is none
	Waiting       int              // names in the queue, or being ordered
	Loaded        int              // certificates in memory
	Orders        map[string]int64 // by result, since the start
	Accounts      []Account
	StorageError  string            // why nothing can be saved, and so nothing is ordered; empty if it can
	Held          map[string]string // names that are not ordered because their files or their lock cannot be used, and why
	Unsaved       int               // certificates that are served from memory because they cannot be saved
	Refused       map[string]int64  // handshakes of allowed names that got no certificate, by reason
	WildcardsFull bool              // as many names below wildcards have certificates as may
}

// Status returns the present state, from memory.
func (c *Certificates) Status() Status {
	s := Status{Names: make(map[State]int), Loaded: c.loaded.len(), Orders: make(map[string]int64), Refused: make(map[string]int64)}
	waiting, running := c.queue.lengths()
	s.Waiting = waiting + running
	for what := range c.results {
		s.Orders[outcome(what).String()] += c.results[what].Load()
	}
	now := c.clock.Now()
	for certificate := range c.all(now) {
		if certificate.State == Unused || certificate.State == Missing && !c.listed(certificate.Name) { // of those there is no end
			continue
		}
		s.Names[certificate.State]++
		if end := certificate.NotAfter; !end.IsZero() && (s.FirstExpiry.IsZero() || end.Before(s.FirstExpiry)) {
			s.FirstExpiry = end
		}
	}
	s.StorageError, s.Held, s.Unsaved = c.health.now(), c.health.held(), c.unsaved.len()
	for why := range c.refusals {
		s.Refused[reason(why).String()] = c.refusals[why].Load()
	}
	s.WildcardsFull = c.config.Listed != nil && c.unlisted.len() >= c.config.Unlisted
	for _, ca := range c.cas {
		s.Accounts = append(s.Accounts, ca.status(now))
	}
	return s
}

func (a *authority) status(now time.Time) Account {
	account := Account{CA: a.key, Orders: a.budget.used(now), PerHour: a.budget.perHour, NextFree: max(a.budget.wait(now), 0)}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.until.After(now) || a.unreached > 0 {
		account.Fault, account.Until = a.fault, a.until
	}
	return account
}

// all yields what is known of each name.
func (c *Certificates) all(now time.Time) iter.Seq[Certificate] {
	return func(yield func(Certificate) bool) {
		failed := c.failures.all()
		for name, e := range c.known.all() {
			certificate := Certificate{Name: name, CA: e.issuer, NotAfter: e.notAfter, RenewAt: e.renewAt, State: e.state(now)}
			if failure, ok := failed[name]; ok {
				certificate.Failure = &failure
				delete(failed, name)
			}
			if !c.allowed(name) {
				certificate.State, certificate.Failure = Unused, nil
			}
			if !yield(certificate) {
				return
			}
		}
		for name, failure := range failed {
			if c.allowed(name) && !yield(Certificate{Name: name, State: Missing, Failure: &failure}) {
				return
			}
		}
	}
}

func (e *entry) state(now time.Time) State {
	switch {
	case now.After(e.notAfter):
		return Expired
	case now.Before(e.renewAt):
		return Valid
	}
	return Due
}
