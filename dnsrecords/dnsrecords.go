// Package dnsrecords knows which DNS records a mail domain should publish so that mail clients find its settings, compares them with those
// that it does publish, and prints them in the formats of name servers and their tools.
//
// There are two kinds of records. Names such as autoconfig.example.com point to a mailhint server, which answers with all settings. SRV
// records (RFC 2782) name the mail servers themselves (RFC 6186, RFC 8314 section 5.1) and need no server of ours, but they say less, and
// fewer clients read them: neither Thunderbird nor Apple Mail uses them for mail. A TXT record "mailconf=URL" is not among them: no
// document specifies it, and of all clients only Himalaya and its relatives read it.
//
// Read record.go and dnsrecords.go first (the records, and which of them a domain should publish), then compare.go and published.go (how
// they differ from those that are published), print.go, tools.go, domain_connect.go and certbot.go (the formats), print_diff.go,
// and lookup.go and print_domains.go (the same for many domains).
package dnsrecords

import (
	"cmp"
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"mailhint/settings"
)

// Variant is how a domain points clients to a mailhint server.
type Variant uint8

const (
	// Hosts uses names of the domain that point to the server, which needs a certificate for them. Every client finds it.
	Hosts Variant = iota
	// SRVOnly uses an SRV record with the server's own name, for which it has a certificate. Only clients that look up Autodiscover by SRV
	// find it, and Outlook asks users whether it may follow.
	SRVOnly
)

// Options are what the records depend on besides the settings of a domain.
type Options struct {
	Variant Variant
	// Server is the mailhint server's own host name; empty if it is not known.
	Server string
	// Addresses, if any, are the server's. With the variant Hosts they are published in place of aliases of its name.
	Addresses []netip.Addr
	// TTL is how long a record may be cached, in seconds.
	TTL uint32
	// PACC is the content of the TXT record that belongs to the domain's PACC document; empty if it has none. Clients look for the document
	// under a name of the domain, so the variant SRVOnly has neither.
	PACC string
}

// ErrNoServer means that Options have neither the name nor the addresses of the mailhint server. Ask for its host name.
var ErrNoServer = errors.New("the host name of the mailhint server is not known")

// For returns the records for a domain: those that point to the mailhint server, then Services.
func For(found settings.Found, o Options) ([]Record, error) {
	if o.Server == "" && (o.Variant == SRVOnly || len(o.Addresses) == 0) {
		return nil, ErrNoServer
	}
	l := list{domain: string(found.Domain), ttl: o.TTL}
	l.server(o)
	l.services(found)
	if o.Variant == Hosts && o.PACC != "" {
		l.add(labelPACC, Text(o.PACC), "digest of the PACC document; when settings change, publish the new digest beside the old one first")
	}
	return l.records, nil
}

// Services returns the records that name the mail servers and other services of a domain: all that clients learn that read only SRV
// records.
func Services(found settings.Found, ttl uint32) []Record {
	l := list{domain: string(found.Domain), ttl: ttl}
	l.services(found)
	return l.records
}

// list collects the records of a domain.
type list struct {
	domain  string
	ttl     uint32
	records []Record
}

// maxName is the maximum length of a name (RFC 1035 section 2.3.4).
const maxName = 253

// add appends a record for a name below the domain, unless the name would be too long.
func (l *list) add(label string, data Data, remark string) {
	if name := label + "." + l.domain; len(name) <= maxName {
		l.records = append(l.records, Record{name, l.ttl, data, remark})
	}
}

// server appends the records that point to the mailhint server.
//
// There is only one _autodiscover record, because Thunderbird uses the one with the lowest weight and Outlook the one with the lowest
// priority. Its port is 443, because Thunderbird connects to no other.
func (l *list) server(o Options) {
	autodiscover := Service{Port: 443, Target: o.Server}
	if o.Variant == SRVOnly {
		l.add(labelAutodiscover, autodiscover, "used by Outlook and Thunderbird")
		return
	}
	l.host("autoconfig", o, "used by Thunderbird, K-9, Evolution, KMail, Delta Chat and others")
	l.host("autodiscover", o, "used by Outlook and others")
	if o.PACC != "" {
		l.host("ua-auto-config", o, "used by clients that support PACC")
	}
	if len(o.Addresses) > 0 { // then the name is not an alias, and may be the target of an SRV record (RFC 2782)
		autodiscover.Target = "autodiscover." + l.domain
	}
	l.add(labelAutodiscover, autodiscover, "used by Outlook and Thunderbird if the name autodiscover does not answer")
}

// host appends the records of a name that points to the mailhint server, unless it is the server's own name.
func (l *list) host(label string, o Options, remark string) {
	for _, a := range o.Addresses {
		l.add(label, Address(a), remark)
	}
	if len(o.Addresses) == 0 && o.Server != label+"."+l.domain {
		l.add(label, Alias(o.Server), remark)
	}
}

// step is the difference between the priorities of one server and the next.
const step = 10

