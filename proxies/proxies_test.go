package proxies

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"mailhint/domains"
	"mailhint/settings"
	"mailhint/wellknown"
)

// These tests check what the text shows. The servers themselves run the snippets in package lab, except Traefik, which is not in Debian.

func usual() Options {
	return Options{
		Domains: []settings.Domain{"example.com", "firm.example"}, Server: "setup.hoster.example",
		Hosts: append(settings.ServiceHosts("example.com"), settings.ServiceHosts("firm.example")...),
		Services: []Services{
			{[]settings.Domain{"example.com"}, []string{wellknown.CalDAV, wellknown.JMAP}},
			{[]settings.Domain{"firm.example"}, []string{wellknown.CardDAV}},
		},
		HTTP: "127.0.0.1:8080", HTTPS: "127.0.0.1:8443", Admin: "127.0.0.1:8081", Cert: "/etc/ssl/cert.pem", Key: "/etc/ssl/key.pem",
	}
}

func snippet(t *testing.T, kind string, o Options) string {
	t.Helper()
	text, err := Snippet(kind, o)
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	return string(text)
}

// Every snippet says what it needs, and lists all names that it passes on.
func TestSnippets(t *testing.T) {
	many := usual()
	many.Domains = nil
	for i := range maxListed + 1 {
		d := settings.Domain(fmt.Sprintf("d%d.example", i))
		many.Domains, many.Hosts = append(many.Domains, d), append(many.Hosts, settings.ServiceHosts(d)...)
		many.Services[0].Domains = append(many.Services[0].Domains, d)
	}
	for _, kind := range Kinds {
		listed, unlisted := snippet(t, kind, usual()), snippet(t, kind, many)
		for _, want := range []string{"#   http = [\"127.0.0.1:8080\"]", "#   trusted_proxies = [\"127.0.0.1\", \"::1\"]", "https://autoconfig.example.com/mail/",
			"setup.hoster.example", "autoconfig.example.com", "autodiscover.firm.example", "ua-auto-config.firm.example"} {
			if !strings.Contains(listed, want) {
				t.Errorf("%s does not contain %q:\n%s", kind, want, listed)
			}
		}
		if strings.Contains(unlisted, "d1.example") {
			t.Errorf("%s lists %d domains:\n%s", kind, len(many.Domains), unlisted)
		}
		for _, text := range []string{listed, unlisted} {
			if strings.Contains(text, "<no value>") || strings.Contains(text, "%!") || !strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\n\n") {
				t.Errorf("%s:\n%s", kind, text)
			}
		}
		remote := usual()
		remote.HTTP = "10.1.2.3:8080"
		if text := snippet(t, kind, remote); !strings.Contains(text, "the address from which this proxy connects") {
			t.Errorf("%s on another machine trusts loopback:\n%s", kind, text)
		}
	}
}

// Whatever the templates would write unescaped must be harmless.
func TestOddOptions(t *testing.T) {
	for _, change := range []func(*Options){
		func(o *Options) { o.HTTP = "127.0.0.1" },
		func(o *Options) { o.HTTP = "127.0.0.1:http" },
		func(o *Options) { o.HTTP = "evil;host:80" },
		func(o *Options) { o.HTTP = "" },
		func(o *Options) { o.HTTPS = ":443" },
		func(o *Options) { o.Admin = "a b:1" },
		func(o *Options) { o.Cert = "" },
		func(o *Options) { o.Cert = "a\"; evil" },
		func(o *Options) { o.Key = "a\nb" },
		func(o *Options) { o.Key = "$HOME/key.pem" },
		func(o *Options) { o.Key = "a\u2028b" }, // a new line to YAML
		func(o *Options) { o.Key = "\xff" },
	} {
		o := usual()
		change(&o)
		if text, err := Snippet("nginx", o); err == nil {
			t.Errorf("%+v is accepted:\n%s", o, text)
		}
	}
	if _, err := Snippet("iis", usual()); err == nil || !strings.Contains(err.Error(), "haproxy") {
		t.Errorf("an unknown kind: %v", err)
	}
	for _, good := range []string{"localhost:8080", "[::1]:8080", "mailhint.internal.example:80"} {
		o := usual()
		o.HTTP = good
		if text := snippet(t, "nginx", o); !strings.Contains(text, "server "+good+";") {
			t.Errorf("%s is not in\n%s", good, text)
		}
	}
}

// nginx does not start with a name that is too long for its table, nor HAProxy with a line of more than 64 words.
func TestLongNamesAndLists(t *testing.T) {
	o := usual()
	long := settings.Domain(strings.Repeat("long-label.", 20) + "example")
	o.Domains, o.Hosts = []settings.Domain{long}, settings.ServiceHosts(long)
	if text := snippet(t, "nginx", o); !strings.Contains(text, `~^autoconfig\.long-label\.`) {
		t.Errorf("a long name is in nginx's table:\n%s", text)
	}
	for i := range maxListed - 1 {
		d := settings.Domain(fmt.Sprintf("d%d.example", i))
		o.Domains, o.Hosts = append(o.Domains, d), append(o.Hosts, settings.ServiceHosts(d)...)
		o.Services[0].Domains = append(o.Services[0].Domains, d)
	}
	for line := range strings.Lines(snippet(t, "haproxy", o)) {
		if n := len(strings.Fields(line)); n > 64 && !strings.HasPrefix(line, "#") {
			t.Errorf("HAProxy accepts 64 words per line, this one has %d: %s", n, line)
		}
	}
}

