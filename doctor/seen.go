package doctor

import (
	"bytes"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"mailhint/dnsrecords"
	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/settings"
)

// seen is all that was found out about one domain. Judging it needs nothing else.
type seen struct {
	Domain
	now time.Time

	server  string       // the mailhint server's name; empty if it is not known
	ours    []netip.Addr // its addresses; nil if they are not known
	oursErr error        // why they are not
	issuers []string

	// names are autoconfig., autodiscover., ua-auto-config. and the domain itself, by their names.
	names map[string]name
	// wild is a name that nobody made; it is only asked for if a name leads elsewhere.
	wild name
	// fronts are those addresses of the names that are not ours and answer as we do: a proxy's, a content network's.
	fronts map[string][]netip.Addr

	want       []dnsrecords.Record // what the domain should publish
	published  []dnsrecords.Record // what it does under the names of SRV and TXT records
	aliases    map[string]string   // targets of SRV records that are aliases, and of what
	unanswered map[string]error    // names of SRV and TXT records about which there was no answer

	caa map[string]caa // by name

	web map[place]page
	led string // target of the SRV record _autodiscover, if poxSRV was asked

	hosts     map[string]probe.Host // mail servers, by name
	addressed bool                  // the addresses of mail servers are known
	looked    bool                  // mail servers were looked at
	asked     bool                  // web servers were asked
	here      []netip.Addr          // addresses of the machine that looks

	wants func(letters string) bool // whether codes with one of the letters were asked for; nil for all
}

// name is what DNS says about a host name.
type name struct {
	addresses []netip.Addr
	canonical string
	err       error
}

// caa is what holds for a name: the records of the nearest name at or above it that has some (RFC 8659 section 3).
type caa struct {
	owner   string
	records []resolver.CAA
	err     error
}

// page is what came of asking at a place.
type page struct {
	probe.Web
	// via are the URLs of redirects that led to it.
	via []string
	// want is the document that ought to come; nil if there is none to compare.
	want []byte
}

// place is where programs ask.
type place uint8

const (
	configHost      place = iota // autoconfig., with an address as most programs send
	configNobody                 // autoconfig., without an address
	configEvolution              // autoconfig., as Evolution asks
	configHTTP                   // autoconfig. without TLS
	configBare                   // the domain's own web server
	configBareHTTP               // the same without TLS
	poxHost                      // autodiscover.
	poxHTTP                      // autodiscover. without TLS
	poxBare                      // the domain's own web server
	poxSRV                       // where the SRV record _autodiscover leads
	paccHost                     // ua-auto-config.
	profileHost                  // autoconfig., Apple's profile
	ispdbEntry                   // Mozilla's database
)

// hostOf is the name that a place belongs to.
func (s *seen) hostOf(p place) string {
	domain := string(s.Found.Domain)
	switch p {
	case configHost, configNobody, configEvolution, configHTTP, profileHost:
		return "autoconfig." + domain
	case poxHost, poxHTTP:
		return "autodiscover." + domain
	case paccHost:
		return "ua-auto-config." + domain
	case poxSRV:
		return s.led
	}
	return domain
}

// person is who is asked for: every domain has a postmaster (RFC 5321 section 4.5.1), and nobody is told who else there is.
func (s *seen) person() settings.Address {
	return settings.Address{Local: "postmaster", Domain: s.Found.Domain}
}

// host is a server's host name for this domain.
func (s *seen) host(server settings.Server) string {
	return server.Host.Expand(string(s.Found.Domain), string(s.Primary))
}

// foreign are the addresses of a name that are not ours.
func (s *seen) foreign(n name) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(n.addresses), func(a netip.Addr) bool { return slices.Contains(s.ours, a) })
}

// isOurs reports whether a page is what we answer, whoever passes it on.
func (s *seen) isOurs(p page) bool {
	if s.AutodiscoverRedirect != "" && p.want == nil {
		return isRedirect(p.Status) && p.Location == s.AutodiscoverRedirect
	}
	return p.want != nil && p.Status == http.StatusOK && bytes.Equal(p.Body, p.want)
}
