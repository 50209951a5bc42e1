// Package proxies writes configuration for the web servers that can stand in front of mailhint: nginx, Caddy, Traefik, HAProxy and Apache.
// It makes them pass on the names that mail programs ask for.
//
// Such a proxy is set up wrong in the same few ways everywhere: it asks for a password, it drops the Host header, it passes on
// X-Forwarded headers that the client made up, or it has no certificate for the names. The configuration written here avoids all of that,
// and says in its first lines what domains.toml needs in turn.
package proxies

import (
	"bytes"
	"embed"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"unicode"
	"unicode/utf8"

	"mailhint/settings"
)

// Kinds are the servers that Snippet knows. nginx-sni passes TLS on unchanged, so that mailhint's own certificates are used.
var Kinds = []string{"nginx", nginxSNI, "caddy", "traefik", "haproxy", "apache"}

const nginxSNI = "nginx-sni"

// Options say what to pass on, and where to.
type Options struct {
	// Domains are the mail domains; nil if there are too many to list, or if not all their names are known. Then every name that begins
	// like those that mail programs ask for is passed on.
	Domains []settings.Domain
	// Hosts are the names of the Domains that point to mailhint in DNS, such as autoconfig.example.com.
	Hosts []string
	// Services are the calendars, contacts and JMAP services of domains, to which mailhint redirects.
	Services []Services
	// Server is mailhint's own host name; empty if it has none.
	Server string
	// HTTP and HTTPS are the addresses at which the proxy reaches mailhint, as "host:port". HTTPS is for nginx-sni only.
	HTTP, HTTPS string
	// Admin is the address where Caddy asks which names may have a certificate.
	Admin string
	// Cert and Key are the files of the proxy's certificate.
	Cert, Key string
	// ProxyProtocol is true if mailhint expects the PROXY protocol.
	ProxyProtocol bool
}

// Services are paths at which clients ask the web sites of mail domains for calendars, contacts or JMAP.
type Services struct {
	Domains []settings.Domain // nil if Options.Domains is
	Paths   []string
}

// maxListed is how many domains are listed by name. A longer list would be hard to read and soon out of date.
const maxListed = 50

// Snippet returns the configuration for one of the Kinds.
func Snippet(kind string, o Options) ([]byte, error) {
	t := snippets.Lookup(kind + ".tmpl")
	if t == nil {
		return nil, fmt.Errorf("unknown proxy %q; write one of %s", kind, strings.Join(Kinds, ", "))
	}
	for _, address := range []string{o.HTTP, o.HTTPS, o.Admin} {
		if err := checkAddress(address); err != nil {
			return nil, err
		}
	}
	for _, file := range []string{o.Cert, o.Key} {
		if err := checkFile(file); err != nil {
			return nil, err
		}
	}
	if len(o.Domains) > maxListed {
		o.Domains = nil
	}
	if o.Domains == nil {
		o.Hosts, o.Services = nil, together(o.Services)
	}
	var b bytes.Buffer
	err := t.Execute(&b, view{o})
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n'), err
}

// together puts all paths into one group for domains that are not listed.
func together(groups []Services) []Services {
	var paths []string
	for _, g := range groups {
		paths = append(paths, g.Paths...)
	}
	if paths == nil {
		return nil
	}
	slices.Sort(paths)
	return []Services{{Paths: slices.Compact(paths)}}
}

// Pattern is a regular expression for the paths.
func (s Services) Pattern() string {
	var names []string
	for _, path := range s.Paths {
		names = append(names, strings.TrimPrefix(path, wellKnown))
	}
	return `^/\.well-known/(` + strings.Join(names, "|") + ")$"
}

const wellKnown = "/.well-known/"

// Where says whose web site the paths are at.
func (s Services) Where() string {
	if s.Domains == nil {
		return "domains that have such services"
	}
	var names []string
	for _, d := range s.Domains {
		names = append(names, string(d))
	}
	return strings.Join(names, ", ")
}

// DomainRows are the domains in groups of four.
func (s Services) DomainRows() [][]settings.Domain { return rows(s.Domains) }

// rows are groups of four: HAProxy accepts at most 64 words per line.
func rows[T any](list []T) [][]T { return slices.Collect(slices.Chunk(list, 4)) }

// checkAddress refuses what is not an address to connect to. The templates escape nothing.
func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if _, fault := settings.ParseDomain(host); err != nil || fault != nil && host != "localhost" && net.ParseIP(host) == nil {
		return fmt.Errorf("%q is not a valid address of mailhint; write it as in 127.0.0.1:8080", address)
	}
	return nil
}

