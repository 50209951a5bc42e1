//go:build linux

package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// manyDomains is how many domains share one mail host.
const manyDomains = 1000

// manyTOML puts them in a profile. Its name makes their PACC documents the same.
const manyTOML = "[profiles.many]\nname = \"Many\"\nimap = \"" + manyHost + "\"\nsmtp = \"" + manyHost + "\"\ndomains_file = \"many.txt\"\n\n"

// manyCertificates are for the names under which mailhint answers for them, a hundred domains in each.
func (n *internet) manyCertificates(t testing.TB) []pair {
	t.Helper()
	var pairs []pair
	for domains := range slices.Chunk(n.many, 100) {
		var names []string
		for _, d := range domains {
			names = append(names, "*."+d)
		}
		pairs = append(pairs, n.authority.issue(t, fmt.Sprint("many-", len(pairs)), "", names...))
	}
	return pairs
}

// manyZone is the zone above all of them. mailhint prints the records of one, and those of the others differ by the name only.
func (n *internet) manyZone(t testing.TB) zone {
	t.Helper()
	dir := n.folder("many")
	write(t, filepath.Join(dir, "many.txt"), strings.Join(n.many, "\n")+"\n")
	config := write(t, filepath.Join(dir, "domains.toml"), n.server(setupHost)+manyTOML)
	r := n.run("", "dns", n.many[0], "--config", config)
	if r.code != 0 {
		t.Fatalf("mailhint dns: exit code %d, %s", r.code, r.stderr)
	}
	z := zone{"many.example", []string{"mail A " + manyV4, "mail AAAA " + manyV6}}
	for _, d := range n.many {
		z.records = append(z.records, strings.ReplaceAll(r.stdout, n.many[0], d))
	}
	return z
}

// All of many domains are examined, and their common mail host hardly notices.
func TestManyDomains(t *testing.T) {
	n := theInternet(t)
	someAttempts(t, func() error { return n.examineMany(t) })
}

func (n *internet) examineMany(t *testing.T) error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	before := n.connections(t)
	e, r := n.doctor(t, filepath.Join(n.folder("many"), "domains.toml"), "--all")
	if len(e.Domains) != manyDomains || r.code != 0 {
		fail("got %d domains, exit code %d; want %d and 0", len(e.Domains), r.code, manyDomains)
	}
	bad := 0
	for _, d := range e.Domains {
		if len(d.Findings) > 0 || len(d.Unchecked) > 0 {
			if bad++; bad < 5 {
				fail("%s: got %v, %q; want nothing", d.Domain, d.Findings, d.Unchecked)
			}
		}
	}
	if bad > 0 {
		fail("%d domains have findings", bad)
	}
	after := n.connections(t)
	for port, count := range after {
		t.Logf("port %d: %d connections", port, count-before[port])
		if count-before[port] > 8 {
			fail("port %d: %d connections, want at most 8", port, count-before[port])
		}
	}
	for _, port := range []int{993, 143, 465, 587} {
		if after[port] == before[port] {
			fail("port %d was not examined", port)
		}
	}
	t.Logf("%d domains took %v", manyDomains, r.took.Round(time.Millisecond))
	if r.took > 3*time.Minute { // the target is one minute, on a machine that does nothing else
		fail("%d domains took %v", manyDomains, r.took)
	}
	return errors.Join(errs...)
}

// connections are those that the firewall has counted, at each port of the host that many domains share.
func (n *internet) connections(t testing.TB) map[int]int {
	t.Helper()
	out, err := exec.Command(find(t, "nft", "nftables"), "-j", "list", "counters", "table", "inet", "lab").Output()
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Nftables []struct {
			Counter struct {
				Name    string
				Packets int
			}
		}
	}
	if err := json.Unmarshal(out, &list); err != nil {
		t.Fatal(err)
	}
	counts := make(map[int]int)
	for _, entry := range list.Nftables {
		var port int
		if _, err := fmt.Sscanf(entry.Counter.Name, "port%d", &port); err == nil {
			counts[port] = entry.Counter.Packets
		}
	}
	return counts
}
