//go:build linux

package lab

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"mailhint/certs/pebbletest"
	"mailhint/keypairs/keypairtest"
)

// TestDocs goes through every block of code in every page. Each has a language, which says what is done with it:
//
//	sh          the commands are run, one after the other, in a folder for the page; each must succeed
//	console     the same, and what they print must be as shown
//	session     a command, and what a person types then, for an IMAP or SMTP server
//	toml        mailhint check must have nothing against it
//	zone        records, which are compared with what mailhint dns prints
//	nginx, dovecot, postfix, nix, catalogue: checked by the program that reads it; see docs_blocks_test.go
//	text        nothing that a program reads
//
// The pages are read in a small internet in which example.com and hoster.example have mail servers, DNS and a mailhint. What cannot be run there is
// in notRun, and what other tests run in elsewhere.
func TestDocs(t *testing.T) {
	if !alone(t) {
		return
	}
	w := newDocsWorld(t)
	pages := w.pages(t)
	var used []string // commands that are not run
	for _, page := range pages {
		t.Run(strings.ReplaceAll(page, "/", "_"), func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("..", page))
			if err != nil {
				t.Fatal(err)
			}
			blocks, err := blocksOf(string(text))
			if err != nil {
				t.Fatal(err)
			}
			if len(blocks) == 0 {
				return
			}
			s := w.session(t, page)
			for _, b := range blocks {
				if test := elsewhere[page+" "+b.language]; test == "" {
					s.check(t, b)
				}
			}
			w.awaitCertificates(t) // which the page may have removed
			used = append(used, s.skipped...)
		})
	}
	for _, n := range notRun {
		if !slices.Contains(used, n.command) {
			t.Errorf("notRun has %q, which no page has", n.command)
		}
	}
	for key, test := range elsewhere {
		page, language, _ := strings.Cut(key, " ")
		text, err := os.ReadFile(filepath.Join("..", page))
		file, name, _ := strings.Cut(test, ":")
		source, err2 := os.ReadFile(filepath.Join("..", file))
		if err != nil || err2 != nil || !bytes.Contains(text, []byte("\n```"+language+"\n")) || !bytes.Contains(source, []byte("\nfunc "+name+"(t *testing.T)")) {
			t.Errorf("elsewhere: %s: %s: no such blocks, or no such test: %v %v", key, test, err, err2)
		}
	}
}

// notRun are the beginnings of commands that are not run, and why. Each is tried all the same, and must fail: what could be run must not be in this list.
// Those with "long" are goals of the Makefile: make must know them.
var notRun = []struct{ command, why string }{
	{"make test", "long: it runs this test, and takes minutes"},
	{"make bench", "long: it measures for minutes"},
	{"make soak", "long: it takes minutes on purpose"},
	{"make fuzz", "long: 30 seconds for each parser"},
	{"make packages", "long: the tests of package packaging make all packages, and install them"},
	{"apt install ./build/packages/", "needs the packages; TestDebian in packaging installs them"},
	{"buildah build", "needs the packages; TestContainer in packaging builds and runs the image"},
	{"docker compose", "needs Docker's daemon; TestCompose in packaging checks the file"},
	{"kubectl", "needs a cluster; TestKubernetes, TestKustomize and TestKustomizeStore in packaging check the objects"},
	{"mailhint import mailcow https://", "needs a mailcow; the tests of package imports/mailcow have one that speaks its API"},
	{"mailhint import postfixadmin", "needs a database; the tests of package imports/postfixadmin start two"},
	{"mailhint import ispconfig", "needs a database; the tests of package imports/ispconfig start one"},
	{"mailhint import modoboa", "needs a database; the tests of package imports/modoboa start two"},
	{"ldapsearch", "needs the reader's directory; TestFind in logins/ldap asks one"},
	{"psql", "needs the reader's database; TestDatabases in logins/sql asks one"},
	{"systemctl", "needs systemd as the first process; TestUnits in cmd/mailhint checks the units"},
	{"systemd-run", "needs systemd as the first process"},
}

