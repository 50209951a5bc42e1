package choices

import (
	"cmp"
	"slices"
	"strings"

	"mailhint/dnsrecords"
	"mailhint/settings"
)

// FromSRV is what SRV records say to a client, the best server first. The login name is the address (RFC 6186 section 4 tries it first). The
// server itself says how to log in: those of the settings have their methods, others are expected to take passwords.
func FromSRV(c Client, records []dnsrecords.Record, found settings.Found) (d Document) {
	type ranked struct {
		Entry
		rank int
	}
	var all []ranked
	for _, r := range records {
		service, ok := r.Data.(dnsrecords.Service)
		kind, known := kindOfSRV(r.Name)
		if !ok || !known || service.Target == "" {
			continue
		}
		e := Entry{Kind: kind.name, Host: service.Target, Port: service.Port, Security: kind.security, Auths: []settings.Auth{settings.Password}}
		for _, s := range found.Servers {
			if KindOf(s.Protocol) == e.Kind && s.Host.Expand(string(found.Domain), string(found.Primary)) == e.Host && s.Port == e.Port {
				e.Auths = s.Auth
			}
		}
		rank := int(service.Priority)*4 + int(kind.security)
		if c.tieSTARTTLS && kind.name == "smtp" && kind.security == settings.STARTTLS {
			rank -= 2
		}
		all = append(all, ranked{e, rank})
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(a.rank, b.rank) })
	for _, r := range all {
		d.Servers = append(d.Servers, r.Entry)
	}
	return d
}

type srvKind struct {
	name     string
	security settings.Security
}

// srvKinds are the SRV records of mail servers (RFC 6186, RFC 8314 section 5.1).
var srvKinds = map[string]srvKind{
	"_imaps": {"imap", settings.ImplicitTLS}, "_imap": {"imap", settings.STARTTLS},
	"_pop3s": {"pop3", settings.ImplicitTLS}, "_pop3": {"pop3", settings.STARTTLS},
	"_submissions": {"smtp", settings.ImplicitTLS}, "_submission": {"smtp", settings.STARTTLS},
}

func kindOfSRV(owner string) (srvKind, bool) {
	label, _, _ := strings.Cut(owner, ".")
	kind, known := srvKinds[label]
	return kind, known
}

// IsOfMail reports whether a name is that of an SRV record for a mail server.
func IsOfMail(owner string) bool {
	_, known := kindOfSRV(owner)
	return known
}