// traefikFile is what matters here of Traefik's dynamic configuration.
type traefikFile struct {
	HTTP struct {
		Routers map[string]struct {
			EntryPoints   []string `yaml:"entryPoints"`
			Rule, Service string
			TLS           any
		}
		Services map[string]struct {
			LoadBalancer struct{ Servers []struct{ URL string } } `yaml:"loadBalancer"`
		}
	}
	TLS struct {
		Certificates []struct {
			CertFile string `yaml:"certFile"`
			KeyFile  string `yaml:"keyFile"`
		}
	}
}

// The snippet for Traefik is YAML, with a rule for both entry points.
func TestTraefik(t *testing.T) {
	unlisted := usual()
	unlisted.Domains = nil
	nameless := unlisted
	nameless.Server = ""
	for want, o := range map[string]Options{
		"Host(`setup.hoster.example`) || Host(`autoconfig.example.com`) || Host(`autodiscover.example.com`) || Host(`ua-auto-config.example.com`) || " +
			"Host(`autoconfig.firm.example`) || Host(`autodiscover.firm.example`) || Host(`ua-auto-config.firm.example`)": usual(),
		"Host(`setup.hoster.example`) || HostRegexp(`^(autoconfig|autodiscover|ua-auto-config)\\.`)": unlisted,
		"HostRegexp(`^(autoconfig|autodiscover|ua-auto-config)\\.`)":                                 nameless,
	} {
		var file traefikFile
		text := snippet(t, "traefik", o)
		if err := yaml.Unmarshal([]byte(text), &file); err != nil {
			t.Fatalf("%v:\n%s", err, text)
		}
		plain, secure := file.HTTP.Routers["mailhint-http"], file.HTTP.Routers["mailhint"]
		if plain.Rule != want || secure.Rule != want || plain.TLS != nil || secure.TLS == nil {
			t.Errorf("routers %+v and %+v, want the rule %s", plain, secure, want)
		}
		if !slices.Equal(plain.EntryPoints, []string{"web"}) || !slices.Equal(secure.EntryPoints, []string{"websecure"}) {
			t.Errorf("entry points %v and %v", plain.EntryPoints, secure.EntryPoints)
		}
		if servers := file.HTTP.Services["mailhint"].LoadBalancer.Servers; len(servers) != 1 || servers[0].URL != "http://127.0.0.1:8080" {
			t.Errorf("servers %v", servers)
		}
		if c := file.TLS.Certificates; len(c) != 1 || c[0].CertFile != "/etc/ssl/cert.pem" || c[0].KeyFile != "/etc/ssl/key.pem" {
			t.Errorf("certificates %v", c)
		}
		for i, want := range []string{"(Host(`example.com`)) && (Path(`/.well-known/caldav`) || Path(`/.well-known/jmap`))",
			"(Host(`firm.example`)) && (Path(`/.well-known/carddav`))"} {
			if r, ok := file.HTTP.Routers[fmt.Sprintf("mailhint-services-%d", i)]; ok != (o.Domains != nil) || ok && r.Rule != want {
				t.Errorf("services: %+v, want %s", r, want)
			}
		}
		if site, ok := file.HTTP.Routers["mailhint-site"]; ok != (o.Domains != nil) ||
			ok && !strings.HasPrefix(site.Rule, "(Host(`example.com`) || Host(`firm.example`)) && (PathPrefix(") {
			t.Errorf("the web sites: %+v", site)
		}
	}
}

// Let's Encrypt puts 100 names into one certificate.
func TestCertbot(t *testing.T) {
	for _, test := range []struct {
		kind, want string
		hosts      int
	}{
		{"nginx", "#   certbot certonly --nginx --cert-name mailhint -d setup.hoster.example -d autoconfig.example.com -d autodiscover.example.com -d ua-auto-config.example.com" +
			" -d autoconfig.firm.example -d autodiscover.firm.example -d ua-auto-config.firm.example\n", 0},
		{"apache", "#   certbot certonly --apache --cert-name mailhint -d setup.hoster.example -d ", 0},
		{"haproxy", `--deploy-hook 'cat "$RENEWED_LINEAGE/fullchain.pem" "$RENEWED_LINEAGE/privkey.pem" >"/etc/ssl/cert.pem"'`, 0},
		{"nginx", "#   --cert /etc/letsencrypt/live/mailhint/fullchain.pem --key /etc/letsencrypt/live/mailhint/privkey.pem\n", 0},
		{"nginx", " -d h98.example\n", 99},
		{"nginx", "# The certificate must cover all names below. They are more than the 100 that", 100},
	} {
		o := usual()
		if test.hosts > 0 {
			o.Hosts = nil
		}
		for i := range test.hosts {
			o.Hosts = append(o.Hosts, fmt.Sprintf("h%d.example", i))
		}
		if text := snippet(t, test.kind, o); !strings.Contains(text, test.want) {
			t.Errorf("%s does not contain %q:\n%s", test.kind, test.want, text)
		}
	}
}

