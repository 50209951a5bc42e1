package settings

import (
	"context"
	"errors"
	"net/netip"
	"strings"
)

// Question is what a request tells about whom it asks for.
type Question struct {
	Address Address    // the address in the request; the zero Address if there is none
	Host    Domain     // the mail domain the Host header stands for; empty if it names none
	Client  netip.Addr // where the request comes from; the zero Addr if unknown
}

// Found is the answer to a Question: the settings, and for which domain they hold.
type Found struct {
	*Settings
	// Domain is the name asked for: the only one an answer may mention.
	Domain Domain
	// Primary is the domain that Domain is an alias of, or Domain itself.
	Primary Domain
	// Varies is true if another address of the domain or another network could get other settings, so that no shared cache may
	// keep the answer.
	Varies bool
}

// Lookup finds the settings that a question asks for: those of the address's domain if it is configured here, else those of the Host's
// domain. It makes no outside call while a request waits. Its error wraps one of ErrDomainNotFound, ErrNotForClient and
// ErrUnavailable; any other is a fault of the store. Many goroutines call it at once.
type Lookup func(context.Context, Question) (Found, error)

// Why there are no settings, or no answer made of them.
var (
	// ErrDomainNotFound means that neither domain of the question is configured here, or that it is switched off. Tell the client that
	// there is nothing; it looks elsewhere.
	ErrDomainNotFound = errors.New("domain not found")
	// ErrNotForClient means that the domain is configured and has no settings for this client's network. To the client this must look
	// like ErrDomainNotFound; an admin may see the difference.
	ErrNotForClient = errors.New("no settings for this client")
	// ErrUnavailable means that the settings cannot be looked up now. Ask the client to come back soon, and do not tell it that there is
	// nothing: it would go on to guess.
	ErrUnavailable = errors.New("settings are temporarily unavailable")
	// ErrNotExpressible means that the domain has settings, and that the format asked for cannot express them. The packages of the
	// formats put their name in front of it and the reason behind it.
	ErrNotExpressible = errors.New("cannot express these settings")
)

// NewQuestion returns the question of a request with the given host name, the client's "address:port", and the address it asks for, if
// any.
//
// The host is one of the service names of a mail domain or the bare mail domain; many clients send nothing else (Thunderbird for
// Android, KMail, Delta Chat's well-known request).
func NewQuestion(host, client string, a Address) Question {
	q := Question{Address: a, Host: MailDomain(host)}
	if ap, err := netip.ParseAddrPort(client); err == nil {
		q.Client = ap.Addr().Unmap().WithZone("")
	}
	return q
}

// MailDomain returns the mail domain that a host name (without port) stands for, or "" if it stands for none.
func MailDomain(host string) Domain {
	host = strings.ToLower(host)
	if d := ServedDomain(host); d != "" {
		return d
	}
	d, err := ParseDomain(host) // also autoconfig.com, which is a domain like others
	if err != nil {
		return ""
	}
	return d
}

// ServiceHosts returns the names under which programs ask for a domain.
func ServiceHosts(d Domain) []string {
	var hosts []string
	for _, prefix := range servicePrefixes {
		hosts = append(hosts, prefix+string(d))
	}
	return hosts
}

// ServedDomain returns the mail domain whose programs ask under a host name in lower case: example.com for autoconfig.example.com.
// It is "" for every other name, a bare domain's too.
func ServedDomain(host string) Domain {
	for _, prefix := range servicePrefixes {
		if rest, ok := strings.CutPrefix(host, prefix); ok {
			if d, err := ParseDomain(rest); err == nil {
				return d
			}
		}
	}
	return ""
}