// checkFile refuses file names that cannot be written in the configuration of some server.
func checkFile(name string) error {
	odd := func(r rune) bool {
		return !unicode.IsPrint(r) || r == utf8.RuneError || strings.ContainsRune("\"'`$\\{}%", r)
	}
	if name == "" || strings.ContainsFunc(name, odd) {
		return fmt.Errorf("%q cannot be used as the file of a certificate or key here; write a path without quotes, $, %%, braces and backslashes", name)
	}
	return nil
}

// view is what the templates see.
type view struct{ Options }

// labels are the first labels of the names for which clients ask.
func labels() []string {
	var all []string
	for _, prefix := range settings.ServicePrefixes() {
		all = append(all, strings.TrimSuffix(prefix, "."))
	}
	return all
}

// Prefixes joins the first labels with what separates alternatives in a pattern.
func (v view) Prefixes(between string) string { return strings.Join(labels(), between) }

// Names are the host names to pass on: all if the domains are listed, else only our own.
func (v view) Names() []string {
	var names []string
	if v.Server != "" {
		names = append(names, v.Server)
	}
	return append(names, v.Hosts...)
}

// NameRows and DomainRows are the names and the domains in groups of four.
func (v view) NameRows() [][]string            { return rows(v.Names()) }
func (v view) DomainRows() [][]settings.Domain { return rows(v.Domains) }

// maxCertificateNames is how many names Let's Encrypt puts into one certificate.
const maxCertificateNames = 100

// Certificate is what the template "certificate" sees.
func (v view) Certificate(plugin, service string) certificate { return certificate{v, plugin, service} }

// certificate explains how to order the certificate with a plugin of Certbot.
type certificate struct {
	view
	plugin  string
	service string // of the proxy in systemd, which must not run while Certbot answers at port 80 itself
}

// Certbot is the command; "" if there are too many names for it.
func (c certificate) Certbot() string {
	names := c.Names()
	if len(names) > maxCertificateNames {
		return ""
	}
	command := "certbot certonly --" + c.plugin + " --cert-name mailhint -d " + strings.Join(names, " -d ")
	if c.plugin == "standalone" {
		command += fmt.Sprintf(` --pre-hook "systemctl stop %s" --post-hook "systemctl start %[1]s"`, c.service)
	}
	if c.copied() {
		command += ` --deploy-hook 'cat "$RENEWED_LINEAGE/fullchain.pem" "$RENEWED_LINEAGE/privkey.pem" >"` + c.Cert + `"'`
	}
	return command
}

// copied reports whether the proxy needs certificate and key in one file, which Certbot does not write.
func (c certificate) copied() bool { return c.service == "haproxy" }

// MaxCertificateNames is maxCertificateNames.
func (c certificate) MaxCertificateNames() int { return maxCertificateNames }

// CertbotFolder is where Certbot puts the certificate; "" if the proxy reads it there already, or gets a copy.
func (c certificate) CertbotFolder() string {
	if c.copied() || c.Cert == certbotFolder+"fullchain.pem" && c.Key == certbotFolder+"privkey.pem" {
		return ""
	}
	return certbotFolder
}

// certbotFolder belongs to --cert-name mailhint.
const certbotFolder = "/etc/letsencrypt/live/mailhint/"

// Location is the content of a location of nginx.
func (v view) Location(indent, to string) location { return location{indent, to} }

type location struct{ Indent, To string }

// Example is a name to test with.
func (v view) Example() string {
	if len(v.Domains) == 0 {
		return settings.AutoconfigPrefix + "example.com"
	}
	return settings.AutoconfigPrefix + string(v.Domains[0])
}

// Trusted is the list for trusted_proxies: loopback if the proxy runs on the same machine as mailhint, else an example.
func (v view) Trusted() (string, error) {
	host, _, err := net.SplitHostPort(v.HTTP)
	if err != nil {
		return "", err
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return `["127.0.0.1", "::1"]`, nil
	}
	return `["192.0.2.1"]        # the address from which this proxy connects to mailhint`, nil
}

// Aliases are the names for Apache, which has patterns of its own. The first one is never a pattern.
func (v view) Aliases() []string {
	names := v.Names()
	if len(v.Domains) > 0 {
		return names
	}
	if len(names) == 0 {
		names = append(names, "mailhint.invalid") // never asked for
	}
	for _, prefix := range settings.ServicePrefixes() {
		names = append(names, prefix+"*")
	}
	return names
}

//go:embed *.tmpl
var files embed.FS

var snippets = template.Must(template.New("").Funcs(template.FuncMap{"nginx": nginxName}).ParseFS(files, "*.tmpl"))

// nginxName writes a name for server_name. A long one becomes a pattern, because nginx does not start with a name that does not fit in
// its table of names, which by default has room for 64 octets including nginx's own data.
func nginxName(name string) string {
	if len(name) <= 40 {
		return name
	}
	return "~^" + regexp.QuoteMeta(name) + "$"
}
