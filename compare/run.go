package compare

import (
	"context"
	"errors"
	"iter"
	"net/netip"
	"sync"

	"mailhint/choices"
	"mailhint/dnsrecords"
	"mailhint/resolver"
	"mailhint/settings"
)

// Target is a person of a domain, and the settings that this configuration has for them.
type Target struct {
	Who settings.Address
	// Found is zero if the configuration has no settings.
	Found settings.Found
}

// Run compares many domains.
type Run struct {
	Server *Server
	// Resolver finds the SRV records of the domains; nil to leave out what clients take from them.
	Resolver dnsrecords.Resolver
	Targets  iter.Seq[Target]
	// Parallel is how many domains are compared at a time; 0 means 1.
	Parallel int
}

// Compare compares the domains and passes each result to use, in the order of the domains. It ends with the first error of use, when ctx is
// done, or with ErrSilent if the old server does not answer. Only complete results are passed on.
func (r Run) Compare(ctx context.Context, use func(Result) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	pending := make(chan chan *Result, max(r.Parallel, 1)-1) // behind the one that is waited for, in order
	go func() {
		defer close(pending)
		var running sync.WaitGroup
		defer running.Wait()
		for target := range r.Targets {
			done := make(chan *Result, 1)
			select {
			case pending <- done:
			case <-ctx.Done():
				return
			}
			running.Go(func() {
				result, err := r.one(ctx, target)
				if err != nil {
					cancel(err)
				}
				done <- result
			})
		}
	}()
	seen := make(seenChanges)
	for done := range pending {
		result := <-done
		if result == nil || ctx.Err() != nil {
			continue
		}
		seen.mark(result)
		if err := use(*result); err != nil {
			cancel(err)
		}
	}
	return context.Cause(ctx)
}

// one compares one domain; the result is nil if there is an error.
func (r Run) one(ctx context.Context, t Target) (*Result, error) {
	old, err := r.Server.Ask(ctx, t.Who)
	if err != nil {
		return nil, err
	}
	if r.Resolver != nil {
		old.SRV, old.SRVErr = r.records(ctx, t.Who.Domain)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	old.found = t.Found
	if old.found.Settings == nil {
		old.found.Settings = &settings.Settings{}
	}
	named := t.Found.WithLoginNames(ctx, t.Who, netip.Addr{})
	result := Compare(old, Configured(named, t.Who, old.SRV, old.SRVErr), t.Who)
	return &result, nil
}

// records are the SRV records of a domain for mail servers.
func (r Run) records(ctx context.Context, d settings.Domain) (records []dnsrecords.Record, err error) {
	for _, name := range dnsrecords.SRVNames(d) {
		if !choices.IsOfMail(name) {
			continue
		}
		found, err := dnsrecords.PublishedSRV(ctx, r.Resolver, name)
		if err != nil && !errors.Is(err, resolver.ErrNone) {
			return nil, err
		}
		records = append(records, found...)
	}
	return records, nil
}
