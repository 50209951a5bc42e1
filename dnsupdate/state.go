package dnsupdate

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"mailhint/dnsrecords"
)

// state is what a name server has at the names of wanted records: by name, in lower case and with the trailing dot, and by type.
type state map[string]map[uint16][]rr

// content is the content of a record that no Data of dnsrecords describes.
type content struct{ kind, text string }

func (c content) Type() string   { return c.kind }
func (c content) String() string { return c.text }

// recordOf returns a record as dnsrecords describes it.
func recordOf(r rr) dnsrecords.Record {
	h := r.Header()
	record := dnsrecords.Record{Name: strings.ToLower(strings.TrimSuffix(h.Name, ".")), TTL: h.Ttl}
	name := func(s string) string { return strings.TrimSuffix(s, ".") }
	switch r := r.(type) {
	case *dns.A:
		if a, ok := netip.AddrFromSlice(r.A.To4()); ok {
			record.Data = dnsrecords.Address(a)
		}
	case *dns.AAAA:
		if a, ok := netip.AddrFromSlice(r.AAAA.To16()); ok {
			record.Data = dnsrecords.Address(a)
		}
	case *dns.CNAME:
		record.Data = dnsrecords.Alias(name(r.Target))
	case *dns.SRV:
		record.Data = dnsrecords.Service{Priority: r.Priority, Weight: r.Weight, Port: r.Port, Target: name(r.Target)}
	case *dns.TXT:
		record.Data = dnsrecords.Text(unescape(strings.Join(r.Txt, "")))
	}
	if record.Data == nil {
		record.Data = content{dns.Type(h.Rrtype).String(), strings.TrimPrefix(r.String(), h.String())}
	}
	return record
}

// unescape reverts the escapes with which the library spells character strings (RFC 1035 section 5.1).
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if octet := 0; i+2 < len(s) && isDigits(s[i:i+3]) {
			for _, digit := range s[i : i+3] {
				octet = octet*10 + int(digit-'0')
			}
			b.WriteByte(byte(octet))
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func isDigits(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// signatures are the types of records that a signed zone has everywhere, and that change nothing for others (RFC 4034, RFC 5155).
var signatures = []uint16{dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeSIG, dns.TypeNXT, dns.TypeOPT}

// read asks the name server for everything at the names of the wanted records that could be in their way.
func (s *session) read(ctx context.Context, want []dnsrecords.Record) (state, error) {
	found := make(state)
	reader := reader{session: s, beside: make(map[string]bool)}
	asked := make(map[string]bool)
	for _, w := range want {
		name := dns.CanonicalName(w.Name)
		for _, t := range questions(w.Data) {
			if question := fmt.Sprint(name, t); !asked[question] {
				asked[question] = true
				if err := reader.read(ctx, found, name, t); err != nil {
					return nil, fmt.Errorf("%s: %w", w.Name, err)
				}
			}
		}
	}
	return found, nil
}

// questions returns the types to ask for where a record is wanted. An alias is in every answer; it excludes records of any other type, of which
// the answer to ANY has those that the name server wants to name (RFC 8482).
func questions(d dnsrecords.Data) []uint16 {
	switch d.(type) {
	case dnsrecords.Alias:
		return []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeANY}
	case dnsrecords.Address:
		return []uint16{dns.TypeA, dns.TypeAAAA}
	}
	return []uint16{dns.StringToType[d.Type()]}
}

// reader reads records one name after the other.
type reader struct {
	*session
	beside map[string]bool // by parent and type: whether a name that does not exist there has an answer
}

// read adds to found what is at a name.
func (r reader) read(ctx context.Context, found state, name string, t uint16) error {
	answers, err := r.ask(ctx, name, t)
	if err != nil || len(answers) == 0 {
		return err
	}
	wildcard, err := r.hasWildcard(ctx, name, t)
	if err != nil {
		return err
	}
	byType := make(map[uint16][]rr)
	for _, a := range answers {
		byType[a.Header().Rrtype] = append(byType[a.Header().Rrtype], a)
	}
	for t, set := range byType {
		if _, known := found[name][t]; known {
			continue
		}
		if wildcard {
			if exists, err := r.exists(ctx, name, t); err != nil {
				return err
			} else if !exists {
				continue
			}
		}
		if found[name] == nil {
			found[name] = make(map[uint16][]rr)
		}
		found[name][t] = set
	}
	return nil
}

// ask returns the records at a name that are of a type, or aliases, each once.
func (s *session) ask(ctx context.Context, name string, t uint16) ([]rr, error) {
	m := new(dns.Msg)
	m.SetQuestion(name, t)
	m.RecursionDesired = false
	answer, err := s.exchange(ctx, m)
	if err != nil {
		return nil, err
	}
	switch {
	case answer.Rcode != dns.RcodeSuccess && answer.Rcode != dns.RcodeNameError:
		return nil, s.refusal(answer.Rcode)
	case !answer.Authoritative:
		return nil, fmt.Errorf("%w: %s is not authoritative for it; it is in another zone, or not in the zone %s", ErrRefused, s.place.Server, s.place.Name)
	}
	var records []rr
	for _, r := range answer.Answer {
		h := r.Header()
		hint, minimal := r.(*dns.HINFO)
		if minimal && hint.Cpu == "RFC8482" || !strings.EqualFold(h.Name, name) || slices.Contains(signatures, h.Rrtype) ||
			slices.ContainsFunc(records, func(other rr) bool { return dns.IsDuplicate(r, other) }) {
			continue
		}
		records = append(records, r)
	}
	return records, nil
}

// hasWildcard reports whether a name that does not exist beside this one has records of a type: a wildcard answers for it, and perhaps for
// this one too (RFC 4592).
func (r reader) hasWildcard(ctx context.Context, name string, t uint16) (bool, error) {
	_, parent, _ := strings.Cut(strings.TrimSuffix(name, "."), ".")
	key := fmt.Sprint(parent, t)
	has, known := r.beside[key]
	if known {
		return has, nil
	}
	answers, err := r.ask(ctx, dns.Fqdn(dnsrecords.UnusedName(parent)), t)
	r.beside[key] = len(answers) > 0
	return r.beside[key], err
}

// exists reports whether a name has records of a type itself. Only an update without changes can tell them from those of a wildcard: its
// prerequisites know no wildcards (RFC 2136 section 2.4).
func (s *session) exists(ctx context.Context, name string, t uint16) (bool, error) {
	m := new(dns.Msg)
	m.SetUpdate(s.zone)
	m.RRsetUsed([]rr{&dns.ANY{Hdr: dns.RR_Header{Name: name, Rrtype: t}}})
	answer, err := s.exchange(ctx, m)
	switch {
	case err != nil:
		return false, err
	case answer.Rcode == dns.RcodeSuccess:
		return true, nil
	case answer.Rcode == dns.RcodeNXRrset || answer.Rcode == dns.RcodeNameError:
		return false, nil
	}
	return false, s.refusal(answer.Rcode)
}
