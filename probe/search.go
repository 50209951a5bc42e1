package probe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/publicsuffix"

	"mailhint/resolver"
	"mailhint/settings"
	"mailhint/untrusted"
)

// DNS looks up the records that point from a domain to its hosts: a *resolver.Resolver.
type DNS interface {
	MX(ctx context.Context, name string) ([]resolver.MX, error)
	SRV(ctx context.Context, name string) ([]resolver.SRV, error)
	TXT(ctx context.Context, name string) ([]string, error)
}

// A hostile zone decides how many records there are.
const (
	maxCandidates = 24
	maxRecords    = 4 // of one name and type
)

// search gathers the candidates of one domain.
type search struct {
	Search
	prober *Prober
	evidence

	srv     [][]resolver.SRV // for each of srvServices
	guessed []string         // the domains under which common names were tried
}

// records looks up what the domain itself says. The error wraps resolver.ErrFailed: without an answer nothing is known.
func (s *search) records(ctx context.Context) error {
	s.srv = make([][]resolver.SRV, len(srvServices))
	failed := make([]error, len(srvServices)+1)
	var all sync.WaitGroup
	all.Go(func() { s.mx, failed[len(srvServices)] = s.DNS.MX(ctx, string(s.Name)) })
	for i, service := range srvServices {
		all.Go(func() { s.srv[i], failed[i] = s.DNS.SRV(ctx, service.prefix+string(s.Name)) })
	}
	all.Wait()
	for i, err := range failed {
		switch {
		case err == nil || errors.Is(err, resolver.ErrNone):
		case i == len(srvServices):
			return printable(err)
		default: // some name servers fail for types that they do not know
			s.remark("the SRV record %s%s could not be looked up", srvServices[i].prefix, s.Name)
		}
	}
	return nil
}

func (s *search) remark(format string, values ...any) {
	s.remarks = append(s.remarks, fmt.Sprintf(format, values...))
}

// gather turns records and guesses into candidates.
func (s *search) gather(ctx context.Context) {
	s.declined = make(map[Port]bool)
	for i, service := range srvServices {
		for _, r := range s.srv[i][:min(len(s.srv[i]), maxRecords)] {
			if r.Target == "" {
				s.declined[service.port] = true
				continue
			}
			port := service.port
			port.Number = r.Port
			s.add(r.Target, FromSRV, port)
		}
	}
	if s.isHost = s.nameIsHost(ctx); s.isHost {
		s.add(string(s.Name), FromName, mailPorts...)
		return
	}
	s.guess(ctx, string(s.Name), FromCommonName)
	for _, mx := range s.mx[:min(len(s.mx), maxRecords)] {
		s.add(mx.Host, FromMX, mailPorts...)
		for _, parent := range parents(mx.Host) {
			s.guess(ctx, parent, FromProvidersName)
		}
	}
	if len(s.mx) == 0 {
		s.add(string(s.Name), FromName, mailPorts...)
	}
	for _, c := range s.candidates { // the other TLS mode of a server that is named for one
		for _, named := range c.Named {
			c.addPorts(portsOf(named.Protocol))
		}
	}
}

// nameIsHost reports whether the name is a host's: it is not a registered domain, has an address, and no record says that it receives mail.
func (s *search) nameIsHost(ctx context.Context) bool {
	if s.MailDomain || len(s.mx)+len(s.candidates)+len(s.declined) > 0 || registered(s.Name) == s.Name {
		return false
	}
	addresses, _, _ := s.prober.Resolver.Host(ctx, string(s.Name)) // an error shows again when the name is probed
	return len(addresses) > 0
}

// registered returns the domain that a name was registered under, or the name itself.
func registered(name settings.Domain) settings.Domain {
	above, err := publicsuffix.EffectiveTLDPlusOne(string(name))
	if err != nil {
		return name
	}
	return settings.Domain(above)
}

// parents returns the domains above a host that may have the common names: the next one, and the registered one.
func parents(host string) []string {
	above := string(registered(settings.Domain(host)))
	if above == host {
		return nil
	}
	if _, next, _ := strings.Cut(host, "."); next != above {
		return []string{next, above}
	}
	return []string{above}
}

// guess adds the common names under a domain. Where a wildcard gives every name an address, names with the same address say nothing.
func (s *search) guess(ctx context.Context, domain string, source Source) {
	if slices.Contains(s.guessed, domain) {
		return
	}
	s.guessed = append(s.guessed, domain)
	random := strings.ToLower(rand.Text())
	wildcard, _, _ := s.prober.Resolver.Host(ctx, random+"."+domain)
	if len(wildcard) > 0 {
		s.remark("a wildcard record gives every name under %s an address, so common names with that address were not tried", domain)
	}
	for _, n := range commonNames {
		if len(wildcard) > 0 && s.pointsInto(ctx, n.label+"."+domain, wildcard) {
			continue
		}
		var ports []Port
		for _, protocol := range n.protocols {
			ports = append(ports, portsOf(protocol)...)
		}
		s.add(n.label+"."+domain, source, ports...)
	}
}

// pointsInto reports whether all addresses of a host are among some.
func (s *search) pointsInto(ctx context.Context, host string, some []netip.Addr) bool {
	addresses, _, _ := s.prober.Resolver.Host(ctx, host)
	return !slices.ContainsFunc(addresses, func(a netip.Addr) bool { return !slices.Contains(some, a) })
}

// add adds a candidate, or another reason or port for one. Names come from DNS and may be anything.
func (s *search) add(host string, source Source, ports ...Port) {
	d, err := settings.ParseDomain(host)
	if err != nil {
		if host != "" {
			s.remark("%q is not a valid host name", untrusted.Clip(host, maxText))
		}
		return
	}
	i := slices.IndexFunc(s.candidates, func(c *Candidate) bool { return c.Host == string(d) })
	if i < 0 {
		if len(s.candidates) == maxCandidates {
			return
		}
		i = len(s.candidates)
		s.candidates = append(s.candidates, &Candidate{Host: string(d), Source: source})
	}
	c := s.candidates[i]
	c.Source = min(c.Source, source)
	c.addPorts(ports)
	if source == FromSRV {
		c.Named = append(c.Named, ports...)
	}
}
