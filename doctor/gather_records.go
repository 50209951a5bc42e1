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
func (d *session) gatherRecords(ctx context.Context, s *observations) {
	var mu sync.Mutex
	s.unanswered = make(map[string]error)
	note := func(ask func(context.Context, dnsrecords.Resolver, string) ([]dnsrecords.Record, error), owner string) {
		records, err := ask(ctx, d.Resolver, owner)
		mu.Lock()
		defer mu.Unlock()
		if err != nil && !errors.Is(err, resolver.ErrNone) {
			s.unanswered[owner] = err
		}
		s.published = append(s.published, records...)
	}
	var asks []func()
	for _, name := range dnsrecords.SRVNames(s.Found.Domain) {
		asks = append(asks, func() { note(dnsrecords.PublishedSRV, name) })
	}
	for _, name := range dnsrecords.TXTNames(s.Found.Domain) {
		asks = append(asks, func() { note(dnsrecords.PublishedTXT, name) })
	}
	concurrently(asks...)
	slices.SortFunc(s.published, func(a, b dnsrecords.Record) int {
		return strings.Compare(a.Name+a.Data.Type()+a.Data.String(), b.Name+b.Data.Type()+b.Data.String())
	})
	d.gatherAliases(ctx, s)
}

// maxTargets limits how many targets of SRV records are looked up. A correct domain has a handful.
const maxTargets = 32

// gatherAliases finds out which targets of SRV records are aliases.
func (d *session) gatherAliases(ctx context.Context, s *observations) {
	s.aliases = make(map[string]string)
	var targets []string
	for _, r := range s.published {
		service, ok := r.Data.(dnsrecords.Service)
		if ok && service.Target != "" && len(targets) < maxTargets && !slices.Contains(targets, service.Target) {
			targets = append(targets, service.Target)
		}
	}
	var mu sync.Mutex
	var asks []func()
	for _, target := range targets {
		asks = append(asks, func() {
			a := d.names.alias(ctx, target)
			mu.Lock()
			defer mu.Unlock()
			if a.err == nil {
				s.aliases[target] = a.target
			}
		})
	}
	concurrently(asks...)
}
