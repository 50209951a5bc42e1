// Package doctor says what is wrong with the mail set-up of a domain, why, and what to do about it. It asks as mail programs do: DNS,
// the answers of the mailhint server from outside, and the mail servers that those answers name.
//
// Everything is asked first, and then judged without the network by what was seen. A finding is a root cause: what follows from a
// finding is not reported again. A name that leads elsewhere is told once, and not that another certificate and another document
// are found there.
//
// Each finding has a code that never changes its meaning, and a page about it in docs/codes.
package doctor

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/settings"
)

// Resolver asks name servers: a *resolver.Resolver.
type Resolver interface {
	// Host may return both addresses and an error, if others may be missing.
	Host(ctx context.Context, name string) (addresses []netip.Addr, canonical string, err error)
	CNAME(ctx context.Context, name string) (string, error)
	SRV(ctx context.Context, name string) ([]resolver.SRV, error)
	TXT(ctx context.Context, name string) ([]string, error)
	CAA(ctx context.Context, name string) ([]resolver.CAA, error)
}

// Prober looks at servers: a *probe.Prober.
type Prober interface {
	Look(ctx context.Context, host string, ports ...probe.Port) probe.Host
	LookURL(ctx context.Context, q probe.Request) probe.Web
}

// Doctor examines domains. Its methods may be called at the same time. It remembers for as long as it lives what it saw of mail
// servers and other names that domains share, so that each is asked once; a new look needs a new Doctor.
type Doctor struct {
	Resolver Resolver
	Prober   Prober
	// Server is the mailhint server's own host name; empty if it is not known.
	Server string
	// Addresses are those by which the mailhint server is seen from outside; empty for those that Server has.
	Addresses []netip.Addr
	// Issuers are the names by which CAA records allow the authorities that the server takes its certificates from, such as
	// "letsencrypt.org"; empty if they are not known.
	Issuers []string
	// ISPDB is where Mozilla's database of providers is asked, such as DefaultISPDB; empty to leave it alone. Whoever asks it tells
	// Mozilla which domains there are here.
	ISPDB string
	// Only has the codes that are wanted, or the first letters of them; empty for all. What the others need is not asked.
	Only []string
	// Now is the time by which certificates are judged; nil for time.Now.
	Now func() time.Time

	once  sync.Once
	names *names
	looks *looks
	here  []netip.Addr // addresses of this machine
}

// DefaultISPDB is where most programs ask Mozilla's database; the domain follows.
const DefaultISPDB = "https://autoconfig.thunderbird.net/v1.1/"

// Domain is what to examine: the settings that a domain's programs should end up with.
type Domain struct {
	settings.Found
	// Limited is true if the settings are told to some networks only, so that the server may answer us as if it did not know the
	// domain.
	Limited bool
}

// Examine asks everything about a domain and judges it.
func (d *Doctor) Examine(ctx context.Context, domain Domain) Report {
	d.once.Do(d.prepare)
	start := time.Now()
	s := d.gather(ctx, domain)
	r := judge(s)
	r.keep(d.wants)
	r.Took = time.Since(start).Round(time.Millisecond).Seconds()
	return r
}

func (d *Doctor) prepare() {
	d.names = newNames(d.Resolver)
	d.looks = newLooks(d.Prober)
	if d.here == nil {
		d.here = ownAddresses()
	}
	if d.Now == nil {
		d.Now = time.Now
	}
}

// wants reports whether a code was asked for.
func (d *Doctor) wants(c Code) bool {
	return len(d.Only) == 0 || slices.ContainsFunc(d.Only, func(only string) bool { return strings.HasPrefix(string(c), only) })
}

// wantsAny reports whether any code that begins with one of the letters was asked for.
func (d *Doctor) wantsAny(letters string) bool {
	return slices.ContainsFunc(Codes, func(i Info) bool { return strings.ContainsAny(string(i.Code[:1]), letters) && d.wants(i.Code) })
}
