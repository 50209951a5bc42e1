package settings

import (
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

// Lookup finds the settings a question asks for: those of the address's domain if it is known here, else those of the Host's
// domain. It makes no outside call, and reports false if neither is known.
type Lookup func(Question) (Found, bool)

// OwnHost returns the name that an answer for a domain may lead to: the one by which the request reached us, whose certificate is
// good, if it is one of ours, else the domain's own with a prefix such as "autodiscover.". A Host header is a stranger's: an answer
// that led wherever it says could be planted in somebody's cache.
func (l Lookup) OwnHost(host, client, prefix string, d Domain) string {
	if _, ours := l(Ask(host, client, Address{})); ours {
		return host
	}
	return prefix + string(d)
}

// Ask makes the question of a request out of its host name, the client's "address:port", and the address it names, if any.
//
// A Host may carry one of the prefixes or be the bare mail domain; many programs send nothing else (Thunderbird for Android, KMail,
// Delta Chat's well-known request).
func Ask(host, client string, a Address) Question {
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
