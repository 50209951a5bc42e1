//go:build linux

package lab

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Names and addresses of the good hoster, who has the mail of every case unless it says otherwise.
const (
	goodHost  = "mail.hoster.example"
	goodV4    = "198.51.100.25"
	goodV6    = "2001:db8::25"
	setupHost = "setup.hoster.example"
	setupV4   = "198.51.100.80"
	setupV6   = "2001:db8::80"
	siteV4    = "203.0.113.80" // the web site of every domain that has none of its own
	ispdbV4   = "203.0.113.90" // autoconfig.thunderbird.net
	elseV4    = "203.0.113.66" // www.elsewhere.example, a foreign web site
	manyHost  = "mail.many.example"
	manyV4    = "198.51.100.26"
	manyV6    = "2001:db8::26"
)

// internet is the small internet of all tests.
type internet struct {
	dir       string
	authority *authority
	cases     []*testcase
	mail      []*mailHost
	good      pair
	many      []string // names of domains that share a mail host
	last      int      // number of the last address given away
}

var world struct {
	once sync.Once
	*internet
}

// theInternet returns the internet, which the first test that needs it starts.
func theInternet(t testing.TB) *internet {
	t.Helper()
	if outside != "" {
		t.Skip(outside)
	}
	world.once.Do(func() {
		n := &internet{dir: os.Getenv(insideDir), last: 100}
		n.build(t)
		world.internet = n
	})
	if world.internet == nil {
		t.Skip("the internet did not start; the first test says why")
	}
	t.Cleanup(func() { explain(t) })
	return world.internet
}

// address gives an address of each family away.
func (n *internet) address() (v4, v6 string) {
	n.last++
	if network, host := n.last/256, n.last%256; network == 0 {
		return fmt.Sprintf("198.51.100.%d", host), fmt.Sprintf("2001:db8::1:%x", n.last)
	}
	return fmt.Sprintf("203.0.113.%d", n.last-256+100), fmt.Sprintf("2001:db8::1:%x", n.last)
}

func (n *internet) folder(name string) string { return filepath.Join(n.dir, name) }

