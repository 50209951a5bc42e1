// Package resolver asks name servers for the records that lead mail programs to their servers: addresses, aliases, MX, SRV, TXT and
// CAA records.
//
// It asks a recursive resolver, the system's or a given one, over UDP and again over TCP when an answer does not fit (RFC 7766). It
// tells apart what an admin must mend in different places: a name without such a record, and name servers that do not answer.
package resolver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"mailhint/untrusted"
)

// ErrNone means that the name has no record of this type. The zone's name servers said so.
var ErrNone = errors.New("no such record")

// ErrFailed means that nobody knows: no resolver answered, or it could not find out. Ask again later, or another resolver.
var ErrFailed = errors.New("the question could not be answered")

// Resolver asks name servers. Its methods may be called at the same time. Names are absolute, in A-labels, without the trailing dot.
type Resolver struct {
	// Timeout is how long one server may take over one question; New sets 3 seconds.
	Timeout time.Duration

	servers []string // "address:port", asked in turn
}

// systemConfig names the system's resolvers.
const systemConfig = "/etc/resolv.conf"

// System returns a resolver that asks those of this machine.
func System() (*Resolver, error) {
	config, err := dns.ClientConfigFromFile(systemConfig)
	if err != nil {
		return nil, fmt.Errorf("this machine's resolvers are not known: %w; name one", err)
	}
	if len(config.Servers) == 0 {
		config.Servers = []string{"127.0.0.1"} // as resolv.conf(5) says
	}
	var servers []string
	for _, s := range config.Servers {
		servers = append(servers, net.JoinHostPort(s, config.Port))
	}
	return newResolver(servers), nil
}

// New returns a resolver that asks the given ones, in turn until one answers.
func New(servers ...netip.AddrPort) *Resolver {
	var texts []string
	for _, s := range servers {
		texts = append(texts, s.String())
	}
	return newResolver(texts)
}

func newResolver(servers []string) *Resolver {
	return &Resolver{Timeout: 3 * time.Second, servers: servers}
}

// ParseServer reads the address of a resolver as a person writes it: an IP address, with or without a port.
func ParseServer(s string) (netip.AddrPort, error) {
	bare := s
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		bare = s[1 : len(s)-1]
	}
	if a, err := netip.ParseAddr(bare); err == nil {
		return netip.AddrPortFrom(a, 53), nil
	}
	server, err := netip.ParseAddrPort(s)
	if err != nil || server.Port() == 0 {
		return netip.AddrPort{}, fmt.Errorf("%q is no address of a resolver; write it like 192.0.2.53 or [2001:db8::53]:5353", s)
	}
	return server, nil
}

// MX is a mail exchanger.
type MX struct {
	Preference uint16
	Host       string // empty for ".", which says that the domain takes no mail (RFC 7505)
}

// SRV is the place of a service (RFC 2782).
type SRV struct {
	Priority, Weight, Port uint16
	Target                 string // empty for ".", which says that the service is not offered
}

// CAA says who may issue certificates (RFC 8659). What is not printable ASCII stands as a question mark.
type CAA struct {
	Critical   bool
	Tag, Value string
}

// Host returns the addresses of a host, those of IPv4 first, and the name at the end of its aliases, which is the host itself if it is
// none. The error wraps ErrNone if there are none of either family. If only one family could be asked for, as where a name server fails
// for AAAA, it returns what there is and an error that wraps ErrFailed.
func (r *Resolver) Host(ctx context.Context, name string) (addresses []netip.Addr, canonical string, err error) {
	families := [...]uint16{dns.TypeA, dns.TypeAAAA}
	var answers [len(families)]*dns.Msg
	var failed [len(families)]error
	var both sync.WaitGroup
	for i, t := range families {
		both.Go(func() { answers[i], failed[i] = r.ask(ctx, name, t) })
	}
	both.Wait()
	canonical = name
	for i, answer := range answers {
		if errors.Is(failed[i], ErrFailed) {
			err = failed[i]
			continue
		}
		canonical = follow(name, answer.Answer)
		addresses = append(addresses, addressesIn(answer.Answer)...)
	}
	if len(addresses) == 0 && err == nil {
		err = fmt.Errorf("%s: %w", name, ErrNone)
	}
	return addresses, canonical, err
}

