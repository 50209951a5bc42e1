package certs

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"time"
)

// Certificate is what an admin may want to know of a name.
type Certificate struct {
	Name     string    `json:"name"`
	State    State     `json:"state"`
	CA       string    `json:"ca,omitempty"`
	NotAfter time.Time `json:"not_after,omitzero"`
	RenewAt  time.Time `json:"renew_at,omitzero"`
	Failure  *Failure  `json:"failure,omitempty"` // the last, if nothing good has come since
	Astray   string    `json:"astray,omitempty"`  // why its DNS does not lead to the server, for whoever has asked Astray
}

// State is how a name's certificate is.
type State string

// The states, from good to bad.
const (
	Valid   State = "valid"
	Due     State = "due"     // valid, but to be renewed
	Missing State = "missing" // there is none
	Expired State = "expired"
	Unused  State = "unused" // there is one, but the name is not configured any more; only List tells
)

// States are those of configured names.
var States = []State{Valid, Due, Missing, Expired}

// Account is how our account at a CA is.
type Account struct {
	CA       string        `json:"ca"`
	Orders   int           `json:"orders"`              // in the last hour
	PerHour  int           `json:"per_hour"`            // allowed
	NextFree time.Duration `json:"next_free,omitempty"` // until the next order is, if none is now
	Fault    string        `json:"fault,omitempty"`     // why it gets no orders, if it does not
	Until    time.Time     `json:"until,omitzero"`      // and how long
}

// Status is a summary for health checks and metrics.
type Status struct {
	Names         map[State]int
	FirstEnd      time.Time // of the certificates that are allowed; zero if there is none
	Waiting       int       // names in the queue, or being worked on
	Loaded        int       // certificates in memory
	Orders        map[string]int64
	Accounts      []Account
	StorageError  string // why nothing can be kept, and so nothing is ordered; empty if all is well
	WildcardsFull bool   // as many names below wildcards have certificates as may
}

// Status says how things are, from memory.
func (c *Certificates) Status() Status {
	s := Status{Names: make(map[State]int), Loaded: c.loaded.len(), Orders: make(map[string]int64)}
	waiting, running := c.queue.lengths()
	s.Waiting = waiting + running
	for what := range c.results {
		s.Orders[outcome(what).String()] += c.results[what].Load()
	}
	now := c.clock.Now()
	for certificate := range c.all(now) {
		if certificate.State == Unused {
			continue
		}
		s.Names[certificate.State]++
		if end := certificate.NotAfter; !end.IsZero() && (s.FirstEnd.IsZero() || end.Before(s.FirstEnd)) {
			s.FirstEnd = end
		}
	}
	_, s.StorageError = c.storing.pause(now)
	s.WildcardsFull = c.config.Listed != nil && c.unlisted.Load() >= int64(c.config.Unlisted)
	for _, ca := range c.cas {
		s.Accounts = append(s.Accounts, ca.account(now))
	}
	return s
}

func (a *authority) account(now time.Time) Account {
	account := Account{CA: a.key, Orders: a.budget.used(now), PerHour: a.budget.perHour, NextFree: max(a.budget.wait(now), 0)}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.until.After(now) || a.away > 0 {
		account.Fault, account.Until = a.fault, a.until
	}
	return account
}

// List reads the storage and returns all certificates and what has failed, by name, and the accounts. Of wanted, names that have
// neither are missing as well: their order waits, or their DNS does not lead here. It is for a process beside the one that serves.
func (c *Certificates) List(ctx context.Context, wanted iter.Seq[string]) ([]Certificate, []Account, error) {
	if err := c.scan(ctx); err != nil {
		return nil, nil, err
	}
	var accounts []Account
	now := c.clock.Now()
	for _, ca := range c.cas {
		if _, err := ca.budget.read(ctx, now); err != nil {
			return nil, nil, err
		}
		accounts = append(accounts, ca.account(now))
	}
	list := slices.Collect(c.all(now))
	there := make(map[string]bool, len(list))
	for _, certificate := range list {
		there[certificate.Name] = true
	}
	for name := range wanted {
		if !there[name] && c.allowed(name) {
			list = append(list, Certificate{Name: name, State: Missing})
		}
	}
	slices.SortFunc(list, func(a, b Certificate) int { return cmp.Compare(a.Name, b.Name) })
	return list, accounts, nil
}

// all yields what is known of each name.
func (c *Certificates) all(now time.Time) iter.Seq[Certificate] {
	return func(yield func(Certificate) bool) {
		failed := c.failures.all()
		for name, e := range c.entries() {
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

// Astray returns why a name's DNS does not lead to this server, or nil.
func (c *Certificates) Astray(ctx context.Context, name string) error { return c.pointsHere(ctx, name) }

// Get orders a certificate for a name now, whatever has failed before, unless there is one that need not be renewed yet. The
// CA's question is answered by the process that serves, through the storage; if none does, by this one.
func (c *Certificates) Get(ctx context.Context, name string) error { return c.obtain(ctx, name) }

// Has reports whether anything is stored about a name.
func (c *Certificates) Has(ctx context.Context, name string) bool {
	_, err := c.read(ctx, name)
	_, failed := c.failures.get(name)
	return isKey(name) && (failed || err == nil || errors.Is(err, errBroken))
}

// Remove deletes a name's certificate, and what is known of failures. A process that serves it notices within minutes.
func (c *Certificates) Remove(ctx context.Context, name string) error {
	if err := c.remove(ctx, name); err != nil {
		return err
	}
	c.failures.clear(ctx, name)
	return nil
}
