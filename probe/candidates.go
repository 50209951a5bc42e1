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

// Source says why a host may be a domain's mail server, the best reason first.
type Source uint8

const (
	FromSRV     Source = iota + 1 // an SRV record of the domain names it (RFC 6186, RFC 8314)
	FromUsual                     // it is a usual name of the domain, such as imap.example.com
	FromMX                        // it takes the domain's mail
	FromMXUsual                   // it is a usual name of the provider that takes the domain's mail
	FromName                      // it is the name itself that was asked about
)

var sourceTexts = map[Source]string{
	FromSRV: "named by an SRV record", FromUsual: "a usual name", FromMX: "takes the domain's mail",
	FromMXUsual: "a usual name of the provider that takes the domain's mail", FromName: "the name itself",
}

// String says the reason in a few words.
func (s Source) String() string { return sourceTexts[s] }

// Candidate is a host that may be a mail server of a domain.
type Candidate struct {
	Host   string
	Source Source // the best reason
	Ports  []Port // those to look at
	// Named are those of Ports that SRV records name.
	Named []Port
}

// DNS answers what leads from a domain to its hosts: a *resolver.Resolver.
type DNS interface {
	MX(ctx context.Context, name string) ([]resolver.MX, error)
	SRV(ctx context.Context, name string) ([]resolver.SRV, error)
	TXT(ctx context.Context, name string) ([]string, error)
}

const (
	maxCandidates = 24
	maxRecords    = 4 // of one name and type: who follows more does what a hostile zone wants
)

// services are the SRV records that name mail servers, with the usual port of each.
var services = []struct {
	name string
	port Port
}{
	{"_imaps._tcp.", Ports[0]}, {"_imap._tcp.", Ports[1]}, {"_pop3s._tcp.", Ports[2]}, {"_pop3._tcp.", Ports[3]},
	{"_submissions._tcp.", Ports[4]}, {"_submission._tcp.", Ports[5]}, {"_sieve._tcp.", Ports[6]},
}

// usual are the names that servers usually have, in the order in which they are preferred, and what each is for.
var usual = []struct {
	label     string
	protocols []settings.Protocol
}{
	{"imap", []settings.Protocol{settings.IMAP, settings.ManageSieve}},
	{"smtp", []settings.Protocol{settings.Submission}},
	{"submission", []settings.Protocol{settings.Submission}},
	{"pop", []settings.Protocol{settings.POP3}},
	{"pop3", []settings.Protocol{settings.POP3}},
	{"mail", []settings.Protocol{settings.IMAP, settings.POP3, settings.Submission, settings.ManageSieve}},
}

// search gathers the candidates of one domain.
type search struct {
	Search
	prober *Prober

	mx         []resolver.MX
	targets    [][]resolver.SRV // for each of services
	declined   map[Port]bool    // a record says that it is not offered
	host       bool             // the name is a host's
	guessed    []string         // the domains under which usual names were tried
	candidates []*Candidate
	remarks    []string
}

