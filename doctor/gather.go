package doctor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"

	"mailhint/autodiscover"
	"mailhint/dnsrecords"
	"mailhint/pacc"
	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/settings"
)

// gather asks everything about a domain. Its parts write to different fields of the observations.
func (d *session) gather(ctx context.Context, domain Domain) *observations {
	s := &observations{Domain: domain, now: d.now(), server: d.Server, ours: d.Addresses, issuers: d.Issuers, local: d.local, wants: d.wantsAny}
	d.findOurs(ctx, s)
	s.want = wanted(domain.Found, d.Server, d.Addresses)
	concurrently(
		func() { d.gatherNames(ctx, s) },
		func() { d.gatherRecords(ctx, s) },
		func() { d.gatherMail(ctx, s) },
		func() { d.gatherWeb(ctx, s) },
	)
	concurrently(
		func() { d.gatherProxies(ctx, s) },
		func() { d.gatherSRVTarget(ctx, s) },
	)
	return s
}

// concurrently runs functions concurrently, and returns when all have.
func concurrently(functions ...func()) {
	var all sync.WaitGroup
	for _, f := range functions {
		all.Go(f)
	}
	all.Wait()
}

// findOurs finds the addresses of the mailhint server.
func (d *session) findOurs(ctx context.Context, s *observations) {
	if len(s.ours) > 0 || d.Server == "" {
		return
	}
	a := d.names.host(ctx, d.Server)
	if s.oursErr = a.err; a.err == nil { // with some missing, they would seem to be another server's
		s.ours = a.addresses
	}
}

// wanted returns the records that a domain should publish, without those that need the server's name if it is unknown.
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

func (d *session) gatherNames(ctx context.Context, s *observations) {
	domain := string(s.Found.Domain)
	s.names, s.caa = make(map[string]name), make(map[string]caa)
	var mu sync.Mutex
	var asks []func()
	for _, prefix := range append([]string{""}, settings.ServicePrefixes()...) {
		asks = append(asks, func() {
			var n name
			var c caa
			n.addresses, n.canonical, n.err = d.Resolver.Host(ctx, prefix+domain)
			if prefix != "" && len(n.addresses) > 0 && d.wants(CAAForbids) {
				c = d.caaOf(ctx, prefix+domain)
			}
			mu.Lock()
			defer mu.Unlock()
			s.names[prefix+domain], s.caa[prefix+domain] = n, c
		})
	}
	concurrently(asks...)
	for _, prefix := range settings.ServicePrefixes() {
		if n := s.names[prefix+domain]; s.ours != nil && len(s.foreign(n)) > 0 {
			s.unused.addresses, s.unused.canonical, s.unused.err = d.Resolver.Host(ctx, dnsrecords.UnusedName(domain))
			return
		}
	}
	s.unused.err = resolver.ErrNone
}

// caaOf finds the nearest name, at or above host, with CAA records.
func (d *session) caaOf(ctx context.Context, host string) caa {
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

// maxProxies limits how many addresses of a name are asked.
const maxProxies = 4

// gatherProxies finds out which addresses of our names that are not this server's pass on its answers, as a proxy or a CDN does.
func (d *session) gatherProxies(ctx context.Context, s *observations) {
	s.proxies = make(map[string][]netip.Addr)
	if len(s.ours) == 0 || !s.askedWeb && !d.wants(NameElsewhere) && !d.wants(WildcardAnswers) {
		return
	}
	var mu sync.Mutex
	var asks []func()
	for _, q := range []question{s.configQuestions()[0], s.poxQuestions()[0], s.paccQuestion()} {
		host := s.hostOf(q.place)
		foreign := s.foreign(s.names[host])
		for _, a := range foreign[:min(len(foreign), maxProxies)] {
			asks = append(asks, func() {
				there := q
				there.Address = a
				if !s.isOurs(d.ask(ctx, there)) {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				s.proxies[host] = append(s.proxies[host], a)
			})
		}
	}
	concurrently(asks...)
}

// gatherSRVTarget asks for Autodiscover at the target of the SRV record. Clients try it last, so it is asked only if what they try first
// does not exist, or if the target may be another server.
func (d *session) gatherSRVTarget(ctx context.Context, s *observations) {
	target := s.autodiscoverTarget()
	last := s.askedWeb && s.web[poxHost].Err != nil
	other := d.wants(WrongSRV) && s.server != "" && !s.isOurName(target)
	if target == "" || !last && !other {
		return
	}
	q := s.poxQuestions()[0]
	q.place, q.URL = poxSRV, "https://"+target+autodiscover.Path
	s.srvTarget, s.web[poxSRV] = target, d.ask(ctx, q)
}

// autodiscoverTarget is the target of the SRV record _autodiscover; empty if there is none.
func (s *observations) autodiscoverTarget() string {
	for _, r := range s.published {
		if service, ok := r.Data.(dnsrecords.Service); ok && service.Target != "" && strings.HasPrefix(r.Name, "_autodiscover.") {
			return service.Target
		}
	}
	return ""
}

// isOurName reports whether a name is a correct target of the SRV record _autodiscover.
func (s *observations) isOurName(target string) bool {
	return target != "" && (target == s.server || target == autodiscover.Host(s.Found.Domain))
}

// gatherMail looks at the servers that the settings name.
func (d *session) gatherMail(ctx context.Context, s *observations) {
	if !d.wantsAny("MCD") || len(s.Servers) == 0 {
		return
	}
	s.resolvedMail, s.lookedAtMail = true, d.wantsAny("MC")
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
			h := d.hostOrLook(ctx, host, ports, s.lookedAtMail)
			mu.Lock()
			defer mu.Unlock()
			s.hosts[host] = h
		})
	}
	concurrently(asks...)
}

// hostOrLook looks at a mail server, or only looks up its addresses.
func (d *session) hostOrLook(ctx context.Context, host string, ports []probe.Port, look bool) probe.Host {
	if look {
		return d.looks.at(ctx, host, ports)
	}
	a := d.names.host(ctx, host)
	return probe.Host{Name: host, Addresses: a.addresses, Err: a.err}
}

// localAddresses are the addresses of this machine; none if the system does not say.
func localAddresses() []netip.Addr {
	networks, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var all []netip.Addr
	for _, n := range networks {
		if p, err := netip.ParsePrefix(n.String()); err == nil {
			all = append(all, p.Addr().Unmap())
		}
	}
	return all
}

func portOf(server settings.Server) probe.Port {
	return probe.Port{Protocol: server.Protocol, Number: server.Port, Security: server.Security}
}
