package probe

import (
	"net/netip"
	"slices"
)

// special lists the networks that are nobody's public servers (RFC 6890 and its successors). The documentation networks are not among
// them: they lead nowhere on the Internet, so looking there harms nobody, and a test network may use them.
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
	"::/96",          // unspecified, loopback, and the old form of embedded IPv4
	"64:ff9b:1::/48", // NAT64 of a local network, RFC 8215
	"100::/64",       // discard
	"2001::/23",      // IETF protocol assignments, Teredo among them
	"fc00::/7",       // unique local, RFC 4193
	"fe80::/10",      // link-local
	"fec0::/10",      // site-local, once
	"ff00::/8",       // multicast
)

// sixToFour and nat64 are networks whose addresses lead to the IPv4 address inside them.
var (
	sixToFour = netip.MustParsePrefix("2002::/16")    // RFC 3056
	nat64     = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052
)

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, t := range texts {
		all = append(all, netip.MustParsePrefix(t))
	}
	return all
}

// allowed reports whether an address may be looked at: it is public, or in one of the networks that Private lists. What leads to an
// IPv4 address in disguise is judged as that address.
func (p *Prober) allowed(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	if contains(p.Private, a) {
		return true
	}
	if contains(special, a) {
		return false
	}
	b := a.As16()
	switch {
	case a.Is6() && sixToFour.Contains(a):
		return p.allowed(netip.AddrFrom4([4]byte(b[2:6])))
	case a.Is6() && nat64.Contains(a):
		return p.allowed(netip.AddrFrom4([4]byte(b[12:16])))
	}
	return true
}

func contains(networks []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(a) })
}
