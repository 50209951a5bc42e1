package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"mailhint/dnsrecords"
	"mailhint/resolver"
)

// srvLabels are the names of SRV records that programs look up.
var srvLabels = []string{
	"_autodiscover._tcp.", "_imaps._tcp.", "_imap._tcp.", "_pop3s._tcp.", "_pop3._tcp.", "_submissions._tcp.", "_submission._tcp.",
	"_sieve._tcp.", "_caldavs._tcp.", "_carddavs._tcp.", "_jmap._tcp.",
}

// maxRecords bounds how many records of one name are looked at.
const maxRecords = 16

// gatherRecords asks for the records that a domain has under the names of those that it should have.
func (d *Doctor) gatherRecords(ctx context.Context, s *seen) {
	domain := string(s.Found.Domain)
	var mu sync.Mutex
	s.unanswered = make(map[string]error)
	note := func(ask func(context.Context, string) ([]dnsrecords.Record, error), owner string) {
		records, err := ask(ctx, owner)
		mu.Lock()
		defer mu.Unlock()
		if err != nil && !errors.Is(err, resolver.ErrNone) {
			s.unanswered[owner] = err
		}
		s.published = append(s.published, records...)
	}
	var asks []func()
	for _, label := range srvLabels {
		asks = append(asks, func() { note(d.srv, label+domain) })
	}
	for _, label := range []string{"_ua-auto-config.", "_caldavs._tcp.", "_carddavs._tcp."} {
		asks = append(asks, func() { note(d.txt, label+domain) })
	}
	together(asks...)
	slices.SortFunc(s.published, func(a, b dnsrecords.Record) int {
		return strings.Compare(a.Name+a.Data.Type()+a.Data.String(), b.Name+b.Data.Type()+b.Data.String())
	})
	d.gatherAliases(ctx, s)
}

// maxTargets bounds how many targets of SRV records are looked at. A healthy domain has a handful.
const maxTargets = 32

// gatherAliases finds out which targets of SRV records are aliases.
func (d *Doctor) gatherAliases(ctx context.Context, s *seen) {
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
	together(asks...)
}

func (d *Doctor) srv(ctx context.Context, owner string) (records []dnsrecords.Record, err error) {
	answers, err := d.Resolver.SRV(ctx, owner)
	for _, a := range answers[:min(len(answers), maxRecords)] {
		records = append(records, dnsrecords.Record{Name: owner, Data: dnsrecords.Service(a)})
	}
	return records, err
}

func (d *Doctor) txt(ctx context.Context, owner string) (records []dnsrecords.Record, err error) {
	answers, err := d.Resolver.TXT(ctx, owner)
	answers = slices.DeleteFunc(answers, func(text string) bool { return !belongs(owner, text) })
	for _, a := range answers[:min(len(answers), maxRecords)] {
		records = append(records, dnsrecords.Record{Name: owner, Data: dnsrecords.Text(a)})
	}
	return records, err
}

// belongs reports whether a text is of the kind that programs look for at a name. Wildcard records and aliases put others there, such
// as those about who may send mail.
func belongs(owner, text string) bool {
	if strings.HasPrefix(owner, "_ua-auto-config.") {
		return strings.Contains(strings.ToUpper(text), "UAAC")
	}
	return strings.HasPrefix(strings.ToLower(text), "path=") // RFC 6764 section 4
}

// Differences compares what a domain publishes with what it should, as mailhint dns prints it, and says what could not be found out.
func (d *Doctor) Differences(ctx context.Context, want []dnsrecords.Record) ([]dnsrecords.Difference, error) {
	d.once.Do(d.prepare)
	var ours []netip.Addr
	if d.Server != "" && len(d.Addresses) == 0 {
		ours = d.names.host(ctx, d.Server).addresses
	}
	var published []dnsrecords.Record
	done := make(map[string]bool)
	for _, w := range want {
		if key := w.Name + w.Data.Type(); done[key] {
			continue
		} else {
			done[key] = true
		}
		records, err := d.published(ctx, w, ours)
		if err != nil && !errors.Is(err, resolver.ErrNone) {
			return nil, err
		}
		for _, r := range records {
			if !slices.ContainsFunc(published, func(p dnsrecords.Record) bool { return p.Name == r.Name && p.Data == r.Data }) {
				published = append(published, r)
			}
		}
	}
	all := dnsrecords.Compare(want, published)
	for i, extra := range all {
		all[i].Wild = extra.Extra && d.isWild(ctx, extra.Record, ours)
	}
	return all, nil
}

// isWild reports whether a name that nobody made beside that of a record has the same record. Beside it, because then the same
// wildcard stands in for both (RFC 4592 section 3.3.1).
func (d *Doctor) isWild(ctx context.Context, r dnsrecords.Record, ours []netip.Addr) bool {
	_, parent, _ := strings.Cut(r.Name, ".")
	beside := r
	beside.Name = nobodys(parent)
	if text, ok := r.Data.(dnsrecords.Text); ok {
		texts, err := d.Resolver.TXT(ctx, beside.Name)
		return err == nil && slices.Contains(texts, string(text))
	}
	records, err := d.published(ctx, beside, ours)
	return err == nil && slices.ContainsFunc(records, func(wild dnsrecords.Record) bool { return wild.Data == r.Data })
}

// nobodys is a name below a domain that nobody made.
func nobodys(domain string) string {
	return "mailhint-" + strings.ToLower(rand.Text()[:12]) + "." + domain
}

// published returns the records of a name that are of the kind of w. A name that leads to our server in another way, with addresses
// in place of an alias, is as good as w.
func (d *Doctor) published(ctx context.Context, w dnsrecords.Record, ours []netip.Addr) ([]dnsrecords.Record, error) {
	switch w.Data.(type) {
	case dnsrecords.Service:
		return d.srv(ctx, w.Name)
	case dnsrecords.Text:
		return d.txt(ctx, w.Name)
	}
	addresses, _, err := d.Resolver.Host(ctx, w.Name)
	target, aliasErr := d.Resolver.CNAME(ctx, w.Name)
	if errors.Is(aliasErr, resolver.ErrFailed) {
		return nil, fmt.Errorf("%s: %w", w.Name, aliasErr)
	}
	_, wantsAlias := w.Data.(dnsrecords.Alias)
	if wantsAlias && err == nil && len(ours) > 0 && !slices.ContainsFunc(addresses,
		func(a netip.Addr) bool { return !slices.Contains(ours, a) }) {
		return []dnsrecords.Record{w}, nil
	}
	if aliasErr == nil && (wantsAlias || err != nil) {
		return []dnsrecords.Record{{Name: w.Name, Data: dnsrecords.Alias(target)}}, nil
	}
	var records []dnsrecords.Record
	for _, a := range addresses {
		records = append(records, dnsrecords.Record{Name: w.Name, Data: dnsrecords.Address(a)})
	}
	return records, err
}
