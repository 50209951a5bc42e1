package doctor

import (
	"bytes"
	"cmp"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"mailhint/choices"
	"mailhint/dnsrecords"
	"mailhint/oauth"
	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/settings"
)

// observations are everything that was found out about a domain. Judging it needs nothing else.
type observations struct {
	Domain
	now time.Time

	server  string       // the mailhint server's name; empty if unknown
	ours    []netip.Addr // its addresses; nil if unknown
	oursErr error        // why they are unknown
	issuers []Issuer

	// names are autoconfig., autodiscover., ua-auto-config. and the domain itself, by their names.
	names map[string]name
	// unused is a random name below the domain, for which only a wildcard record can answer. It is looked up only if a name points to
	// another server.
	unused name
	// proxies are the addresses of names that are not ours but answer as we do: those of a proxy or a CDN.
	proxies map[string][]netip.Addr

	want       []dnsrecords.Record // what the domain should publish
	published  []dnsrecords.Record // its SRV and TXT records
	aliases    map[string]string   // the targets of SRV records that are aliases, with their targets
	unanswered map[string]error    // names of SRV and TXT records whose look-up failed

	caa        map[string]caa       // by name
	challenges map[string]challenge // by name

	web       map[choices.Place]page
	wellKnown map[string]page // of the bare domain, by path, where records of a service are missing
	srvTarget string          // of the SRV record _autodiscover, if choices.POXSRV was asked

	lookups       map[string]lookedUp // by name: what look-ups of login names have answered
	authorization *oauth.Observation  // of the OAuth2 issuer; nil if it was not asked

	hosts        map[string]probe.Host // mail servers, by name
	resolvedMail bool                  // the addresses of mail servers are known
	lookedAtMail bool                  // mail servers were looked at
	askedWeb     bool                  // web servers were asked
	local        []netip.Addr          // addresses of this machine

	wants func(letters string) bool // whether codes that begin with one of the letters were asked for; nil for all
}

// name is what DNS says about a host name.
type name struct {
	addresses []netip.Addr
	canonical string
	err       error
}

// caa is what applies to the certificate for a name: the records of the nearest name at or above it that has any (RFC 8659 section 3).
type caa struct {
	neededCertificate
	owner   string
	records []resolver.CAA
	err     error
}

// page is the answer at a place.
type page struct {
	probe.Web
	// via are the URLs of the redirects on the way.
	via []string
	// want is the right document; nil if there is none to compare with.
	want []byte
	// unread means that only the head was asked for.
	unread bool
}

// hostOf is the host name of a place.
func (o *observations) hostOf(p choices.Place) string {
	if p == choices.POXSRV {
		return o.srvTarget
	}
	return cmp.Or(p.Host(o.Found.Domain), string(o.Found.Domain))
}

// postmaster is the address that we ask for: every domain has it (RFC 5321 section 4.5.1), so that nobody learns of another.
func (o *observations) postmaster() settings.Address {
	return settings.Address{Local: "postmaster", Domain: o.Found.Domain}
}

// host is a server's host name for this domain.
func (o *observations) host(server settings.Server) string {
	return server.Host.Expand(string(o.Found.Domain), string(o.Primary))
}

// foreign are the addresses of a name that are not ours.
func (o *observations) foreign(n name) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(n.addresses), func(a netip.Addr) bool { return slices.Contains(o.ours, a) })
}

// isOurs reports whether a page is our answer, even if a proxy passed it on.
func (o *observations) isOurs(p page) bool {
	if o.AutodiscoverRedirect != "" && p.want == nil {
		return isRedirect(p.Status) && p.Location == o.AutodiscoverRedirect
	}
	return p.want != nil && p.Status == http.StatusOK && bytes.Equal(p.Body, p.want)
}
