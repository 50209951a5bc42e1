// Package dnsrecords says which DNS records a mail domain should publish, so that mail programs find its settings, and prints them
// in the forms that name servers and their tools read.
//
// Two kinds of records help. Names such as autoconfig.example.com lead programs to a mailhint server, which tells them everything.
// SRV records (RFC 2782) name the mail servers themselves (RFC 6186, RFC 8314 section 5.1) and need no server of ours, but they
// tell less, and fewer programs read them: neither Thunderbird nor Apple Mail does for mail. A TXT record "mailconf=URL" is not
// among them: nothing specifies it, and of all programs only Himalaya's family reads it.
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

// Variant is how a domain leads programs to a mailhint server.
type Variant uint8

const (
	// Hosts gives the domain names of its own for the server, which needs a certificate for them. Every program finds it.
	Hosts Variant = iota
	// SRVOnly names the server in an SRV record, under its own name and with its own certificate. Only programs that ask for
	// Autodiscover by SRV find it, and Outlook asks people whether it may follow.
	SRVOnly
)

// Options are what the settings of a domain do not say.
type Options struct {
	Variant Variant
	// Server is the mailhint server's own host name.
	Server string
	// Addresses, if any, are the server's. They are published under the names of the variant Hosts in place of its name.
	Addresses []netip.Addr
	// TTL is how long a record may be cached, in seconds.
	TTL uint32
	// PACC is the content of the TXT record that goes with the domain's PACC document; empty if it has none. Programs look for
	// the document under a name of the domain, so that the variant SRVOnly has neither.
	PACC string
}

// ErrNoServer means that nothing in Options says where the mailhint server is. Ask for its host name.
var ErrNoServer = errors.New("the host name of the mailhint server is not known")

// For returns the records for a domain: those that lead to the mailhint server, then Services.
func For(found settings.Found, o Options) ([]Record, error) {
	if o.Server == "" && (o.Variant == SRVOnly || len(o.Addresses) == 0) {
		return nil, ErrNoServer
	}
	l := list{domain: string(found.Domain), ttl: o.TTL}
	l.server(o)
	l.services(found)
	if o.Variant == Hosts && o.PACC != "" {
		l.add(labelPACC, Text(o.PACC), "digest of the PACC document; when settings change, publish the new one beside the old one first")
	}
	return l.records, nil
}

// Services returns the records that name the mail servers of a domain and its other services: all that a program gets to know that
// reads SRV records.
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

// maxName is how long a name can be (RFC 1035 section 2.3.4).
const maxName = 253

// add appends a record for a name below the domain, if the domain leaves room for it.
func (l *list) add(label string, data Data, remark string) {
	if name := label + "." + l.domain; len(name) <= maxName {
		l.records = append(l.records, Record{name, l.ttl, data, remark})
	}
}

// server appends what leads to the mailhint server.
//
// There is one _autodiscover record, because Thunderbird takes the one with the lowest weight and Outlook the one with the lowest
// priority, and its port is 443, because Thunderbird connects to no other.
func (l *list) server(o Options) {
	autodiscover := Service{Port: 443, Target: o.Server}
	if o.Variant == SRVOnly {
		l.add(labelAutodiscover, autodiscover, "Outlook and Thunderbird look here")
		return
	}
	l.host("autoconfig", o, "Thunderbird, K-9, Evolution, KMail, Delta Chat and others ask here")
	l.host("autodiscover", o, "Outlook and others ask here")
	if o.PACC != "" {
		l.host("ua-auto-config", o, "programs that know PACC ask here")
	}
	if len(o.Addresses) > 0 { // the name is no CNAME then, and may be the target of an SRV record (RFC 2782)
		autodiscover.Target = "autodiscover." + l.domain
	}
	l.add(labelAutodiscover, autodiscover, "Outlook and Thunderbird look here when the name autodiscover does not answer")
}

// host appends the records of a name that leads to the mailhint server, unless it is the server's own.
func (l *list) host(label string, o Options, remark string) {
	for _, a := range o.Addresses {
		l.add(label, Address(a), remark)
	}
	if len(o.Addresses) == 0 && o.Server != label+"."+l.domain {
		l.add(label, Alias(o.Server), remark)
	}
}

// step is what the priority grows by from the best server to the next.
const step = 10

// services appends what names the servers.
func (l *list) services(found settings.Found) {
	if len(found.Incoming())+len(found.Outgoing()) > 0 { // else the mail is elsewhere, and nothing is known about it
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

// serviceName is the name of the SRV record for a way to reach a mail server (RFC 6186 section 3, RFC 8314 section 5.1).
type serviceName struct {
	protocol settings.Protocol
	security settings.Security
	label    string
}

// serviceNames has none for servers without encryption: Evolution and FairEmail use STARTTLS when there is no s in the name.
var serviceNames = []serviceName{
	{settings.IMAP, settings.ImplicitTLS, labelIMAPS},
	{settings.IMAP, settings.STARTTLS, labelIMAP},
	{settings.POP3, settings.ImplicitTLS, labelPOP3S},
	{settings.POP3, settings.STARTTLS, labelPOP3},
	{settings.Submission, settings.ImplicitTLS, labelSubmissions},
	{settings.Submission, settings.STARTTLS, labelSubmission},
}

// mail appends the records of protocols that do the same for a person. The order of preference goes through all of their servers:
// the priority chooses between IMAP and POP3 too (RFC 6186 section 3.4). What is not offered is said to be so with the target ".".
func (l *list) mail(found settings.Found, protocols ...settings.Protocol) {
	priority := 0
	for _, p := range protocols {
		offered := found.Of(p)
		servers := describable(found, offered)
		if len(servers) == 0 && len(offered) > 0 {
			continue // it is there, but SRV records cannot tell how to use it: then they are silent
		}
		for _, n := range serviceNames {
			if n.protocol == p {
				l.way(found, n, servers, priority)
			}
		}
		priority += len(servers) * step
	}
}

// way appends the records of one way to reach a protocol's servers. The first server of the protocol gets the given priority.
func (l *list) way(found settings.Found, n serviceName, servers []settings.Server, priority int) {
	there := false
	for i, s := range servers {
		if s.Security != n.security {
			continue
		}
		there = true
		remark := n.protocol.String() + " with " + n.security.String()
		if i == 0 && priority == 0 {
			remark += ", preferred"
		}
		l.add(n.label, newService(found, s, priority+i*step), remark)
	}
	if !there {
		l.add(n.label, Service{}, n.protocol.String()+" with "+n.security.String()+" is not offered")
	}
}

// describable keeps the servers that SRV records can describe: encrypted ones, at which the login is the address or the local part
// of it, which is what programs try (RFC 6186 section 4).
func describable(found settings.Found, servers []settings.Server) []settings.Server {
	var kept []settings.Server
	for _, s := range servers {
		if s.Security != settings.Plaintext && s.Login.For(found.Domain, found.Primary).IsPlain() {
			kept = append(kept, s)
		}
	}
	return kept
}

// newService points at a mail server. FairEmail takes _submission before _submissions unless the priorities differ.
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

// path appends the record that tells the path of a service at a URL (RFC 6764 section 4), if it can be one character string. Without
// it programs ask at /.well-known/caldav or /.well-known/carddav.
func (l *list) path(found settings.Found, label string, address settings.Pattern) {
	u, ok := parseURL(found, address)
	if !ok {
		return
	}
	path := cmp.Or(u.RawPath, u.EscapedPath(), "/") // RawPath is as it was written, unless that is EscapedPath
	if text := Text("path=" + path); len(text) <= maxString {
		l.add(label, text, "where on that server")
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
