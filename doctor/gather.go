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

	"mailhint/autodiscover"
	"mailhint/dnsrecords"
	"mailhint/pacc"
	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/settings"
)

// gather asks everything that is to be known about a domain. The parts write to different fields of seen.
func (d *Doctor) gather(ctx context.Context, domain Domain) *seen {
	s := &seen{Domain: domain, now: d.Now(), server: d.Server, ours: d.Addresses, issuers: d.Issuers}
	d.findOurs(ctx, s)
	s.want = wanted(domain.Found, d.Server, d.Addresses)
	together(
		func() { d.gatherNames(ctx, s) },
		func() { d.gatherRecords(ctx, s) },
		func() { d.gatherMail(ctx, s) },
		func() { d.gatherWeb(ctx, s) },
	)
	d.gatherLed(ctx, s)
	return s
}

// together runs functions at the same time.
func together(functions ...func()) {
	var all sync.WaitGroup
	for _, f := range functions {
		all.Go(f)
	}
	all.Wait()
}

// findOurs finds the addresses of the mailhint server.
func (d *Doctor) findOurs(ctx context.Context, s *seen) {
	if len(s.ours) > 0 || d.Server == "" {
		return
	}
	a := d.names.host(ctx, d.Server)
	s.ours, s.oursErr = a.addresses, a.err
}

// wanted returns the records that a domain should publish. Where the server's name is not known, those that need it are left out.
func wanted(found settings.Found, server string, addresses []netip.Addr) []dnsrecords.Record {
	o := dnsrecords.Options{Server: server, Addresses: addresses, TTL: 3600}
	if document, err := pacc.Answer(found); err == nil {
		o.PACC = pacc.Record(document)
	}
	records, err := dnsrecords.For(found, o)
	if err != nil {
		return dnsrecords.Services(found, o.TTL)
	}
	return records
}

// ourLabels are the names below a domain that lead to the mailhint server.
var ourLabels = []string{"autoconfig.", "autodiscover.", "ua-auto-config."}

func (d *Doctor) gatherNames(ctx context.Context, s *seen) {
	domain := string(s.Found.Domain)
	s.names, s.caa = make(map[string]name), make(map[string]caa)
	var mu sync.Mutex
	var asks []func()
	for _, label := range append([]string{""}, ourLabels...) {
		asks = append(asks, func() {
			var n name
			var c caa
			n.addresses, n.canonical, n.err = d.Resolver.Host(ctx, label+domain)
			if label != "" && n.err == nil && d.wants(CAAForbids) {
				c = d.caaOf(ctx, label+domain)
			}
			mu.Lock()
			defer mu.Unlock()
			s.names[label+domain], s.caa[label+domain] = n, c
		})
	}
	together(asks...)
	for _, label := range ourLabels {
		if n := s.names[label+domain]; n.err == nil && !s.leadsHere(n) && s.ours != nil {
			s.wild.addresses, s.wild.canonical, s.wild.err = d.Resolver.Host(ctx, "mailhint-"+strings.ToLower(rand.Text()[:12])+"."+domain)
			return
		}
	}
	s.wild.err = resolver.ErrNone
}

// caaOf climbs from a name to the nearest one with CAA records.
func (d *Doctor) caaOf(ctx context.Context, host string) caa {
	for owner := host; ; {
		a := d.names.caa(ctx, owner)
		if a.err == nil || !errors.Is(a.err, resolver.ErrNone) {
			return caa{owner, a.records, a.err}
		}
		_, parent, ok := strings.Cut(owner, ".")
		if !ok {
			return caa{owner: host}
		}
		owner = parent
	}
}

// gatherLed asks for Autodiscover where an SRV record leads. Programs follow it last; it is worth a question where there is no name
// for what they ask first.
func (d *Doctor) gatherLed(ctx context.Context, s *seen) {
	if !s.asked || s.web[poxHost].Err == nil {
		return
	}
	for _, r := range s.published {
		service, ok := r.Data.(dnsrecords.Service)
		if !ok || service.Target == "" || !strings.HasPrefix(r.Name, "_autodiscover.") {
			continue
		}
		for _, q := range s.poxQuestions() {
			if q.place == poxHost {
				q.URL = "https://" + service.Target + autodiscover.Path
				s.web[poxSRV] = d.ask(ctx, q)
			}
		}
		return
	}
}

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
	s.aliases = make(map[string]string)
	for _, r := range s.published {
		service, ok := r.Data.(dnsrecords.Service)
		if !ok || service.Target == "" {
			continue
		}
		if a := d.names.alias(ctx, service.Target); a.err == nil {
			s.aliases[service.Target] = a.target
		}
	}
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
	for _, a := range answers[:min(len(answers), maxRecords)] {
		records = append(records, dnsrecords.Record{Name: owner, Data: dnsrecords.Text(a)})
	}
	return records, err
}

// gatherMail looks at the servers that the settings name.
func (d *Doctor) gatherMail(ctx context.Context, s *seen) {
	if !d.wantsAny("MCD") || len(s.Servers) == 0 {
		return
	}
	s.addressed = true
	ports := make(map[string][]probe.Port)
	for _, server := range s.Servers {
		host := s.host(server)
		ports[host] = append(ports[host], portOf(server))
	}
	s.hosts = make(map[string]probe.Host)
	var mu sync.Mutex
	var asks []func()
	for host, ports := range ports {
		asks = append(asks, func() {
			h := d.looks.at(ctx, host, ports)
			mu.Lock()
			defer mu.Unlock()
			s.hosts[host] = h
		})
	}
	together(asks...)
}

func portOf(server settings.Server) probe.Port {
	return probe.Port{Protocol: server.Protocol, Number: server.Port, Security: server.Security}
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
	return dnsrecords.Compare(want, published), nil
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
	if wantsAlias && err == nil && len(ours) > 0 && !slices.ContainsFunc(addresses, func(a netip.Addr) bool { return !slices.Contains(ours, a) }) {
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
