package doctor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"

	"mailhint/autodiscover"
	"mailhint/choices"
	"mailhint/dnsrecords"
	"mailhint/pacc"
	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/settings"
)

// gather asks everything about a domain. Its parts write to different fields of the observations.
func (s *session) gather(ctx context.Context, domain Domain) *observations {
	o := &observations{Domain: domain, now: s.now(), server: s.Server, ours: s.Addresses, issuers: s.Issuers, local: s.local, wants: s.wantsAny}
	s.findOurs(ctx, o)
	s.gatherLogins(ctx, o)
	o.want = wanted(domain.Found, s.Server, s.Addresses)
	concurrently(
		func() { s.gatherNames(ctx, o) },
		func() { s.gatherRecords(ctx, o) },
		func() { s.gatherMail(ctx, o) },
		func() { s.gatherOAuth(ctx, o) },
		func() { s.gatherWeb(ctx, o) },
	)
	concurrently(
		func() { s.gatherProxies(ctx, o) },
		func() { s.gatherSRVTarget(ctx, o) },
		func() { s.gatherWellKnown(ctx, o) },
	)
	return o
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
func (s *session) findOurs(ctx context.Context, o *observations) {
	if len(o.ours) > 0 || s.Server == "" {
		return
	}
	a := s.names.host(ctx, s.Server)
	if o.oursErr = a.err; a.err == nil { // with some missing, they would seem to be another server's
		o.ours = a.addresses
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

func (s *session) gatherNames(ctx context.Context, o *observations) {
	domain := string(o.Found.Domain)
	o.names, o.caa, o.challenges = make(map[string]name), make(map[string]caa), make(map[string]challenge)
	var mu sync.Mutex
	var asks []func()
	for _, prefix := range append([]string{""}, settings.ServicePrefixes()...) {
		asks = append(asks, func() {
			var n name
			var c caa
			var proof challenge
			n.addresses, n.canonical, n.err = s.Resolver.Host(ctx, prefix+domain)
			if prefix != "" && len(n.addresses) > 0 && s.wants(CAAForbids) {
				needed := s.certificateFor(prefix + domain)
				c = s.caaOf(ctx, needed.base)
				c.neededCertificate = needed
			}
			if prefix != "" && len(n.addresses) > 0 && s.wants(ChallengeAlias) {
				proof = s.challengeFor(ctx, s.certificateFor(prefix+domain))
			}
			mu.Lock()
			defer mu.Unlock()
			o.names[prefix+domain], o.caa[prefix+domain], o.challenges[prefix+domain] = n, c, proof
		})
	}
	concurrently(asks...)
	for _, prefix := range settings.ServicePrefixes() {
		if n := o.names[prefix+domain]; o.ours != nil && len(o.foreign(n)) > 0 {
			o.unused.addresses, o.unused.canonical, o.unused.err = s.Resolver.Host(ctx, dnsrecords.UnusedName(domain))
			return
		}
	}
	o.unused.err = resolver.ErrNone
}

// caaOf finds the nearest name, at or above host, with CAA records.
func (s *session) caaOf(ctx context.Context, host string) caa {
	for owner := host; ; {
		a := s.names.caa(ctx, owner)
		if a.err == nil || !errors.Is(a.err, resolver.ErrNone) {
			return caa{owner: owner, records: a.records, err: a.err}
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
func (s *session) gatherProxies(ctx context.Context, o *observations) {
	o.proxies = make(map[string][]netip.Addr)
	if len(o.ours) == 0 || !o.askedWeb && !s.wants(NameElsewhere) && !s.wants(WildcardAnswers) && !s.wants(ChallengeAlias) {
		return
	}
	var mu sync.Mutex
	var asks []func()
	for _, q := range []question{o.configQuestions()[0], o.poxQuestions()[0], o.paccQuestion()} {
		host := o.hostOf(q.place)
		foreign := o.foreign(o.names[host])
		for _, a := range foreign[:min(len(foreign), maxProxies)] {
			asks = append(asks, func() {
				there := q
				there.Address = a
				if !o.isOurs(s.ask(ctx, there)) {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				o.proxies[host] = append(o.proxies[host], a)
			})
		}
	}
	concurrently(asks...)
}

// gatherSRVTarget asks for Autodiscover at the target of the SRV record. Clients try it last, so it is asked only if what they try first
// does not exist, or if the target may be another server.
func (s *session) gatherSRVTarget(ctx context.Context, o *observations) {
	target := o.autodiscoverTarget()
	last := o.askedWeb && o.web[choices.POXHost].Err != nil
	other := s.wants(WrongSRV) && o.server != "" && !o.isOurName(target)
	if target == "" || !last && !other {
		return
	}
	q := o.poxQuestions()[0]
	q.place, q.URL = choices.POXSRV, "https://"+target+autodiscover.Path
	o.srvTarget, o.web[choices.POXSRV] = target, s.ask(ctx, q)
}

// gatherWellKnown asks the domain's web site for the services whose records are missing, as clients do.
func (s *session) gatherWellKnown(ctx context.Context, o *observations) {
	if !s.wants(ServiceHidden) {
		return
	}
	o.wellKnown = make(map[string]page)
	var mu sync.Mutex
	var asks []func()
	for _, h := range o.hiddenServices() {
		asks = append(asks, func() {
			request := probe.Request{URL: "https://" + string(o.Found.Domain) + h.path}
			p := s.ask(ctx, question{Request: request, final: true})
			mu.Lock()
			defer mu.Unlock()
			o.wellKnown[h.path] = p
		})
	}
	concurrently(asks...)
}

// autodiscoverTarget is the target of the SRV record _autodiscover; empty if there is none.
func (o *observations) autodiscoverTarget() string {
	for _, r := range o.published {
		if service, ok := r.Data.(dnsrecords.Service); ok && service.Target != "" && strings.HasPrefix(r.Name, "_autodiscover.") {
			return service.Target
		}
	}
	return ""
}

// isOurName reports whether a name is a correct target of the SRV record _autodiscover.
func (o *observations) isOurName(target string) bool {
	return target != "" && (target == o.server || target == autodiscover.Host(o.Found.Domain))
}

// gatherMail looks at the servers that the settings name.
func (s *session) gatherMail(ctx context.Context, o *observations) {
	if !s.wantsAny("MCD") || len(o.Servers) == 0 {
		return
	}
	o.resolvedMail, o.lookedAtMail = true, s.wantsAny("MC")
	ports := make(map[string][]probe.Port)
	for _, server := range o.Servers {
		host := o.host(server)
		ports[host] = append(ports[host], portOf(server))
	}
	o.hosts = make(map[string]probe.Host)
	var mu sync.Mutex
	var asks []func()
	for host, ports := range ports {
		asks = append(asks, func() {
			h := s.hostOrLook(ctx, host, ports, o.lookedAtMail)
			mu.Lock()
			defer mu.Unlock()
			o.hosts[host] = h
		})
	}
	concurrently(asks...)
}

// hostOrLook looks at a mail server, or only looks up its addresses.
func (s *session) hostOrLook(ctx context.Context, host string, ports []probe.Port, look bool) probe.Host {
	if look {
		return s.looks.at(ctx, host, ports)
	}
	a := s.names.host(ctx, host)
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
