// Package srv reads the SRV records that a domain itself publishes for mail programs (RFC 6186, RFC 8314, RFC 5804, RFC 6764, RFC 8620). They name hosts
// and ports, but neither login names nor login methods.
package srv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"mailhint/dnsrecords"
	"mailhint/domains"
	"mailhint/imports"
	"mailhint/resolver"
	"mailhint/settings"
)

// parallel is how many domains are looked up at a time.
const parallel = 16

// Read looks up the records of domains. A domain without records of mail servers, or whose records cannot be looked up, is lost. The error is that of
// ctx; what was read before is kept.
func Read(ctx context.Context, c *imports.Collection, r dnsrecords.Resolver, names []settings.Domain) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pending := make(chan chan answers, parallel)
	go func() {
		defer close(pending)
		for _, d := range names {
			done := make(chan answers, 1)
			select {
			case pending <- done:
			case <-ctx.Done():
				return
			}
			go func() { done <- lookUp(ctx, r, d) }()
		}
	}()
	next := 0
	for done := range pending {
		if a := <-done; ctx.Err() == nil {
			add(c, names[next], a)
		}
		next++
	}
	return ctx.Err()
}

// answers are the records of a domain.
type answers struct {
	records []dnsrecords.Record
	failed  []error
}

// lookUp looks up the records of a domain.
func lookUp(ctx context.Context, r dnsrecords.Resolver, d settings.Domain) (a answers) {
	keep := func(found []dnsrecords.Record, err error) {
		a.records = append(a.records, found...)
		if err != nil && !errors.Is(err, resolver.ErrNone) {
			a.failed = append(a.failed, err)
		}
	}
	for _, name := range dnsrecords.SRVNames(d) {
		if _, ok := kindOf(name); ok {
			keep(dnsrecords.PublishedSRV(ctx, r, name))
		}
	}
	for _, name := range dnsrecords.TXTNames(d) {
		if _, ok := kindOf(name); ok {
			keep(dnsrecords.PublishedTXT(ctx, r, name))
		}
	}
	return a
}

// kind is what a label stands for: a mail server, or the key of a service with a URL.
type kind struct {
	protocol settings.Protocol
	security settings.Security
	key      string
	port     uint16 // of a service, that its URL leaves out
	path     string // of a service without a TXT record
}

var kinds = map[string]kind{
	"_imaps": {protocol: settings.IMAP, security: settings.ImplicitTLS}, "_imap": {protocol: settings.IMAP, security: settings.STARTTLS},
	"_pop3s": {protocol: settings.POP3, security: settings.ImplicitTLS}, "_pop3": {protocol: settings.POP3, security: settings.STARTTLS},
	"_submissions": {protocol: settings.Submission, security: settings.ImplicitTLS}, "_submission": {protocol: settings.Submission, security: settings.STARTTLS},
	"_sieve":   {protocol: settings.ManageSieve, security: settings.STARTTLS},
	"_caldavs": {key: "caldav", port: 443, path: "/.well-known/caldav"}, "_carddavs": {key: "carddav", port: 443, path: "/.well-known/carddav"},
	"_jmap": {key: "jmap", port: 443, path: "/.well-known/jmap"},
}

// kindOf returns what the name of a record stands for.
func kindOf(name string) (kind, bool) {
	label, _, _ := strings.Cut(name, ".")
	k, ok := kinds[label]
	return k, ok
}

// place is the place of a record.
func place(name string) domains.Position { return domains.Position{File: "DNS, " + name} }

// add converts the records of a domain.
func add(c *imports.Collection, d settings.Domain, a answers) {
	whole := domains.Position{File: "DNS, " + string(d)}
	for _, err := range a.failed {
		c.Lose(whole, "a look-up failed, so that a server may be missing: %v", err)
	}
	services := slices.DeleteFunc(slices.Clone(a.records), func(r dnsrecords.Record) bool {
		s, ok := r.Data.(dnsrecords.Service)
		return !ok || s.Target == "" // which says that the service is not offered
	})
	slices.SortStableFunc(services, func(x, y dnsrecords.Record) int {
		p, q := x.Data.(dnsrecords.Service), y.Data.(dnsrecords.Service)
		return cmp.Or(cmp.Compare(p.Priority, q.Priority), cmp.Compare(q.Weight, p.Weight))
	})
	m := c.NewMail()
	for _, r := range services {
		k, _ := kindOf(r.Name)
		s := r.Data.(dnsrecords.Service)
		if k.key != "" {
			m.URL(place(r.Name), k.key, k.url(s, a.records, r.Name))
			continue
		}
		m.Server(place(r.Name), imports.Server{Protocol: k.protocol, Host: s.Target, Port: int(s.Port), Security: k.security})
	}
	if m.Empty() {
		c.Lose(whole, "%s has no SRV records of mail servers that can be converted", d)
		return
	}
	e, ok := m.Entry(whole, []settings.Domain{d})
	if !ok {
		return
	}
	e.Source = "the SRV records of " + string(d)
	e.Comments = []string{"SRV records do not say what people log in with: this is the whole address and a password unless you change it"}
	c.Add(e)
}

// url is the URL of a service: its path is in a TXT record (RFC 6764 section 4), or else the well-known one.
func (k kind) url(s dnsrecords.Service, records []dnsrecords.Record, name string) string {
	host := s.Target
	if s.Port != k.port {
		host = net.JoinHostPort(host, strconv.Itoa(int(s.Port)))
	}
	path := k.path
	for _, r := range records {
		text, ok := r.Data.(dnsrecords.Text)
		if value, found := strings.CutPrefix(string(text), "path="); ok && found && r.Name == name && strings.HasPrefix(value, "/") {
			path = value
		}
	}
	return fmt.Sprintf("https://%s%s", host, path)
}
