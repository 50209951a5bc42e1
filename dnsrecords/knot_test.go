package dnsrecords_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mailhint/dnsrecords"
)

// TestZone loads the zone format into a real name server and looks up each record.
func TestZone(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			var zones []zoneFile
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
				zones = append(zones, zoneFile{string(p.zone), string(text)})
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
	var zones []zoneFile
	for _, p := range published {
		zones = append(zones, zoneFile{string(p.zone), ""})
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

// zoneFile is a zone and its content besides SOA and NS records.
type zoneFile struct{ name, records string }

// knot is a running Knot DNS.
type knot struct{ address string }

// startKnot runs Knot DNS with zones on a free loopback port until the test ends. It needs no privileges.
func startKnot(t *testing.T, zones []zoneFile) knot {
	t.Helper()
	program, err := exec.LookPath("knotd")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/knotd") // which is not on every PATH
	}
	if err != nil {
		t.Skip("knotd is not installed; it is in Debian's package knot")
	}
	dir, err := os.MkdirTemp("", "knot") // a short name: it contains a Unix socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	k := knot{address: freePort(t)}
	config := fmt.Sprintf(`server:
  rundir: %[1]q
  listen: %[2]q
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: %[1]q
acl:
  - id: loopback
    address: 127.0.0.1
    action: [transfer, update]
template:
  - id: default
    storage: %[1]q
    acl: loopback
    semantic-checks: on
    zonefile-sync: -1
zone:
`, dir, strings.Replace(k.address, ":", "@", 1))
	for _, z := range zones {
		config += fmt.Sprintf("  - domain: %s\n    file: %s\n", z.name, z.name)
		text := fmt.Sprintf("$TTL 60\n%[1]s. SOA ns.%[1]s. hostmaster.%[1]s. 1 3600 600 86400 60\n%[1]s. NS ns.%[1]s.\nns.%[1]s. A 127.0.0.1\n%[2]s", z.name, z.records)
		if err := os.WriteFile(filepath.Join(dir, z.name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "knot.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "-c", file)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		cmd.Wait() // fails, because it was interrupted
		if t.Failed() {
			t.Logf("output of knotd:\n%s", &log)
		}
	})
	k.await(t, zones)
	return k
}

// freePort returns a loopback address on which nothing listened a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// await waits until all zones are served.
func (k knot) await(t *testing.T, zones []zoneFile) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for _, z := range zones {
		for {
			r, err := k.ask(z.name, dns.TypeSOA)
			if err == nil && r.Rcode == dns.RcodeSuccess && len(r.Answer) == 1 {
				break
			}
			select {
			case <-again.C:
			case <-ctx.Done():
				t.Fatalf("knotd does not serve %s: %v, %v", z.name, r, err)
			}
		}
	}
}

func (k knot) ask(name string, kind uint16) (*dns.Msg, error) {
	query := new(dns.Msg)
	query.SetQuestion(dns.Fqdn(name), kind)
	client := dns.Client{Net: "tcp", Timeout: 30 * time.Second}
	r, _, err := client.Exchange(query, k.address)
	return r, err
}

// update runs nsupdate.
func (k knot) update(t *testing.T, script string) {
	t.Helper()
	host, port, err := net.SplitHostPort(k.address)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "nsupdate", "-v")
	cmd.Stdin = strings.NewReader("server " + host + " " + port + "\n" + script)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("nsupdate: %v, %s\n%s", err, out, script)
	}
}

// hasExactly looks up each record set, and then transfers whole zones to check that there is nothing else.
func (k knot) hasExactly(t *testing.T, zones []zoneFile, want []dnsrecords.Record) {
	t.Helper()
	for _, r := range want {
		set := slices.DeleteFunc(slices.Clone(want), func(o dnsrecords.Record) bool {
			return o.Name != r.Name || o.Data.Type() != r.Data.Type()
		})
		answer, err := k.ask(r.Name, dns.StringToType[r.Data.Type()])
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
		all = append(all, k.transfer(t, z.name)...)
	}
	compare(t, all, want)
}

// transfer returns all records of a zone except those that startKnot wrote.
func (k knot) transfer(t *testing.T, zone string) []dnsrecords.Record {
	t.Helper()
	query := new(dns.Msg)
	query.SetAxfr(dns.Fqdn(zone))
	envelopes, err := new(dns.Transfer).In(query, k.address)
	if err != nil {
		t.Fatal(err)
	}
	var all []dns.RR
	for e := range envelopes {
		if e.Error != nil {
			err = errors.Join(err, e.Error)
		}
		all = append(all, e.RR...)
	}
	if err != nil {
		t.Fatalf("transfer of %s: %v", zone, err)
	}
	return records(t, slices.DeleteFunc(all, func(rr dns.RR) bool {
		kind := rr.Header().Rrtype
		return kind == dns.TypeSOA || kind == dns.TypeNS || rr.Header().Name == "ns."+zone+"."
	}))
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
