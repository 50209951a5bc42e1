package doctor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"mailhint/dnsrecords"
	"mailhint/resolver"
)

// gatherRecords looks up the SRV and TXT records of a domain.
func (s *session) gatherRecords(ctx context.Context, o *observations) {
	var mu sync.Mutex
	o.unanswered = make(map[string]error)
	note := func(ask func(context.Context, dnsrecords.Resolver, string) ([]dnsrecords.Record, error), owner string) {
		records, err := ask(ctx, s.Resolver, owner)
		mu.Lock()
		defer mu.Unlock()
		if err != nil && !errors.Is(err, resolver.ErrNone) {
			o.unanswered[owner] = err
		}
		o.published = append(o.published, records...)
	}
	var asks []func()
	for _, name := range dnsrecords.SRVNames(o.Found.Domain) {
		asks = append(asks, func() { note(dnsrecords.PublishedSRV, name) })
	}
	for _, name := range dnsrecords.TXTNames(o.Found.Domain) {
		asks = append(asks, func() { note(dnsrecords.PublishedTXT, name) })
	}
	concurrently(asks...)
	slices.SortFunc(o.published, func(a, b dnsrecords.Record) int {
		return strings.Compare(a.Name+a.Data.Type()+a.Data.String(), b.Name+b.Data.Type()+b.Data.String())
	})
	s.gatherAliases(ctx, o)
}

// maxTargets limits how many targets of SRV records are looked up. A correct domain has a handful.
const maxTargets = 32

// gatherAliases finds out which targets of SRV records are aliases.
func (s *session) gatherAliases(ctx context.Context, o *observations) {
	o.aliases = make(map[string]string)
	var targets []string
	for _, r := range o.published {
		service, ok := r.Data.(dnsrecords.Service)
		if ok && service.Target != "" && len(targets) < maxTargets && !slices.Contains(targets, service.Target) {
			targets = append(targets, service.Target)
		}
	}
	var mu sync.Mutex
	var asks []func()
	for _, target := range targets {
		asks = append(asks, func() {
			a := s.names.alias(ctx, target)
			mu.Lock()
			defer mu.Unlock()
			if a.err == nil {
				o.aliases[target] = a.target
			}
		})
	}
	concurrently(asks...)
}