// elsewhere are the blocks that other tests run: page and language, and the file and function of the test.
var elsewhere = map[string]string{
	"docs/admins.md console":   "cmd/mailhint/docs_admins_test.go:TestAdminsDocs",
	"docs/api.md sh":           "cmd/mailhint/serve_admin_test.go:TestAPIDocs",
	"docs/changing.md console": "cmd/mailhint/docs_test.go:TestChangingDocs",
	"docs/database.md toml":    "cmd/mailhint/docs_database_test.go:TestDatabaseDocs",
	"docs/database.md sh":      "cmd/mailhint/docs_database_test.go:TestDatabaseDocs",
	"docs/database.md sql":     "cmd/mailhint/docs_database_test.go:TestDatabaseDocs",
	"docs/dns.md console":      "cmd/mailhint/docs_dns_test.go:TestDNSDocs",
	"docs/dns.md conf":         "cmd/mailhint/docs_dns_test.go:TestDNSDocs",
	"docs/dns.md yaml":         "cmd/mailhint/docs_dns_test.go:TestDNSDocs",
	"docs/dns.md named":        "cmd/mailhint/docs_dns_test.go:TestDNSDocs",
}

// expected are the exit codes of commands that succeed with another code than 0 where the page is read.
var expected = map[string]int{
	"mailhint compare --with https://old.example.com example.com":                     1, // it finds changes
	"mailhint compare --with https://old.example.com --all":                           1,
	"mailhint compare --with https://203.0.113.92 --any-certificate --all --json":     1,
	"mailhint compare --with https://old.example.com ann@example.com bob@example.com": 1,
	"build/mailhint check --config /etc/mailhint/domains.toml":                        1, // the package's file, which has no domain yet
}

// inClone are the pages whose commands are run in a clone of the repository. The others have a folder with a domains.toml.
var inClone = []string{"README.md", "CONTRIBUTING.md", "docs/start.md", "docs/upgrading.md", "docs/translating.md", "docs/replicas.md", "deploy/README.md"}

// block is a block of code in a page.
type block struct {
	language, text string
	line           int
}

var (
	fence     = regexp.MustCompile("(?ms)^( *)```([^\n]*)\n(.*?)^ *```$") // in a list, blocks are indented
	fenceLine = regexp.MustCompile("(?m)^ *```")
	indented  = regexp.MustCompile(`(?m)^\n {4,}[^\s*\-].*`)
)

// blocksOf returns the blocks of a page. Blocks that are only indented have no language, and are an error.
func blocksOf(page string) (all []block, err error) {
	if m := indented.FindString(fence.ReplaceAllStringFunc(page, func(s string) string { return "```\n```" })); m != "" {
		return nil, fmt.Errorf("a block of code without a language: put it between ```LANGUAGE and ```: %s", m)
	}
	for _, m := range fence.FindAllStringSubmatchIndex(page, -1) {
		indent := "\n" + page[m[2]:m[3]]
		text := strings.ReplaceAll("\n"+page[m[6]:m[7]], indent, "\n")[1:]
		b := block{page[m[4]:m[5]], text, 1 + strings.Count(page[:m[0]], "\n")}
		if b.language == "" {
			return nil, fmt.Errorf("line %d: a block of code without a language", b.line)
		}
		all = append(all, b)
	}
	if n := len(fenceLine.FindAllString(page, -1)); n != 2*len(all) {
		return nil, fmt.Errorf("%d lines begin with ```, but there are %d blocks", n, len(all))
	}
	return all, nil
}

// docsWorld is where the pages are read.
type docsWorld struct {
	*internet
	root   string // of the repository
	config string // the file of the running mailhint
	text   string // of that file
	path   string // PATH
}

// docsHosts are the names of the mail servers in the pages.
var docsHosts = []string{"imap", "smtp", "pop", "mail"}

// docsConfig is that of the mailhint in the world, and of pages that need a domains.toml.
const docsConfig = `
[domains."example.com"]
imap = "imap.example.com"
smtp = "smtp.example.com"
pop3 = "pop.example.com"
sieve = "imap.example.com"
caldav = "https://dav.example.com/calendars/"
carddav = "https://dav.example.com/contacts/"
`

// davV4 is the address of a calendar server, which asks for a password.
const davV4 = "203.0.113.81"