// records asks for what the domain itself says. The error wraps resolver.ErrFailed: without an answer nothing can be said.
func (s *search) records(ctx context.Context) error {
	s.targets = make([][]resolver.SRV, len(services))
	failed := make([]error, len(services)+1)
	var all sync.WaitGroup
	all.Go(func() { s.mx, failed[len(services)] = s.DNS.MX(ctx, string(s.Name)) })
	for i, service := range services {
		all.Go(func() { s.targets[i], failed[i] = s.DNS.SRV(ctx, service.name+string(s.Name)) })
	}
	all.Wait()
	for i, err := range failed {
		switch {
		case err == nil || errors.Is(err, resolver.ErrNone):
		case i == len(services):
			return printable(err)
		default: // some name servers fail for types that they do not know
			s.remark("the SRV record %s%s could not be asked for", services[i].name, s.Name)
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
	for i, service := range services {
		for _, r := range s.targets[i][:min(len(s.targets[i]), maxRecords)] {
			if r.Target == "" {
				s.declined[service.port] = true
				continue
			}
			port := service.port
			port.Number = r.Port
			s.add(r.Target, FromSRV, port)
		}
	}
	if s.host = s.isHost(ctx); s.host {
		s.add(string(s.Name), FromName, Ports...)
		return
	}
	s.guess(ctx, string(s.Name), FromUsual)
	for _, mx := range s.mx[:min(len(s.mx), maxRecords)] {
		s.add(mx.Host, FromMX, Ports...)
		for _, parent := range parents(mx.Host) {
			s.guess(ctx, parent, FromMXUsual)
		}
	}
	if len(s.mx) == 0 {
		s.add(string(s.Name), FromName, Ports...)
	}
	for _, c := range s.candidates { // the other TLS mode of a server that is named for one
		for _, named := range c.Named {
			c.addPorts(portsOf(named.Protocol))
		}
	}
}

// isHost reports whether the name is a host's: nothing says that it gets mail, it has an address, and it is not registered on its own.
func (s *search) isHost(ctx context.Context) bool {
	if s.MailDomain || len(s.mx)+len(s.candidates)+len(s.declined) > 0 || registered(s.Name) == s.Name {
		return false
	}
	addresses, _, _ := s.prober.Resolver.Host(ctx, string(s.Name)) // without one it is looked at all the same, and the error met again
	return len(addresses) > 0
}

// registered is the domain that a name was registered under, or the name itself.
func registered(name settings.Domain) settings.Domain {
	above, err := publicsuffix.EffectiveTLDPlusOne(string(name))
	if err != nil {
		return name
	}
	return settings.Domain(above)
}

// guess adds the usual names under a domain. Where every name has an address, those that have the same say nothing.
func (s *search) guess(ctx context.Context, domain string, source Source) {
	if slices.Contains(s.guessed, domain) {
		return
	}
	s.guessed = append(s.guessed, domain)
	random := strings.ToLower(rand.Text())
	anyName, _, _ := s.prober.Resolver.Host(ctx, random+"."+domain)
	if len(anyName) > 0 {
		s.remark("every name under %s has an address, so usual names there with the same were not tried", domain)
	}
	for _, u := range usual {
		if len(anyName) > 0 && s.leadsTo(ctx, u.label+"."+domain, anyName) {
			continue
		}
		var ports []Port
		for _, protocol := range u.protocols {
			ports = append(ports, portsOf(protocol)...)
		}
		s.add(u.label+"."+domain, source, ports...)
	}
}

// leadsTo reports whether all addresses of a host are among some.
func (s *search) leadsTo(ctx context.Context, host string, some []netip.Addr) bool {
	addresses, _, _ := s.prober.Resolver.Host(ctx, host)
	return !slices.ContainsFunc(addresses, func(a netip.Addr) bool { return !slices.Contains(some, a) })
}

// add notes a candidate, or another reason or port for one. Names come from DNS and may be anything.
func (s *search) add(host string, source Source, ports ...Port) {
	d, err := settings.ParseDomain(host)
	if err != nil {
		if host != "" {
			s.remark("%q is no host name that mail programs can use", untrusted.Clip(host, maxText))
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

func (c *Candidate) addPorts(ports []Port) {
	for _, p := range ports {
		if !slices.ContainsFunc(c.Ports, func(old Port) bool { return old.same(p) }) {
			c.Ports = append(c.Ports, p)
		}
	}
}

// named reports whether an SRV record names a port.
func (c *Candidate) named(p Port) bool {
	return slices.ContainsFunc(c.Named, func(n Port) bool { return n.same(p) })
}

func portsOf(p settings.Protocol) []Port {
	var ports []Port
	for _, port := range Ports {
		if port.Protocol == p {
			ports = append(ports, port)
		}
	}
	return ports
}

// parents are the domains above a host that may have the usual names: the next one, and the registered one.
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
