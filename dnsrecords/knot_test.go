package dnsrecords_test

import (
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"mailhint/dnsrecords"
	"mailhint/dnsupdate/knottest"
)

// TestZone loads the zone format into a real name server and looks up each record.
func TestZone(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			var zones []knottest.Zone
			var all []dnsrecords.Record
			for _, p := range published {
				records := recordsFor(t, p.domain, v.options)
				if p.domain == "example.com" {
					records = append(records, hostile...)
				}
				text, err := dnsrecords.Print("zone", p.zone, records)
				if err != nil {
					t.Fatal(err)
				}
				zones = append(zones, knottest.Zone{Name: string(p.zone), Records: string(text)})
				all = append(all, records...)
			}
			k := startKnot(t, zones)
			k.hasExactly(t, zones, all)
		})
	}
}

// TestNsupdate sends the nsupdate format with the real nsupdate: to an empty zone, a second time, and from one variant to another.
func TestNsupdate(t *testing.T) {
	if _, err := exec.LookPath("nsupdate"); err != nil {
		t.Skip("nsupdate is not installed; it is in Debian's package bind9-dnsutils")
	}
	t.Parallel()
	var zones []knottest.Zone
	for _, p := range published {
		zones = append(zones, knottest.Zone{Name: string(p.zone)})
	}
	k := startKnot(t, zones)
	for _, v := range []int{0, 0, 1, 0} { // names, again, addresses, names
		var all []dnsrecords.Record
		for _, p := range published {
			records := recordsFor(t, p.domain, variants[v].options)
			if p.domain == "example.com" {
				records = append(records, hostile...)
			}
			text, err := dnsrecords.Print("nsupdate", p.zone, records)
			if err != nil {
				t.Fatal(err)
			}
			k.update(t, string(text))
			all = append(all, records...)
		}
		k.hasExactly(t, zones, all)
	}
}

// knot is a running Knot DNS, and a file with a key that may update its zones.
type knot struct {
	*knottest.Server
	key string
}

// startKnot runs Knot DNS with zones until the test ends.
func startKnot(t *testing.T, zones []knottest.Zone) knot {
	t.Helper()
	key := knottest.NewKey("test")
	for i := range zones {
		zones[i].Keys = []knottest.Key{key}
	}
	return knot{knottest.Start(t, zones...), key.Write(t)}
}

// update runs nsupdate.
func (k knot) update(t *testing.T, script string) {
	t.Helper()
	host, port, err := net.SplitHostPort(k.Address)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "nsupdate", "-v", "-k", k.key)
	cmd.Stdin = strings.NewReader("server " + host + " " + port + "\n" + script)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("nsupdate: %v, %s\n%s", err, out, script)
	}
}

// hasExactly looks up each record set, and then transfers whole zones to check that there is nothing else.
func (k knot) hasExactly(t *testing.T, zones []knottest.Zone, want []dnsrecords.Record) {
	t.Helper()
	for _, r := range want {
		set := slices.DeleteFunc(slices.Clone(want), func(o dnsrecords.Record) bool {
			return o.Name != r.Name || o.Data.Type() != r.Data.Type()
		})
		answer, err := k.Ask(r.Name, dns.StringToType[r.Data.Type()])
		if err != nil {
			t.Errorf("%s %s: %v", r.Name, r.Data.Type(), err)
			continue
		}
		if answer.Rcode != dns.RcodeSuccess || !answer.Authoritative {
			t.Errorf("%s %s: got\n%v", r.Name, r.Data.Type(), answer)
			continue
		}
		compare(t, records(t, answer.Answer), set)
	}
	var all []dnsrecords.Record
	for _, z := range zones {
		in, err := k.Records(z.Name)
		if err != nil {
			t.Fatalf("transfer of %s: %v", z.Name, err)
		}
		all = append(all, records(t, in)...)
	}
	compare(t, all, want)
}

// records converts the answer of a name server.
func records(t *testing.T, answer []dns.RR) []dnsrecords.Record {
	t.Helper()
	var all []dnsrecords.Record
	for _, rr := range answer {
		r := dnsrecords.Record{Name: strings.TrimSuffix(rr.Header().Name, "."), TTL: rr.Header().Ttl}
		switch rr := rr.(type) {
		case *dns.A:
			r.Data = dnsrecords.Address(netip.MustParseAddr(rr.A.String()))
		case *dns.AAAA:
			r.Data = dnsrecords.Address(netip.MustParseAddr(rr.AAAA.String()))
		case *dns.CNAME:
			r.Data = dnsrecords.Alias(strings.TrimSuffix(rr.Target, "."))
		case *dns.SRV:
			r.Data = dnsrecords.Service{Priority: rr.Priority, Weight: rr.Weight, Port: rr.Port, Target: strings.TrimSuffix(rr.Target, ".")}
		case *dns.TXT:
			r.Data = dnsrecords.Text(unescape(t, strings.Join(rr.Txt, "")))
		default:
			t.Fatalf("unexpected %v", rr)
		}
		all = append(all, r)
	}
	return all
}

// unescape reverts the escapes of miekg/dns in a character string.
func unescape(t *testing.T, s string) string {
	t.Helper()
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		if s[i] < '0' || s[i] > '9' {
			b.WriteByte(s[i])
			continue
		}
		var octet byte
		if _, err := fmt.Sscanf(s[i:i+3], "%d", &octet); err != nil {
			t.Fatal(err)
		}
		b.WriteByte(octet)
		i += 2
	}
	return b.String()
}
