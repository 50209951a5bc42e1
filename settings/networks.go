package settings

import (
	"net/netip"
	"slices"
)

// Networks is a list of networks, such as those that get settings of their own, or those of trusted proxies.
type Networks []netip.Prefix

// Contain reports whether an address is in one of the networks. An IPv4 address in IPv6 spelling counts as the IPv4 address, and a
// zone is ignored. The zero Addr, which stands for a client that is not known, is in no network, unless the networks contain every client.
func (n Networks) Contain(a netip.Addr) bool {
	if !a.IsValid() {
		return n.ContainAll()
	}
	a = a.Unmap().WithZone("")
	for _, network := range n {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

// ContainAll reports whether both 0.0.0.0/0 and ::/0 are among the networks, so that every client is in one of them, whether its address is known
// or not.
func (n Networks) ContainAll() bool {
	for _, all := range allNetworks {
		if !slices.Contains(n, all) {
			return false
		}
	}
	return true
}

var allNetworks = Networks{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

// AllNetworks returns networks that contain every client.
func AllNetworks() Networks { return slices.Clone(allNetworks) }
