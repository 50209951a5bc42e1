package probe

import (
	"net/netip"

	"mailhint/settings"
)

// special lists the networks in which there are no public servers (RFC 6890 and its successors). The documentation networks are not among
// them: they are not routed on the internet, so probing them does no harm, and test networks may use them.
var special = prefixes(
	"0.0.0.0/8",      // this network
	"10.0.0.0/8",     // private, RFC 1918
	"100.64.0.0/10",  // shared behind a carrier's NAT, RFC 6598
	"127.0.0.0/8",    // loopback
	"169.254.0.0/16", // link-local, where clouds keep their metadata
	"172.16.0.0/12",  // private
	"192.0.0.0/24",   // IETF protocol assignments
	"192.168.0.0/16", // private
	"198.18.0.0/15",  // benchmarks, RFC 2544
	"224.0.0.0/4",    // multicast
	"240.0.0.0/4",    // reserved, and broadcast
	"2001::/23",      // IETF protocol assignments, Teredo among them
)

var (
	// global is the part of IPv6 that is assigned to public networks (RFC 4291 section 2.4, IANA's list of address space). The rest is loopback,
	// link-local, unique local, multicast, forms of IPv4 addresses that some systems translate, or not in use.
	global = netip.MustParsePrefix("2000::/3")
	// The addresses of sixToFour and nat64 contain the IPv4 address that they are routed to.
	sixToFour = netip.MustParsePrefix("2002::/16")    // RFC 3056
	nat64     = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052
)

func prefixes(texts ...string) settings.Networks {
	var all settings.Networks
	for _, t := range texts {
		all = append(all, netip.MustParsePrefix(t))
	}
	return all
}

// allowed reports whether an address may be probed: it is public, or in one of the networks that Private lists. An address that contains an
// IPv4 address is judged as that.
func (p *Prober) allowed(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	if settings.Networks(p.Private).Contain(a) {
		return true
	}
	if special.Contain(a) {
		return false
	}
	b := a.As16()
	switch {
	case sixToFour.Contains(a):
		return p.allowed(netip.AddrFrom4([4]byte(b[2:6])))
	case nat64.Contains(a):
		return p.allowed(netip.AddrFrom4([4]byte(b[12:16])))
	}
	return a.Is4() || global.Contains(a)
}
