package dnsupdate

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"mailhint/dnsrecords"
)

// pool are records of the kinds that people have at the names that mailhint wants, and that mailhint wants.
func pool() (all []dnsrecords.Record) {
	for _, name := range []string{"autodiscover.example.com", "_imaps._tcp.example.com", "_imap._tcp.example.com", "_caldavs._tcp.example.com", "_ua-auto-config.example.com"} {
		for _, data := range []dnsrecords.Data{
			dnsrecords.Alias("setup.example.net"), dnsrecords.Alias("other.example"),
			dnsrecords.Address(netip.MustParseAddr("192.0.2.1")), dnsrecords.Address(netip.MustParseAddr("2001:db8::1")),
			dnsrecords.Service{Port: 993, Weight: 1, Target: "imap.example.com"}, dnsrecords.Service{Priority: 10, Weight: 1, Port: 993, Target: "imap.example.com"},
			dnsrecords.Service{}, dnsrecords.Service{Priority: 5, Port: 143, Target: "old.example.com"},
			dnsrecords.Text("path=/a"), dnsrecords.Text("path=/b"), dnsrecords.Text("v=spf1 -all"), dnsrecords.Text("v=UAAC1; a=sha256; d=A"), dnsrecords.Text("v=UAAC1; a=sha256; d=B"),
		} {
			all = append(all, dnsrecords.Record{Name: name, TTL: 60, Data: data})
		}
	}
	return all
}

// zone is a state that follows the rules of zones: nothing beside an alias, and no record twice.
type zone state

func (z zone) add(r rr) {
	name, t := dns.CanonicalName(r.Header().Name), r.Header().Rrtype
	sets := z[name]
	alias := sets[dns.TypeCNAME] != nil
	if alias != (t == dns.TypeCNAME) && len(sets) > 0 || slices.ContainsFunc(sets[t], func(other rr) bool { return dns.IsDuplicate(r, other) }) {
		return
	}
	if sets == nil {
		z[name] = make(map[uint16][]rr)
	}
	if t == dns.TypeCNAME {
		z[name][t] = nil
	}
	z[name][t] = append(z[name][t], r)
}

func (z zone) remove(r rr) {
	name, t := dns.CanonicalName(r.Header().Name), r.Header().Rrtype
	z[name][t] = slices.DeleteFunc(z[name][t], func(other rr) bool { return recordOf(r).Data == recordOf(other).Data })
	if len(z[name][t]) == 0 {
		delete(z[name], t)
	}
	if len(z[name]) == 0 {
		delete(z, name)
	}
}

func (z zone) has(r dnsrecords.Record) bool {
	return slices.ContainsFunc(z[dns.CanonicalName(r.Name)][dns.StringToType[r.Data.Type()]], func(other rr) bool { return recordOf(other).Data == r.Data })
}

// From any zone and for any wanted records, a plan changes only what it says and only groups that are wanted, removes nothing unless it may
// replace, leaves nothing to do for a second plan, and with replace leaves only what it never removes.
func TestPlansOfManyZones(t *testing.T) {
	t.Parallel()
	all := pool()
	changed, left, removed := 0, 0, 0
	for seed := range uint64(3000) {
		random := rand.New(rand.NewPCG(seed, 1))
		z := make(zone)
		wantZone := make(zone) // wanted records contradict each other no more than those of a zone
		for range random.IntN(12) {
			z.add(newRR(all[random.IntN(len(all))], 60))
		}
		var want []dnsrecords.Record
		for range 1 + random.IntN(6) {
			r := all[random.IntN(len(all))]
			if wantZone.add(newRR(r, 60)); wantZone.has(r) && !slices.Contains(want, r) && dnsrecords.IsOfInterest(r) &&
				(groupOf(r).kind == hostKind) == strings.HasPrefix(r.Name, "autodiscover") {
				want = append(want, r)
			}
		}
		want = slices.DeleteFunc(want, func(r dnsrecords.Record) bool { return !wantZone.has(r) })
		if len(dnsrecords.Compare(want, want)) > 0 { // such as a service that is offered and is not
			continue
		}
		replace := random.IntN(2) == 0
		notHere := func([]dnsrecords.Record) bool { return false }
		p := Plan{Wanted: dnsrecords.Wanted{Records: want}}
		p.decide(state(z), replace, notHere)
		if !replace && len(p.Remove) > 0 || len(p.updates) != p.Changes() {
			t.Fatalf("seed %d: removes %v, %d updates for %d changes", seed, p.Remove, len(p.updates), p.Changes())
		}
		changed, left, removed = changed+len(p.Add), left+len(p.Left), removed+len(p.Remove)
		for _, o := range p.Left {
			if replace && o.Replaceable {
				t.Fatalf("seed %d: %v was left and may be replaced", seed, o)
			}
		}
		for _, r := range p.updates {
			if !slices.ContainsFunc(want, func(w dnsrecords.Record) bool { return groupOf(w) == groupOf(recordOf(r)) }) {
				t.Fatalf("seed %d: %v is not planned", seed, r)
			}
			if r.Header().Class == dns.ClassNONE {
				z.remove(r)
			} else {
				z.add(r)
			}
		}
		for _, r := range p.Add {
			if !z.has(r) {
				t.Fatalf("seed %d: %v is not published: something is in its way", seed, r)
			}
		}
		again := Plan{Wanted: p.Wanted}
		again.decide(state(z), replace, notHere)
		if again.Changes() > 0 || len(again.Left) != len(p.Left) {
			t.Fatalf("seed %d, replace %v: a second plan adds %v, removes %v, leaves %v; the first added %v, removed %v, left %v", seed, replace,
				again.Add, again.Remove, again.Left, p.Add, p.Remove, p.Left)
		}
	}
	if changed < 1000 || left < 100 || removed < 100 {
		t.Errorf("%d records added, %d left and %d removed: too few to test anything", changed, left, removed)
	}
}