// Only names that "mailhint dns" publishes are passed on, and only the paths of services that a domain has.
func TestOptionsFor(t *testing.T) {
	file := filepath.Join(t.TempDir(), "domains.toml")
	const common = "imap = \"imap.hoster.example\"\nsmtp = \"smtp.hoster.example\"\n"
	const starttls = "imap = \"imap.hoster.example\"\nsmtp = \"submission://smtp.hoster.example\"\n" // PACC cannot express it
	const text = "[server]\nname = \"autoconfig.hoster.example\"\n" +
		"[domains.\"hoster.example\"]\n" + common + "caldav = \"https://dav.hoster.example/\"\ncarddav = \"https://dav.hoster.example/\"\n" +
		"[domains.\"old.example\"]\n" + starttls +
		"[domains.\"closed.example\"]\nenabled = false\n" + common + "jmap = \"https://jmap.hoster.example/\"\n" +
		"[domains.\"lan.example\"]\nimap = \"imap+plain://imap.lan.example\"\nsmtp = \"submission+plain://smtp.lan.example\"\nallow_plaintext = [\"10.0.0.0/8\"]\n" +
		"[[domains.\"lan.example\".rules]]\nfrom = [\"10.1.0.0/16\"]\njmap = \"https://jmap.lan.example/\"\n"
	load := func(text string) *domains.Snapshot {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := domains.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	o := OptionsFor("nginx", load(text))
	if want := []string{"autodiscover.hoster.example", "ua-auto-config.hoster.example", "autoconfig.old.example", "autodiscover.old.example",
		"autoconfig.lan.example", "autodiscover.lan.example"}; !slices.Equal(o.Hosts, want) {
		t.Errorf("got the hosts %q, want %q", o.Hosts, want)
	}
	want := []Services{{[]settings.Domain{"hoster.example"}, []string{"/.well-known/caldav", "/.well-known/carddav"}},
		{[]settings.Domain{"lan.example"}, []string{"/.well-known/jmap"}}}
	if !reflect.DeepEqual(o.Services, want) {
		t.Errorf("got the services %v, want %v", o.Services, want)
	}
	wide := OptionsFor("nginx", load(text+"[domains.\"*.hoster.example\"]\n"+common))
	if text := snippet(t, "nginx", wide); !strings.Contains(text, "each server block of domains that have such services:") ||
		!strings.Contains(text, `location ~ ^/\.well-known/(caldav|carddav|jmap)$ {`) {
		t.Errorf("domains that are not listed lose their services:\n%s", text)
	}
}

// Every proxy that ends TLS with one certificate says how to order it, if the names are listed and not too many.
func TestCertbotCommands(t *testing.T) {
	for kind, want := range map[string]string{
		"nginx":  "#   certbot certonly --nginx --cert-name mailhint -d setup.hoster.example -d autoconfig.example.com ",
		"apache": "#   certbot certonly --apache --cert-name mailhint -d setup.hoster.example -d autoconfig.example.com ",
		"haproxy": "-d ua-auto-config.firm.example --pre-hook \"systemctl stop haproxy\" --post-hook \"systemctl start haproxy\" " +
			"--deploy-hook 'cat \"$RENEWED_LINEAGE/fullchain.pem\" \"$RENEWED_LINEAGE/privkey.pem\" >\"/etc/ssl/cert.pem\"'\n",
		"traefik": "-d ua-auto-config.firm.example --pre-hook \"systemctl stop traefik\" --post-hook \"systemctl start traefik\"\n",
	} {
		if text := snippet(t, kind, usual()); !strings.Contains(text, want) {
			t.Errorf("%s does not contain %q:\n%s", kind, want, text)
		}
	}
}

// Where the domains are not listed, every snippet says what the web sites of mail domains must pass on, and nothing there is in effect.
func TestWebSitesOfUnlistedDomains(t *testing.T) {
	o := usual()
	o.Domains = nil
	for _, kind := range Kinds {
		if kind == nginxSNI {
			continue // it does not see paths
		}
		text := snippet(t, kind, o)
		for _, want := range []string{"at its web site. Add this", "Calendars and the like are looked for there, too. Add this"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not contain %q:\n%s", kind, want, text)
			}
		}
		for line := range strings.Lines(text) {
			if strings.Contains(line, "example.com") && !strings.HasPrefix(strings.TrimSpace(line), "#") {
				t.Errorf("%s passes on an example: %s", kind, line)
			}
		}
	}
}
