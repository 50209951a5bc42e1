package settings

import (
	"context"
	"errors"
	"net/netip"
	"strings"
)

// Question is what a request says about whose settings it wants.
type Question struct {
	Address Address    // the address in the request; the zero Address if there is none
	Host    Domain     // the mail domain the Host header stands for; empty if it names none
	Client  netip.Addr // where the request comes from; the zero Addr if unknown
}

// Found is the answer to a Question: the settings, and the domain that they are for.
type Found struct {
	*Settings
	// Domain is the name asked for: the only one an answer may mention.
	Domain Domain
	// Primary is the domain that Domain is an alias of, or Domain itself.
	Primary Domain
	// Varies is true if another address of the domain or another network could get other settings, so that no shared cache may
	// keep the answer.
	Varies bool
	// VariesByNetwork is true if another network could get other settings. Then the answer is not for pages of strangers either, which
	// run in a browser inside the network.
	VariesByNetwork bool

	// Template is Settings with holes in the places of Values: what is prepared of it serves for many domains that differ in nothing else. It is
	// nil for settings that were not made of one.
	Template *Settings
	Values   []Pattern

	// FindNames finds login names in the look-ups of the settings; nil if they have none, or if nothing is to be looked up.
	FindNames FindLoginNames
	names     []string // the login name of one person in each of Settings.Lookups; "" where it is not known
}

// Common returns what a document should be prepared of that Values are filled into: the Template, or the Settings themselves.
func (f Found) Common() *Settings {
	if f.Template != nil {
		return f.Template
	}
	return f.Settings
}

// AppendValues appends Values with their placeholders replaced.
func (f Found) AppendValues(list []string) []string {
	for _, v := range f.Values {
		list = append(list, v.Expand(string(f.Domain), string(f.Primary)))
	}
	return list
}

// Lookup finds the settings for a question: those of the address's domain if it is configured here, else those of the Host's domain. It
// answers from memory; a store that cannot returns ErrUnavailable instead of making the request wait. Its error wraps ErrDomainNotFound,
// ErrNotForClient or ErrUnavailable; any other error is a fault of the store. It may be called by several goroutines at once.
type Lookup func(context.Context, Question) (Found, error)

// Why there are no settings for a question, or no answer in a format.
var (
	// ErrDomainNotFound means that neither domain of the question is configured here, or that it is switched off. Tell the client that
	// there is nothing, so that it looks elsewhere.
	ErrDomainNotFound = errors.New("domain not found")
	// ErrNotForClient means that the domain is configured and has no settings for this client's network. To the client this must look
	// like ErrDomainNotFound; an admin may see the difference.
	ErrNotForClient = errors.New("no settings for this client")
	// ErrUnavailable means that the settings cannot be looked up now. Ask the client to try again soon, and do not tell it that there is
	// nothing: it would start guessing.
	ErrUnavailable = errors.New("settings are temporarily unavailable")
	// ErrNotExpressible means that the domain has settings which the requested format cannot express. The packages of the formats wrap it
	// with their name and the reason.
	ErrNotExpressible = errors.New("cannot express these settings")
)

// NewQuestion returns the question of a request with the given host name, the client's "address:port", and the address it asks for, if
// any.
//
// The host is one of the service names of a mail domain or the bare mail domain; many clients send nothing else (Thunderbird for
// Android, KMail, Delta Chat's well-known request).
func NewQuestion(host, client string, a Address) Question {
	return Question{Address: a, Host: DomainOfHost(host)}.From(client)
}

// From returns the question of a client at an "address:port".
func (q Question) From(client string) Question {
	if ap, err := netip.ParseAddrPort(client); err == nil {
		q.Client = ap.Addr().Unmap().WithZone("")
	}
	return q
}

// DomainOfHost returns the mail domain that a request for a host name (without port) is about: that of a service host, or the name
// itself; "" if it cannot be a mail domain.
func DomainOfHost(host string) Domain {
	host = strings.ToLower(host)
	if d := DomainOfServiceHost(host); d != "" {
		return d
	}
	d, err := ParseDomain(host) // also autoconfig.com, a domain like any other
	if err != nil {
		return ""
	}
	return d
}

// ServiceHosts returns the host names that clients send requests for a domain to, such as autoconfig.example.com.
func ServiceHosts(d Domain) []string {
	var hosts []string
	for _, prefix := range servicePrefixes {
		hosts = append(hosts, prefix+string(d))
	}
	return hosts
}

// DomainOfServiceHost is the inverse of ServiceHosts: it returns example.com for autoconfig.example.com. The name must be in lower
// case. It returns "" for every other name, also for a bare domain.
func DomainOfServiceHost(host string) Domain {
	for _, prefix := range servicePrefixes {
		if rest, ok := strings.CutPrefix(host, prefix); ok {
			if d, err := ParseDomain(rest); err == nil {
				return d
			}
		}
	}
	return ""
}
