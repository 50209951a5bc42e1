package certs

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
)

// ErrNotAllowed means that no certificate is ordered for a name. Configure it, or correct it.
var ErrNotAllowed = errors.New("no certificate is ordered for this name")

// ErrUnknown means that nothing is stored about a name. A Report has those that are.
var ErrUnknown = errors.New("there is no certificate for this name")

// Report is the state of all certificates and accounts, as the storage has it.
type Report struct {
	Certificates []Certificate `json:"certificates"` // by name
	Accounts     []Account     `json:"accounts"`
}

// maxLookups bounds how many names are looked up in DNS for a report.
const maxLookups = 30

// Report reads the storage and returns all certificates, what has failed, and the accounts. Names of wanted for which there is neither are
// missing: their order waits, or their DNS does not point here, which is looked up for the first 30 of them. It is for a process
// beside the one that serves.
func (c *Certificates) Report(ctx context.Context, wanted iter.Seq[string]) (Report, error) {
	var r Report
	if err := c.scan(ctx); err != nil {
		return r, err
	}
	now := c.clock.Now()
	for _, ca := range c.cas {
		if _, err := ca.budget.read(ctx, now); err != nil {
			return r, err
		}
		r.Accounts = append(r.Accounts, ca.status(now))
	}
	r.Certificates = slices.Collect(c.all(now))
	found := make(map[string]bool, len(r.Certificates))
	for _, certificate := range r.Certificates {
		found[certificate.Name] = true
	}
	for name := range wanted {
		name = c.certificateFor(name)
		if !found[name] && c.allowed(name) {
			found[name] = true
			r.Certificates = append(r.Certificates, Certificate{Name: name, State: Missing})
		}
	}
	slices.SortFunc(r.Certificates, func(a, b Certificate) int { return cmp.Compare(a.Name, b.Name) })
	c.explainMissing(ctx, r.Certificates)
	return r, nil
}

// explainMissing says of names without a certificate whether their DNS is the cause. The server knows, but does not store it.
func (c *Certificates) explainMissing(ctx context.Context, list []Certificate) {
	var lookups sync.WaitGroup
	n := 0
	for i := range list {
		one := &list[i]
		if one.State != Missing || one.Failure != nil {
			continue
		}
		if n++; n > maxLookups {
			one.notLookedUp = true
			continue
		}
		lookups.Go(func() {
			if _, err := c.ways(ctx, one.Name); err != nil {
				one.DNSError = clip(err)
			}
		})
	}
	lookups.Wait()
}

// Problems returns the certificates that an admin should look at: expired, not renewed at the first attempt, or missing. own is the
// server's own name. A missing certificate of another name is no problem if the name's DNS does not point to the server, or was not looked
// up, or while all orders of the hour are used: its order waits.
func (r Report) Problems(own string) []Certificate {
	spent := len(r.Accounts) > 0 && !slices.ContainsFunc(r.Accounts, func(a Account) bool { return a.NextFree == 0 })
	var problems []Certificate
	for _, c := range r.Certificates {
		waits := c.DNSError != "" && c.Name != own || c.notLookedUp || spent
		if c.State == Expired || c.Failure != nil || c.State == Missing && !waits {
			problems = append(problems, c)
		}
	}
	return problems
}

// Get orders the certificate that serves a name now, even if an order failed shortly before, unless there is one that need not be renewed yet. The
// CA's challenge is answered by the process that serves, through the storage, or by AnswerChallenges. The error is ErrNotAllowed
// if the name may not have one.
func (c *Certificates) Get(ctx context.Context, name string) error {
	if name = nameOf(name); !c.serves(name) {
		return ErrNotAllowed
	}
	return c.obtain(ctx, c.certificateFor(name))
}

// Remove deletes a name's certificate, and what is stored of failures. A process that serves it notices within minutes. The error is
// ErrUnknown if there is neither.
func (c *Certificates) Remove(ctx context.Context, name string) error {
	name = nameOf(name)
	_, err := c.read(ctx, name)
	_, failed := c.failures.get(name)
	if !isKey(name) || !failed && err != nil && !errors.Is(err, errDamaged) {
		return ErrUnknown
	}
	if err := c.remove(ctx, name); err != nil {
		return err
	}
	c.failures.clear(ctx, name)
	return nil
}