func (n *internet) build(t testing.TB) {
	t.Helper()
	if err := os.Mkdir(n.folder("certs"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range manyDomains {
		n.many = append(n.many, fmt.Sprintf("d%04d.many.example", i))
	}
	n.authority = newAuthority(t, n.folder("certs"))
	n.cases = readCases(t)
	n.good = n.authority.issue(t, "good", "", n.names()...)
	n.mail = []*mailHost{n.host(t, goodHost, goodV4, goodV6, nil), n.host(t, manyHost, manyV4, manyV6, nil)}
	for _, c := range n.cases {
		if c.servers != nil {
			v4, v6 := n.address()
			c.mail = n.host(t, "mail."+c.domain, v4, v6, c.servers)
			n.mail = append(n.mail, c.mail)
		}
	}
	n.startWeb(t)
	for _, c := range n.cases {
		n.writeConfig(t, c)
	}
	for _, i := range instances {
		hosts := slices.DeleteFunc(slices.Clone(n.mail), func(h *mailHost) bool { return h.auth != i.auth })
		if len(hosts) > 0 {
			startDovecot(t, n.folder("dovecot-"+i.auth), i, n.good, hosts)
		}
	}
	startPostfix(t, n.folder("postfix"), n.good, n.mail, func(auth string) string { return n.folder("dovecot-" + auth) })
	n.startFirewall(t)
	startNames(t, n.dir, n.zones(t))
	n.startMailhint(t)
}

// named returns a case.
func (n *internet) named(t testing.TB, name string) *testcase {
	t.Helper()
	for _, c := range n.cases {
		if c.name == name {
			return c
		}
	}
	t.Fatalf("there is no case %s", name)
	return nil
}

// names are all those that the good certificate covers.
func (n *internet) names() []string {
	names := []string{"hoster.example", "*.hoster.example", "*.thunderbird.net", "*.elsewhere.example", "*.many.example", "outlook.office365.com", "smtp.office365.com"}
	for _, c := range n.cases {
		names = append(names, c.domain, "*."+c.domain)
	}
	return names
}

// host makes a mail host.
func (n *internet) host(t testing.TB, name, v4, v6 string, lines []string) *mailHost {
	t.Helper()
	h, err := newMailHost(name, v4, v6, lines)
	if err != nil {
		t.Fatal(err)
	}
	if h.flaw != "" {
		h.cert = n.authority.issue(t, name, h.flaw, name)
	}
	return h
}

// startFirewall sets the rules of all hosts, and counts the connections to the one that many domains share.
func (n *internet) startFirewall(t testing.TB) {
	t.Helper()
	rules := "table inet lab {\n"
	for _, s := range services {
		rules += fmt.Sprintf("  counter port%d { }\n", s.port)
	}
	rules += "  chain input {\n    type filter hook input priority 0; policy accept;\n"
	for _, s := range services {
		for _, to := range []string{"ip daddr " + manyV4, "ip6 daddr " + manyV6} {
			rules += fmt.Sprintf("    %s tcp dport %[2]d tcp flags & (syn | ack) == syn counter name port%[2]d\n", to, s.port)
		}
	}
	for _, h := range n.mail {
		for _, rule := range h.firewall() {
			rules += "    " + rule + "\n"
		}
	}
	rules += "  }\n}\n"
	firewall(t, rules)
}

// startWeb starts the web sites: those of the cases, of the domains that have none of their own, and the ISPDB.
func (n *internet) startWeb(t testing.TB) {
	t.Helper()
	serveWeb(t, siteV4, n.good, new(webSite))
	serveWeb(t, elseV4, n.good, new(webSite))
	serveWeb(t, ispdbV4, n.good, http.HandlerFunc(n.ispdb))
	serveWeb(t, issuerV4, n.good, http.HandlerFunc(issuer))
	for _, c := range n.cases {
		c.web = siteV4
		if c.site != nil {
			c.web, _ = n.address()
			n.serveSite(t, c, "site", c.web, c.site, false)
		}
		if c.setup != nil {
			c.front, _ = n.address()
			n.serveSite(t, c, "setup", c.front, c.setup, true)
		}
	}
}

func (n *internet) serveSite(t testing.TB, c *testcase, section, address string, lines []string, front bool) {
	t.Helper()
	site, err := newWebSite(lines)
	if err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	if front {
		site.front(n.authority, t)
	}
	cert := n.good
	if site.flaw != "" {
		cert = n.authority.issue(t, section+"."+c.name, site.flaw, c.domain, "*."+c.domain)
	}
	serveWeb(t, address, cert, site)
}

// ispdb answers as autoconfig.thunderbird.net does.
func (n *internet) ispdb(w http.ResponseWriter, r *http.Request) {
	for _, c := range n.cases {
		if c.ispdb != "" && r.URL.Path == "/v1.1/"+c.domain {
			w.Header().Set("Content-Type", "text/xml")
			fmt.Fprint(w, c.ispdb)
			return
		}
	}
	page(w, http.StatusNotFound)
}

// zones are what the name server knows: mailhint's own records for each domain, as it prints them, with the changes of the case.
func (n *internet) zones(t testing.TB) []zone {
	t.Helper()
	zones := []zone{
		{".", nil},
		{"hoster.example", []string{
			"ns A " + authorityAddress, "mail A " + goodV4, "mail AAAA " + goodV6, "setup A " + setupV4, "setup AAAA " + setupV6, "login A " + issuerV4,
		}},
		{"elsewhere.example", []string{"www A " + elseV4, "setup A " + elseV4}},
		{"thunderbird.net", []string{"autoconfig A " + ispdbV4, "live A " + ispdbV4}},
	}
	results := make([]zone, len(n.cases))
	errs := make([]error, len(n.cases))
	parallel(len(n.cases), func(i int) { results[i], errs[i] = n.zone(n.cases[i]) })
	for i, err := range errs {
		if err != nil {
			t.Fatalf("zone of %s: %v", n.cases[i].name, err)
		}
	}
	return append(append(zones, results...), n.manyZone(t))
}

// zone is that of a case.
func (n *internet) zone(c *testcase) (zone, error) {
	z := zone{name: c.domain, records: []string{"@ A " + c.web, "www A " + c.web, "@ MX 10 " + goodHost + "."}}
	if c.front != "" {
		z.records = append(z.records, "setup A "+c.front)
	}
	if c.mail != nil {
		z.records = append(z.records, c.mail.records()...)
	}
	r := n.run("", "dns", c.domain, "--config", n.config(c))
	if r.code != 0 {
		return z, fmt.Errorf("mailhint dns: exit code %d, %s", r.code, r.stderr)
	}
	for line := range strings.Lines(r.stdout) {
		if line = strings.TrimSpace(line); line != "" && line[0] != ';' {
			z.records = append(z.records, line)
		}
	}
	return z, z.change(c.zone)
}

// parallel runs jobs, a few at a time.
func parallel(jobs int, job func(int)) {
	var running sync.WaitGroup
	slots := make(chan struct{}, 6)
	for i := range jobs {
		slots <- struct{}{}
		running.Go(func() {
			job(i)
			<-slots
		})
	}
	running.Wait()
}