func newDocsWorld(t *testing.T) *docsWorld {
	t.Helper()
	w := &docsWorld{internet: &internet{dir: filepath.Join(os.Getenv(insideDir), "docs")}}
	var err error
	if w.root, err = filepath.Abs(".."); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(w.folder("certs"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.privateFolders(t)
	t.Cleanup(func() { explain(t) })
	w.authority = newAuthority(t, w.folder("certs"))
	w.good = w.authority.issue(t, "good", "", "example.com", "*.example.com", "*.example.net", "*.hoster.example", "*.thunderbird.net")
	w.mail = []*mailHost{w.host(t, "imap.example.com", goodV4, goodV6, nil)}
	startDovecot(t, w.folder("dovecot"), instances[0], w.good, w.mail)
	startPostfix(t, w.folder("postfix"), w.good, w.mail, func(string) string { return w.folder("dovecot") })
	firewall(t, "add table inet filter\nadd chain inet filter input { type filter hook input priority 0; }")
	serveWeb(t, siteV4, w.good, new(webSite))
	dav, err := newWebSite([]string{"401 /"})
	if err != nil {
		t.Fatal(err)
	}
	serveWeb(t, davV4, w.good, dav)
	serveWeb(t, ispdbV4, w.good, http.HandlerFunc(w.ispdb))
	serveWeb(t, issuerV4, w.good, http.HandlerFunc(issuer))
	serveWeb(t, oldV4, w.good, http.HandlerFunc(oldServer))
	dir := w.folder("mailhint")
	w.startDNS(t, write(t, filepath.Join(dir, "names.toml"), "[server]\nname = \"setup.example.com\"\n"+docsConfig))
	ca := pebbletest.StartWithDNS(t, authorityAddress+":53", 80, 443, 90*day)
	roots, err := os.OpenFile(w.authority.roots(), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		err = errors.Join(pem.Encode(roots, &pem.Block{Type: "CERTIFICATE", Bytes: ca.IssuingRoot.Raw}), roots.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	w.text = fmt.Sprintf("[server]\nname = \"setup.example.com\"\nhttp = [\"%[1]s:80\", \"[%[2]s]:80\"]\nhttps = [\"%[1]s:443\", \"[%[2]s]:443\"]\n"+
		"tls = \"acme\"\nacme_email = \"hostmaster@example.com\"\nacme_ca = [%[3]q]\nacme_root = %[4]q\nadmin = \"\"\nstate_dir = %[5]q\n",
		setupV4, setupV6, ca.Directory(), ca.RootFile, w.folder("state")) + docsConfig
	w.config = write(t, filepath.Join(dir, "domains.toml"), w.text)
	startCommand(t, "mailhint", dir, w.command(context.Background(), dir, "serve", "--config", w.config)).await(t, accepts(setupV4+":443"))
	w.awaitCertificates(t)
	return w
}

// awaitCertificates asks for every name as a client does, until all have certificates.
func (w *docsWorld) awaitCertificates(t *testing.T) {
	t.Helper()
	client := http.Client{Timeout: testTimeout, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: w.authority.pool(t)}, DisableKeepAlives: true}}
	for _, name := range []string{"setup", "autoconfig", "autodiscover", "ua-auto-config"} {
		eventually(t, name+".example.com has a certificate", func() bool {
			response, err := client.Get("https://" + name + ".example.com/")
			if err != nil {
				return false
			}
			response.Body.Close()
			return true
		})
	}
}

// startDNS publishes what mailhint prints.
func (w *docsWorld) startDNS(t *testing.T, config string) {
	zones := []zone{{".", nil}, {"test", []string{"any A 127.0.0.1"}}, {"thunderbird.net", []string{"autoconfig A " + ispdbV4}}}
	for _, name := range []string{"example.com", "example.net", "hoster.example"} {
		z := zone{name, []string{"ns A " + authorityAddress, "@ A " + siteV4, "@ MX 10 mail", "dav A " + davV4, "setup A " + setupV4, "setup AAAA " + setupV6, "login A " + issuerV4, "old A " + oldV4}}
		for _, host := range docsHosts {
			z.records = append(z.records, host+" A "+goodV4, host+" AAAA "+goodV6)
		}
		zones = append(zones, z)
	}
	r := w.run("", "dns", "example.com", "--config", config)
	if r.code != 0 {
		t.Fatalf("mailhint dns: exit code %d, %s", r.code, r.stderr)
	}
	for line := range strings.Lines(r.stdout) {
		if line = strings.TrimSpace(line); line != "" && line[0] != ';' {
			zones[3].records = append(zones[3].records, line)
		}
	}
	startNames(t, w.dir, zones)
}

// privateFolders makes the folders into which the pages install private to this namespace.
func (w *docsWorld) privateFolders(t *testing.T) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	mount := func(dir string) { must(syscall.Mount("docs", dir, "tmpfs", 0, "mode=0755")) }
	etc := w.folder("etc")
	if out, err := exec.Command("cp", "-a", "/etc", etc).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	must(os.RemoveAll(filepath.Join(etc, "resolv.conf")))
	write(t, filepath.Join(etc, "resolv.conf"), "nameserver "+resolverAddress+"\n")
	must(syscall.Mount(etc, "/etc", "", syscall.MS_BIND, ""))
	mount("/run")
	mount("/var/lib")
	must(os.Mkdir("/var/lib/nginx", 0o755)) // which nginx -t wants

	local := w.folder("local-bin") // what is in /usr/local/bin stays there
	must(os.Mkdir(local, 0o755))
	must(syscall.Mount("/usr/local/bin", local, "", syscall.MS_BIND, ""))
	mount("/usr/local/bin")
	programs, err := os.ReadDir(local)
	must(err)
	for _, p := range programs {
		must(os.Symlink(filepath.Join(local, p.Name()), filepath.Join("/usr/local/bin", p.Name())))
	}

	first, last := w.folder("first"), w.folder("last")
	write(t, filepath.Join(first, "sudo"), "#!/bin/sh\nexec \"$@\"\n")
	must(os.Chmod(filepath.Join(first, "sudo"), 0o755))
	must(os.Mkdir(last, 0o755))
	must(os.Symlink(os.Getenv(insideProgram), filepath.Join(last, "mailhint")))
	w.path = strings.Join([]string{first, "/usr/local/bin", os.Getenv("PATH"), "/usr/sbin:/sbin", last}, ":")
}

// pages returns the names of all pages.
func (w *docsWorld) pages(t *testing.T) (pages []string) {
	t.Helper()
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/codes/*.md", "docs/moving/*.md", "deploy/*.md"} {
		found, err := filepath.Glob(filepath.Join(w.root, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("no pages %s: %v", pattern, err)
		}
		for _, file := range found {
			pages = append(pages, strings.TrimPrefix(file, w.root+"/"))
		}
	}
	return pages
}

// files writes the files that examples name.
func (w *docsWorld) files(t *testing.T, dir string) {
	t.Helper()
	for name, text := range map[string]string{
		"customers.txt": "bakery.example\nflorist.example\ncafe.example\nclosed.example\n", "shared-domains.txt": "shop.example\nflorist.example\ncafe.example\n",
		"moved-to-m365.txt": "moved@example.com\n", "example.com.zone": "",
		"logins.txt": "ann@example.com ab123\n", "ldap.pass": "secret\n", "sql.pass": "secret\n",
		"provider.xml": ispdbFile, "entry.xml": ispdbFile,
	} {
		write(t, filepath.Join(dir, name), text)
	}
	w.movingFiles(t, dir)
	cert, key := keypairtest.PEM(t, keypairtest.New(t, keypairtest.Options{Names: []string{"*.example.com"}}))
	write(t, filepath.Join(dir, "fullchain.pem"), string(cert))
	write(t, filepath.Join(dir, "privkey.pem"), string(key))
	write(t, filepath.Join(dir, "company-root.pem"), string(cert))
	for _, name := range []string{"ldap.pass", "sql.pass"} {
		if err := os.Chmod(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"mailhint.key", "hoster.key", "firm.key"} {
		file := write(t, filepath.Join(dir, name), "key \"mailhint\" {\n\talgorithm hmac-sha256;\n\tsecret \"c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IQ==\";\n};\n")
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	logo, err := os.ReadFile(filepath.Join(w.root, "docs", "help-page.png"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "logo.png"), string(logo))
}

const ispdbFile = `<clientConfig version="1.1"><emailProvider id="example.net"><domain>example.net</domain><displayName>Example</displayName>
<incomingServer type="imap"><hostname>imap.example.net</hostname><port>993</port><socketType>SSL</socketType><authentication>password-cleartext</authentication><username>%EMAILADDRESS%</username></incomingServer>
<outgoingServer type="smtp"><hostname>smtp.example.net</hostname><port>465</port><socketType>SSL</socketType><authentication>password-cleartext</authentication><username>%EMAILADDRESS%</username></outgoingServer>
</emailProvider></clientConfig>
`