func addressesIn(answer []dns.RR) []netip.Addr {
	var addresses []netip.Addr
	for _, rr := range answer {
		var octets net.IP
		switch rr := rr.(type) {
		case *dns.A:
			octets = rr.A.To4()
		case *dns.AAAA:
			octets = rr.AAAA
		}
		if a, ok := netip.AddrFromSlice(octets); ok {
			addresses = append(addresses, a)
		}
	}
	return addresses
}

// CNAME returns the name that an alias stands for, one step only.
func (r *Resolver) CNAME(ctx context.Context, name string) (string, error) {
	all, err := records(ctx, r, name, dns.TypeCNAME, func(rr *dns.CNAME) string { return clean(rr.Target) })
	if err != nil {
		return "", err
	}
	return all[0], nil
}

// MX returns the mail exchangers of a domain, the preferred ones first.
func (r *Resolver) MX(ctx context.Context, name string) ([]MX, error) {
	all, err := records(ctx, r, name, dns.TypeMX, func(rr *dns.MX) MX { return MX{rr.Preference, clean(rr.Mx)} })
	slices.SortStableFunc(all, func(a, b MX) int {
		return cmp.Or(cmp.Compare(a.Preference, b.Preference), strings.Compare(a.Host, b.Host))
	})
	return all, err
}

// SRV returns the places of a service, the preferred ones first.
func (r *Resolver) SRV(ctx context.Context, name string) ([]SRV, error) {
	all, err := records(ctx, r, name, dns.TypeSRV, func(rr *dns.SRV) SRV {
		return SRV{rr.Priority, rr.Weight, rr.Port, clean(rr.Target)}
	})
	slices.SortStableFunc(all, func(a, b SRV) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(b.Weight, a.Weight), strings.Compare(a.Target, b.Target), cmp.Compare(a.Port, b.Port))
	})
	return all, err
}

// TXT returns the texts of a name, the character strings of each joined, as a zone file spells them: quotation marks, backslashes and
// whatever is not printable ASCII are escaped.
func (r *Resolver) TXT(ctx context.Context, name string) ([]string, error) {
	return records(ctx, r, name, dns.TypeTXT, func(rr *dns.TXT) string { return strings.Join(rr.Txt, "") })
}

// CAA returns who may issue certificates for a name. It looks at this name only; RFC 8659 section 3 goes on to its parents.
func (r *Resolver) CAA(ctx context.Context, name string) ([]CAA, error) {
	// The library escapes everything but CAA records.
	return records(ctx, r, name, dns.TypeCAA, func(rr *dns.CAA) CAA {
		return CAA{rr.Flag&128 != 0, untrusted.Printable(strings.ToLower(rr.Tag)), untrusted.Printable(rr.Value)}
	})
}

// records returns what the answer says about one type.
func records[R dns.RR, T any](ctx context.Context, r *Resolver, name string, t uint16, read func(R) T) ([]T, error) {
	answer, err := r.ask(ctx, name, t)
	if err != nil {
		return nil, err
	}
	var all []T
	for _, rr := range answer.Answer {
		if rr, ok := rr.(R); ok {
			all = append(all, read(rr))
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s %s: %w", name, dns.TypeToString[t], ErrNone)
	}
	return all, nil
}

// maxAliases is how many aliases are followed; no resolver follows as many.
const maxAliases = 32

// follow returns the name at the end of the aliases in an answer.
func follow(name string, answer []dns.RR) string {
	for range maxAliases {
		for _, rr := range answer {
			if alias, ok := rr.(*dns.CNAME); ok && strings.EqualFold(clean(alias.Hdr.Name), name) {
				name = clean(alias.Target)
				break
			}
		}
	}
	return name
}

// clean returns a name as the rest of the program writes it.
func clean(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
