// Package resolver looks up the DNS records that mail clients find their servers with: addresses, aliases, MX, SRV, TXT and CAA records.
//
// It asks a recursive resolver, the system's or a given one, over UDP and again over TCP when an answer does not fit (RFC 7766). Its errors
// keep their causes, because an admin has to fix them in different places: a name without such a record, a resolver that does not answer,
// and one that answers SERVFAIL. See Error and the errors it wraps.
package resolver

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"mailhint/untrusted"
)

// Resolver asks name servers. Its methods may be called at the same time. Names are absolute, in A-labels, without the trailing dot.
type Resolver struct {
	// Timeout is how long one server may take over one question; New sets 3 seconds.
	Timeout time.Duration

	servers []string // "address:port", asked in turn
}

// New returns a resolver that asks the given servers in turn until one answers.
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

// MX is a mail exchanger.
type MX struct {
	Preference uint16
	Host       string // empty for ".", which says that the domain takes no mail (RFC 7505)
}

// SRV is where a service is offered (RFC 2782).
type SRV struct {
	Priority, Weight, Port uint16
	Target                 string // empty for ".", which says that the service is not offered
}

// CAA says who may issue certificates (RFC 8659). Characters that are not printable ASCII are replaced by question marks.
type CAA struct {
	Critical   bool
	Tag, Value string
}

// Host returns the addresses of a host, IPv4 first, and the name at the end of its aliases, which is the host itself if it has none. The
// error wraps ErrNone if there are no addresses of either family. If only one family could be looked up, as with a name server that fails
// for AAAA, it returns the addresses it found and an error that wraps ErrFailed.
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
	exists := false
	for i, answer := range answers {
		if errors.Is(failed[i], ErrFailed) {
			err = failed[i]
			continue
		}
		exists = exists || failed[i] == nil
		canonical = follow(name, answer.Answer)
		addresses = append(addresses, addressesIn(answer.Answer)...)
	}
	if len(addresses) == 0 && err == nil {
		err = &Error{name, ErrNoSuchName, nil}
		if exists {
			err = &Error{name, ErrNoData, nil}
		}
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

// SRV returns where a service is offered, the preferred places first.
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
// characters that are not printable ASCII are escaped.
func (r *Resolver) TXT(ctx context.Context, name string) ([]string, error) {
	return records(ctx, r, name, dns.TypeTXT, func(rr *dns.TXT) string { return strings.Join(rr.Txt, "") })
}

// CAA returns who may issue certificates for a name. It looks at this name only; RFC 8659 section 3 continues with its parents.
func (r *Resolver) CAA(ctx context.Context, name string) ([]CAA, error) {
	// The library escapes everything but CAA records.
	return records(ctx, r, name, dns.TypeCAA, func(rr *dns.CAA) CAA {
		return CAA{rr.Flag&128 != 0, untrusted.Printable(strings.ToLower(rr.Tag)), untrusted.Printable(rr.Value)}
	})
}

// records returns the records of one type in the answer.
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
		return nil, &Error{questionText(name, t), ErrNoData, nil}
	}
	return all, nil
}

// maxAliases limits how many aliases are followed; no resolver follows as many.
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
