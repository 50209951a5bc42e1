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

// gather asks everything that is to be known about a domain. The parts write to different fields of seen.
func (d *session) gather(ctx context.Context, domain Domain) *seen {
	s := &seen{Domain: domain, now: d.now(), server: d.Server, ours: d.Addresses, issuers: d.Issuers, here: d.local, wants: d.wantsAny}
	d.findOurs(ctx, s)
	s.want = wanted(domain.Found, d.Server, d.Addresses)
	together(
		func() { d.gatherNames(ctx, s) },
		func() { d.gatherRecords(ctx, s) },
		func() { d.gatherMail(ctx, s) },
		func() { d.gatherWeb(ctx, s) },
	)
	together(
		func() { d.gatherFronts(ctx, s) },
		func() { d.gatherLed(ctx, s) },
	)
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
func (d *session) findOurs(ctx context.Context, s *seen) {
	if len(s.ours) > 0 || d.Server == "" {
		return
	}
	a := d.names.host(ctx, d.Server)
	if s.oursErr = a.err; a.err == nil { // half of them would make the others look like somebody else's
		s.ours = a.addresses
	}
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

func (d *session) gatherNames(ctx context.Context, s *seen) {
	domain := string(s.Found.Domain)
	s.names, s.caa = make(map[string]name), make(map[string]caa)
	var mu sync.Mutex
	var asks []func()
	for _, label := range append([]string{""}, ourLabels...) {
		asks = append(asks, func() {
			var n name
			var c caa
			n.addresses, n.canonical, n.err = d.Resolver.Host(ctx, label+domain)
			if label != "" && len(n.addresses) > 0 && d.wants(CAAForbids) {
				c = d.caaOf(ctx, label+domain)
			}
			mu.Lock()
			defer mu.Unlock()
			s.names[label+domain], s.caa[label+domain] = n, c
		})
	}
	together(asks...)
	for _, label := range ourLabels {
		if n := s.names[label+domain]; s.ours != nil && len(s.foreign(n)) > 0 {
			s.wild.addresses, s.wild.canonical, s.wild.err = d.Resolver.Host(ctx, dnsrecords.UnusedName(domain))
			return
		}
	}
	s.wild.err = resolver.ErrNone
}

// caaOf climbs from a name to the nearest one with CAA records.
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

// maxFronts bounds at how many addresses of a name is asked.
const maxFronts = 4

// gatherFronts asks at the addresses of our names that are not this server's. What is in front of it, a proxy or a content network,
// has addresses of its own.
func (d *session) gatherFronts(ctx context.Context, s *seen) {
	s.fronts = make(map[string][]netip.Addr)
	if len(s.ours) == 0 || !s.asked && !d.wants(NameElsewhere) && !d.wants(WildcardHides) {
		return
	}
	var mu sync.Mutex
	var asks []func()
	for _, q := range []question{s.configQuestions()[0], s.poxQuestions()[0], s.paccQuestion()} {
		host := s.hostOf(q.place)
		foreign := s.foreign(s.names[host])
		for _, a := range foreign[:min(len(foreign), maxFronts)] {
			asks = append(asks, func() {
				there := q
				there.Address = a
				if !s.isOurs(d.ask(ctx, there)) {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				s.fronts[host] = append(s.fronts[host], a)
			})
		}
	}
	together(asks...)
}

// gatherLed asks for Autodiscover where an SRV record leads. Programs follow it last; it is worth a question where there is no name
// for what they ask first, and where it is not known that the target is this server.
func (d *session) gatherLed(ctx context.Context, s *seen) {
	target := s.autodiscoverTarget()
	last := s.asked && s.web[poxHost].Err != nil
	other := d.wants(WrongSRV) && s.server != "" && !s.isOurName(target)
	if target == "" || !last && !other {
		return
	}
	q := s.poxQuestions()[0]
	q.place, q.URL = poxSRV, "https://"+target+autodiscover.Path
	s.led, s.web[poxSRV] = target, d.ask(ctx, q)
}

// autodiscoverTarget is where the SRV record _autodiscover leads; empty if there is none.
func (s *seen) autodiscoverTarget() string {
	for _, r := range s.published {
		if service, ok := r.Data.(dnsrecords.Service); ok && service.Target != "" && strings.HasPrefix(r.Name, "_autodiscover.") {
			return service.Target
		}
	}
	return ""
}

// isOurName reports whether the SRV record _autodiscover is right to lead to a name.
func (s *seen) isOurName(target string) bool {
	return target != "" && (target == s.server || target == "autodiscover."+string(s.Found.Domain))
}

// gatherMail looks at the servers that the settings name.
func (d *session) gatherMail(ctx context.Context, s *seen) {
	if !d.wantsAny("MCD") || len(s.Servers) == 0 {
		return
	}
	s.addressed, s.looked = true, d.wantsAny("MC")
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
			h := d.hostOrLook(ctx, host, ports, s.looked)
			mu.Lock()
			defer mu.Unlock()
			s.hosts[host] = h
		})
	}
	together(asks...)
}

// hostOrLook returns what was seen of a mail server, or only whether it has addresses.
func (d *session) hostOrLook(ctx context.Context, host string, ports []probe.Port, look bool) probe.Host {
	if look {
		return d.looks.at(ctx, host, ports)
	}
	a := d.names.host(ctx, host)
	return probe.Host{Name: host, Addresses: a.addresses, Err: a.err}
}

// localAddresses are those of this machine; none if it does not tell.
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
