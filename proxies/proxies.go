// Package proxies writes what other web servers need to pass requests on to mailhint: a piece of configuration for nginx, Caddy,
// Traefik, HAProxy and Apache, with the names that mail programs ask for.
//
// A proxy in front of mailhint goes wrong in the same few ways everywhere: it asks for a password, it loses the Host header, it
// hands on X-Forwarded headers that the client invented, or it has no certificate for the names. The pieces here do none of that,
// and say in their first lines what domains.toml must say in turn.
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

// Kinds are the servers that Snippet knows. nginx-sni passes TLS on as it is, so that mailhint's own certificates are used.
var Kinds = []string{"nginx", "nginx-sni", "caddy", "traefik", "haproxy", "apache"}

// Options say what to pass on, and where to.
type Options struct {
	// Domains are the mail domains; nil if there are too many to be listed, or if their names are not known. Then every name is
	// passed on that begins as mail programs ask.
	Domains []settings.Domain
	// Server is mailhint's own host name; empty if it has none.
	Server string
	// HTTP and HTTPS are the addresses at which the proxy reaches mailhint, as "host:port". HTTPS is for nginx-sni only.
	HTTP, HTTPS string
	// Admin is the address for Caddy's question which names are ours.
	Admin string
	// Cert and Key are the files of the certificate that the proxy shows.
	Cert, Key string
	// ProxyProtocol is true if mailhint wants the PROXY protocol.
	ProxyProtocol bool
}

// MaxListed is how many domains are listed by name. A longer list is slow to read and out of date soon.
const MaxListed = 50

// Snippet returns the piece of configuration for one of the Kinds.
func Snippet(kind string, o Options) ([]byte, error) {
	t := snippets.Lookup(kind + ".tmpl")
	if t == nil {
		return nil, fmt.Errorf("unknown proxy %q; there are %s", kind, strings.Join(Kinds, ", "))
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
	if len(o.Domains) > MaxListed {
		o.Domains = nil
	}
	var b bytes.Buffer
	err := t.Execute(&b, view{o})
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n'), err
}

// checkAddress refuses what is no address to connect to. The pieces are written by templates that escape nothing.
func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if _, fault := settings.ParseDomain(host); err != nil || fault != nil && host != "localhost" && net.ParseIP(host) == nil {
		return fmt.Errorf("%q is no address of mailhint; write it like 127.0.0.1:8080", address)
	}
	return nil
}

// checkFile refuses file names that some of the servers could not be told.
func checkFile(name string) error {
	odd := func(r rune) bool {
		return !unicode.IsPrint(r) || r == utf8.RuneError || strings.ContainsRune("\"'`$\\{}%", r)
	}
	if name == "" || strings.ContainsFunc(name, odd) {
		return fmt.Errorf("%q can be no file of a certificate here; write a path without quotes, $, %%, braces and backslashes", name)
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

// Prefixes are joined by what a pattern has between alternatives.
func (v view) Prefixes(between string) string { return strings.Join(labels(), between) }

// Names are the host names to pass on: all if the domains are listed, else only our own.
func (v view) Names() []string {
	var names []string
	if v.Server != "" {
		names = append(names, v.Server)
	}
	for _, d := range v.Domains {
		names = append(names, settings.ServiceHosts(d)...)
	}
	return names
}

// NameRows are the names by fours, and DomainRows the domains: HAProxy takes at most 64 words a line.
func (v view) NameRows() [][]string            { return slices.Collect(slices.Chunk(v.Names(), 4)) }
func (v view) DomainRows() [][]settings.Domain { return slices.Collect(slices.Chunk(v.Domains, 4)) }

// Example is a name to test with.
func (v view) Example() string {
	if len(v.Domains) == 0 {
		return settings.AutoconfigPrefix + "example.com"
	}
	return settings.AutoconfigPrefix + string(v.Domains[0])
}

// Trusted is the list of trusted_proxies, if the proxy runs on the machine of mailhint.
func (v view) Trusted() (string, error) {
	host, _, err := net.SplitHostPort(v.HTTP)
	if err != nil {
		return "", err
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return `["127.0.0.1", "::1"]`, nil
	}
	return `["192.0.2.1"]        # the address from which this proxy comes to mailhint`, nil
}

// Aliases are the names for Apache, which has patterns of its own. The first is no pattern.
func (v view) Aliases() []string {
	names := v.Names()
	if len(v.Domains) > 0 {
		return names
	}
	if len(names) == 0 {
		names = append(names, "mailhint.invalid") // nobody asks for it
	}
	for _, prefix := range settings.ServicePrefixes() {
		names = append(names, prefix+"*")
	}
	return names
}

//go:embed *.tmpl
var files embed.FS

var snippets = template.Must(template.New("").Funcs(template.FuncMap{"nginx": nginxName}).ParseFS(files, "*.tmpl"))

// nginxName spells a name for server_name. Long ones are patterns, because nginx does not start with a name that does not fit into its
// table of names as it is by default (64 octets with its own data).
func nginxName(name string) string {
	if len(name) <= 40 {
		return name
	}
	return "~^" + regexp.QuoteMeta(name) + "$"
}