// services appends the records that name the servers.
func (l *list) services(found settings.Found) {
	if len(found.Incoming())+len(found.Outgoing()) > 0 { // otherwise the mail is elsewhere, and nothing is known about it
		l.mail(found, settings.IMAP, settings.POP3)
		l.mail(found, settings.Submission)
	}
	for i, s := range describable(found, found.Of(settings.ManageSieve)) {
		l.add(labelSieve, newService(found, s, i*step), "mail filters (RFC 5804)")
	}
	l.web(found, labelCalDAV, found.CalDAV, "calendars (RFC 6764)")
	l.path(found, labelCalDAV, found.CalDAV)
	l.web(found, labelCardDAV, found.CardDAV, "contacts (RFC 6764)")
	l.path(found, labelCardDAV, found.CardDAV)
	l.web(found, labelJMAP, found.JMAP, "JMAP (RFC 8620)") // the path is found by way of /.well-known/jmap
}

// serviceName is the name of the SRV record for a protocol in one TLS mode (RFC 6186 section 3, RFC 8314 section 5.1).
type serviceName struct {
	protocol settings.Protocol
	security settings.Security
	label    string
}

// serviceNames has no names for servers without TLS: Evolution and FairEmail use STARTTLS if there is no s in the name.
var serviceNames = []serviceName{
	{settings.IMAP, settings.ImplicitTLS, labelIMAPS},
	{settings.IMAP, settings.STARTTLS, labelIMAP},
	{settings.POP3, settings.ImplicitTLS, labelPOP3S},
	{settings.POP3, settings.STARTTLS, labelPOP3},
	{settings.Submission, settings.ImplicitTLS, labelSubmissions},
	{settings.Submission, settings.STARTTLS, labelSubmission},
}

// mail appends the records of protocols with the same purpose. The priorities continue from one protocol to the next, because they also
// choose between IMAP and POP3 (RFC 6186 section 3.4). The target "." says that a service is not offered.
func (l *list) mail(found settings.Found, protocols ...settings.Protocol) {
	priority := 0
	for _, p := range protocols {
		offered := found.Of(p)
		servers := describable(found, offered)
		if len(servers) == 0 && len(offered) > 0 {
			continue // it is offered, but SRV records cannot say how to use it: publish nothing
		}
		for _, n := range serviceNames {
			if n.protocol == p {
				l.service(found, n, servers, priority)
			}
		}
		priority += len(servers) * step
	}
}

// service appends the records of a protocol's servers in one TLS mode. The first server of the protocol gets the given priority.
func (l *list) service(found settings.Found, n serviceName, servers []settings.Server, priority int) {
	offered := false
	for i, s := range servers {
		if s.Security != n.security {
			continue
		}
		offered = true
		remark := n.protocol.String() + " with " + n.security.String()
		if i == 0 && priority == 0 {
			remark += ", preferred"
		}
		l.add(n.label, newService(found, s, priority+i*step), remark)
	}
	if !offered {
		l.add(n.label, Service{}, n.protocol.String()+" with "+n.security.String()+" is not offered")
	}
}

// describable returns the servers that SRV records can describe: those with TLS where the login is the address or its local part, which is
// what clients try (RFC 6186 section 4).
func describable(found settings.Found, servers []settings.Server) []settings.Server {
	var kept []settings.Server
	for _, s := range servers {
		if s.Security != settings.Plaintext && s.Login.For(found.Domain, found.Primary).IsPlain() {
			kept = append(kept, s)
		}
	}
	return kept
}

// newService returns the content of the record for a mail server. FairEmail prefers _submission to _submissions unless the priorities differ.
func newService(found settings.Found, s settings.Server, priority int) Service {
	return Service{uint16(priority), 1, s.Port, s.Host.Expand(string(found.Domain), string(found.Primary))}
}

// web appends the record for a service at a URL.
func (l *list) web(found settings.Found, label string, address settings.Pattern, remark string) {
	u, ok := parseURL(found, address)
	if !ok {
		return
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		port = 443
	}
	l.add(label, Service{0, 1, uint16(port), strings.ToLower(u.Hostname())}, remark)
}

// path appends the record with the path of a service at a URL (RFC 6764 section 4), if it fits into one character string. Without it clients
// use /.well-known/caldav or /.well-known/carddav.
func (l *list) path(found settings.Found, label string, address settings.Pattern) {
	u, ok := parseURL(found, address)
	if !ok {
		return
	}
	path := cmp.Or(u.RawPath, u.EscapedPath(), "/") // RawPath is the path as it was written; it is empty if that is EscapedPath
	if text := Text("path=" + path); len(text) <= maxString {
		l.add(label, text, "path on that server")
	}
}

// parseURL reads the URL of a service, if there is one.
func parseURL(found settings.Found, address settings.Pattern) (*url.URL, bool) {
	if address == "" {
		return nil, false
	}
	u, err := url.Parse(address.Expand(string(found.Domain), string(found.Primary)))
	return u, err == nil && u.Hostname() != ""
}
