//go:build linux

package lab

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Addresses of the name servers.
const (
	authorityAddress = "203.0.113.53"
	resolverAddress  = "198.51.100.53"
	// deadDomain is a name whose name servers are down.
	deadDomain = "dead.example"
)

// zone is what a name server knows of a domain besides SOA and NS.
type zone struct {
	name    string
	records []string // lines of a zone file; names without a dot at the end are below the zone
}

// change applies the section "zone" of a case.
func (z *zone) change(changes []string) error {
	for _, line := range changes {
		words := strings.Fields(line)
		if words[0] == "+" && len(words) > 3 {
			z.records = append(z.records, strings.TrimSpace(line[1:]))
			continue
		}
		if words[0] != "-" || len(words) != 3 {
			return fmt.Errorf("%q: write \"- NAME TYPE\" or \"+ NAME TYPE DATA\"", line)
		}
		before := len(z.records)
		z.records = slices.DeleteFunc(z.records, func(record string) bool {
			rr, err := parseRecord(record, z.name)
			return err == nil && rr.Header().Name == absolute(words[1], z.name) && dns.TypeToString[rr.Header().Rrtype] == words[2]
		})
		if len(z.records) == before {
			return fmt.Errorf("%q: there is no such record in\n%s", line, strings.Join(z.records, "\n"))
		}
	}
	return nil
}

func parseRecord(record, zone string) (dns.RR, error) {
	p := dns.NewZoneParser(strings.NewReader(record), dns.Fqdn(zone), "")
	p.SetDefaultTTL(60)
	rr, ok := p.Next()
	if !ok {
		return nil, fmt.Errorf("%q is no record: %w", record, p.Err())
	}
	return rr, nil
}

func absolute(name, zone string) string {
	switch {
	case name == "@":
		return dns.Fqdn(zone)
	case strings.HasSuffix(name, "."):
		return name
	}
	return name + "." + dns.Fqdn(zone)
}

// startNames runs a Knot DNS that has all zones, and an Unbound that asks it for everything.
func startNames(t testing.TB, dir string, zones []zone) {
	t.Helper()
	knotd, unbound := find(t, "knotd", "knot"), find(t, "unbound", "unbound")
	knot := filepath.Join(dir, "knot")
	config := fmt.Sprintf(`server:
  rundir: %[1]q
  listen: "%[2]s@53"
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: %[1]q
template:
  - id: default
    storage: %[1]q
    zonefile-sync: -1
zone:
`, knot, authorityAddress)
	for i, z := range zones {
		file := fmt.Sprintf("%d.zone", i)
		config += fmt.Sprintf("  - domain: %q\n    file: %s\n", dns.Fqdn(z.name), file)
		write(t, filepath.Join(knot, file), fmt.Sprintf("$ORIGIN %s\n$TTL 60\n@ SOA ns.hoster.example. hostmaster.hoster.example. 1 3600 600 86400 60\n@ NS ns.hoster.example.\n%s\n",
			dns.Fqdn(z.name), strings.Join(z.records, "\n")))
	}
	started := start(t, "knotd", knot, knotd, "-c", write(t, filepath.Join(knot, "knot.conf"), config))
	for _, z := range zones {
		started.await(t, func() error { return hasZone(authorityAddress, z.name) })
	}

	dir = filepath.Join(dir, "unbound")
	started = start(t, "unbound", dir, unbound, "-d", "-c", write(t, filepath.Join(dir, "unbound.conf"), fmt.Sprintf(`server:
  interface: %s
  access-control: 0.0.0.0/0 allow
  do-daemonize: no
  chroot: ""
  username: ""
  directory: %q
  pidfile: ""
  use-syslog: no
  module-config: "iterator"
  do-not-query-localhost: no
  num-threads: 1
forward-zone:
  name: "."
  forward-addr: %s
forward-zone:
  name: %q
  forward-addr: 203.0.113.254
remote-control:
  control-enable: no
`, resolverAddress, dir, authorityAddress, deadDomain)))
	started.await(t, func() error { return hasZone(resolverAddress, "hoster.example") })
}

// hasZone asks a name server for a zone.
func hasZone(server, name string) error {
	answer, err := ask(server, name, dns.TypeSOA)
	if err == nil && (answer.Rcode != dns.RcodeSuccess || len(answer.Answer) != 1) {
		err = fmt.Errorf("%s: %v", name, answer)
	}
	return err
}

func ask(server, name string, kind uint16) (*dns.Msg, error) {
	query := new(dns.Msg)
	query.SetQuestion(dns.Fqdn(name), kind)
	client := dns.Client{Net: "tcp", Timeout: 5 * time.Second}
	answer, _, err := client.Exchange(query, net.JoinHostPort(server, "53"))
	return answer, err
}
