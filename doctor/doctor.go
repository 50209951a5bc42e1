// Package doctor finds out what is wrong with the mail set-up of a domain, why, and how to fix it. It looks where mail clients look:
// at DNS, at the answers of the mailhint server as seen from outside, and at the mail servers that those answers name.
//
// It works in two steps. The first asks everything and keeps the answers as observations; the second judges the observations without
// the network. A finding is a root cause, and what follows from one is not reported again: a name that points to another server is
// reported once, without the other server's certificate and document.
//
// Each finding has a code that never changes its meaning. docs/codes has a page for each.
//
// Where to start reading:
//   - codes.go: the table of codes; report.go: findings and reports
//   - doctor.go, run.go, watch.go: examine one domain, many, or the same ones again and again; targets.go: which ones
//   - observations.go and gather*.go: what is asked; memo.go and throttled.go keep the number of questions down
//   - judge.go and judge_*.go: what the observations mean; snippets.go: text to paste
//   - client_setup.go and document_compare.go: what each client makes of it, by the rules of package choices
//   - print.go and print_*.go: reports as text, JSON and for Nagios
package doctor

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"mailhint/dnsrecords"
	"mailhint/domains"
	"mailhint/oauth"
	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/settings"
)

// Resolver asks name servers: a *resolver.Resolver.
type Resolver interface {
	dnsrecords.Resolver
	CAA(ctx context.Context, name string) ([]resolver.CAA, error)
}

// Prober looks at servers: a *probe.Prober.
type Prober interface {
	Look(ctx context.Context, host string, ports ...probe.Port) probe.Host
	LookURL(ctx context.Context, q probe.Request) probe.Web
}

// Doctor examines domains. It keeps nothing between examinations, and its methods may be called concurrently.
type Doctor struct {
	Resolver Resolver
	Prober   Prober
	// Server is the mailhint server's own host name; empty if unknown.
	Server string
	// Addresses are the mailhint server's addresses as seen from outside; empty for those that Server has in DNS.
	Addresses []netip.Addr
	// Issuers are the CAs of this server's certificates; empty if unknown.
	Issuers []Issuer
	// Validation are the ways in which this server proves its control of any name to them, as CAA records call them (RFC 8657); empty if
	// unknown.
	Validation []string
	// Zones are those in which it can prove names by DNS too.
	Zones domains.DNS
	// CertificateFor returns the name of the certificate that serves a host name: that name, or a wildcard. If nil, there are no wildcards.
	CertificateFor func(host string) string
	// ISPDB is the URL of Mozilla's database of providers, to which the domain is appended; empty to leave it out. Each question
	// tells Mozilla about a domain.
	ISPDB string
	// LookUp asks a look-up for a login name; nil if they are not asked.
	LookUp LookUp
	// Only has the codes to look for, or their first letters; empty for all. What the others need is not asked. See ParseCodes.
	Only []string
	// Now is the clock by which certificates are judged; nil for time.Now.
	Now func() time.Time

	local []netip.Addr // addresses of this machine; nil to ask the system
}

// defaultISPDB is where most clients ask Mozilla's database; the domain is appended.
const defaultISPDB = "https://autoconfig.thunderbird.net/v1.1/"

// New returns a Doctor for the domains of a configuration. It limits how many look-ups r gets at a time. It looks at servers with private
// addresses only in the networks that the configuration allows, and in private. Its Issuers are in the order of acme_ca, without accounts.
func New(s *domains.Snapshot, r Resolver, private []netip.Prefix) *Doctor {
	// The prober has a queue of its own, because its time is limited and includes waiting.
	prober := &probe.Prober{Resolver: throttle(r, maxQueries/2), Private: slices.Concat(s.Server.ProbePrivate, private)}
	d := &Doctor{Resolver: throttle(r, maxQueries), Prober: prober, Server: s.Server.Name, ISPDB: defaultISPDB}
	if s.Server.TLS == "acme" {
		d.Issuers, d.Validation = issuersOf(s.Server.ACME.CAs), validationMethods
		d.Zones, d.CertificateFor = s.DNS, s.CertificateFor
	}
	return d
}

// Domain is a domain to examine, with the settings that its clients should get.
type Domain struct {
	settings.Found
	// Limited means that only clients in some networks get these settings. To others, such as ourselves, the server may answer that
	// it does not know the domain.
	Limited bool
}

// Examine asks everything about a domain and judges the answers. For several domains, use Run.
func (d *Doctor) Examine(ctx context.Context, domain Domain) Report {
	return d.newSession().examine(ctx, domain)
}

// session is what the examinations of one run share.
type session struct {
	*Doctor
	names *names
	looks *looks
	// authorizations are what OAuth2 issuers answer.
	authorizations *memo[string, oauth.Observation]
	local          []netip.Addr
	now            func() time.Time
}

func (d *Doctor) newSession() *session {
	s := &session{Doctor: d, names: newNames(d.Resolver), looks: newLooks(d.Prober), authorizations: newMemo[string, oauth.Observation](), local: d.local, now: d.Now}
	if s.local == nil {
		s.local = localAddresses()
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

func (s *session) examine(ctx context.Context, domain Domain) Report {
	start := time.Now()
	r := judge(s.gather(ctx, domain))
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool { return !s.wants(f.Code) })
	r.Took = time.Since(start).Round(time.Millisecond).Seconds()
	return r
}

// wants reports whether a code was asked for.
func (d *Doctor) wants(c Code) bool {
	return len(d.Only) == 0 || slices.ContainsFunc(d.Only, func(only string) bool { return strings.HasPrefix(string(c), only) })
}

// wantsAny reports whether any code that begins with one of the letters was asked for.
func (d *Doctor) wantsAny(letters string) bool {
	return slices.ContainsFunc(Codes, func(i Info) bool { return strings.ContainsAny(string(i.Code[:1]), letters) && d.wants(i.Code) })
}
