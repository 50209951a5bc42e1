package dnsupdate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"mailhint/dnsrecords"
)

// decide fills in the changes that make what a name server has into what is wanted. It depends on nothing but its arguments.
//
// Whatever contradicts a wanted record, as dnsrecords.Compare finds it, is in the way of the wanted records of the same name and kind: together
// they would make clients choose at random, or could not be published at all. A CNAME is in the way of everything, and everything is in the
// way of a CNAME. An older digest of a PACC document is in nobody's way.
func (p *Plan) decide(has state, replace bool, pointsHere func([]dnsrecords.Record) bool) {
	published := has.relevant(p.Records, pointsHere)
	missing := slices.DeleteFunc(dnsrecords.Compare(p.Records, published), func(d dnsrecords.Difference) bool { return d.Extra })
	// What contradicts the wanted records once they are all published.
	extra := slices.DeleteFunc(dnsrecords.Compare(p.Records, slices.Concat(published, p.Records)), func(d dnsrecords.Difference) bool { return !d.Extra })
	p.Published = len(p.Records) - len(missing)
	done := make(map[group]bool)
	for _, w := range p.Records {
		g := groupOf(w)
		if done[g] {
			continue
		}
		done[g] = true
		in := func(list []dnsrecords.Difference) (all []dnsrecords.Record) {
			for _, d := range list {
				if groupOf(d.Record) == g {
					all = append(all, d.Record)
				}
			}
			return all
		}
		p.decideGroup(has, g, in(missing), in(extra), replace)
	}
}

// group is what the records have in common that clients use together: the name, and the type, or "host" for addresses and aliases.
type group struct{ name, kind string }

const hostKind = "host"

func groupOf(r dnsrecords.Record) group {
	g := group{dns.CanonicalName(r.Name), r.Data.Type()}
	switch r.Data.(type) {
	case dnsrecords.Address, dnsrecords.Alias:
		g.kind = hostKind
	}
	return g
}

// decideGroup decides about one group: the wanted records that are missing, and those in their way.
func (p *Plan) decideGroup(has state, g group, missing, extra []dnsrecords.Record, replace bool) {
	others := has.others(g, missing)
	switch {
	case len(missing)+len(extra) == 0:
		return
	case len(others) > 0 || len(extra) > 0 && !replace:
		for _, x := range extra {
			p.Left = append(p.Left, Obstacle{x, missing, len(others) == 0})
		}
		for _, x := range others {
			p.Left = append(p.Left, Obstacle{x, missing, false})
		}
		return
	}
	p.Remove, p.Add = append(p.Remove, extra...), append(p.Add, missing...)
	p.prerequisites = append(p.prerequisites, has.prerequisites(g)...)
	p.updates = append(p.updates, has.changes(g, missing, extra)...)
}

// relevant returns what a name server has that can be compared with the wanted records. A host name that leads to the mailhint server in
// another way has the wanted alias.
func (has state) relevant(want []dnsrecords.Record, pointsHere func([]dnsrecords.Record) bool) (all []dnsrecords.Record) {
	done := make(map[group]bool)
	for _, w := range want {
		g := groupOf(w)
		if done[g] {
			continue
		}
		done[g] = true
		var here []dnsrecords.Record
		for _, t := range g.types() {
			for _, r := range has[g.name][t] {
				if record := recordOf(r); dnsrecords.IsOfInterest(record) {
					here = append(here, record)
				}
			}
		}
		if _, alias := w.Data.(dnsrecords.Alias); alias && len(here) > 0 && pointsHere(here) {
			here = []dnsrecords.Record{w}
		}
		all = append(all, here...)
	}
	return all
}

// types returns the types of a group.
func (g group) types() []uint16 {
	if g.kind == hostKind {
		return []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeCNAME}
	}
	return []uint16{dns.StringToType[g.kind]}
}

// others returns the records of other groups that exclude the missing ones: an alias, or if an alias is missing all that there is.
func (has state) others(g group, missing []dnsrecords.Record) (all []dnsrecords.Record) {
	if len(missing) == 0 {
		return nil
	}
	_, alias := missing[0].Data.(dnsrecords.Alias)
	for t, set := range has[g.name] {
		if !slices.Contains(g.types(), t) && (alias || t == dns.TypeCNAME) {
			for _, r := range set {
				all = append(all, recordOf(r))
			}
		}
	}
	slices.SortFunc(all, func(a, b dnsrecords.Record) int {
		return strings.Compare(a.Data.Type()+a.Data.String(), b.Data.Type()+b.Data.String())
	})
	return all
}

// prerequisites say that a group is as the name server has said (RFC 2136 section 2.4).
func (has state) prerequisites(g group) []rr {
	m := new(dns.Msg)
	m.SetUpdate(g.name)
	if len(has[g.name]) == 0 && g.kind == hostKind {
		m.NameNotUsed([]rr{&dns.ANY{Hdr: dns.RR_Header{Name: g.name}}})
		return m.Answer
	}
	types := g.types()
	if g.kind != hostKind {
		types = append(types, dns.TypeCNAME)
	}
	for _, t := range types {
		set := has[g.name][t]
		for _, r := range set {
			m.Used([]rr{dns.Copy(r)})
		}
		if len(set) == 0 {
			m.RRsetNotUsed([]rr{&dns.ANY{Hdr: dns.RR_Header{Name: g.name, Rrtype: t}}})
		}
	}
	return m.Answer
}

// changes removes and adds records of a group. Records of one set have one time to live (RFC 2181 section 5.2): those added take that of the others.
func (has state) changes(g group, add, remove []dnsrecords.Record) []rr {
	m := new(dns.Msg)
	m.SetUpdate(g.name)
	removed := func(r rr) bool {
		return slices.ContainsFunc(remove, func(x dnsrecords.Record) bool { return recordOf(r).Data == x.Data })
	}
	for _, t := range g.types() {
		for _, r := range has[g.name][t] {
			if removed(r) {
				m.Remove([]rr{dns.Copy(r)})
			}
		}
	}
	for _, a := range add {
		ttl := a.TTL
		for _, r := range has[g.name][dns.StringToType[a.Data.Type()]] {
			if !removed(r) {
				ttl = r.Header().Ttl
			}
		}
		m.Insert([]rr{newRR(a, ttl)})
	}
	return m.Ns
}

// newRR returns a record as the library has it.
func newRR(r dnsrecords.Record, ttl uint32) rr {
	made, err := dns.NewRR(fmt.Sprintf("%s %d IN %s %s", dns.Fqdn(r.Name), ttl, r.Data.Type(), r.Data))
	if err != nil || made == nil {
		panic(fmt.Sprintf("dnsupdate: %s %s %s is not valid: %v", r.Name, r.Data.Type(), r.Data, err)) // dnsrecords spells records as zone files do
	}
	return made
}
