package settings

import "net/netip"

// Networks is a list of networks, such as those that get settings of their own, or those of trusted proxies.
type Networks []netip.Prefix

// Contain reports whether an address is in one of the networks. An IPv4 address in IPv6 spelling counts as the IPv4 address, and a
// zone is ignored; no network contains the zero Addr.
func (n Networks) Contain(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, network := range n {
		if network.Contains(a) {
			return true
		}
	}
	return false
}
