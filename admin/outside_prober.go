package admin

import (
	"net"
	"net/netip"
	"slices"

	"mailhint/probe"
	"mailhint/settings"
)

// OutsideOnly makes a prober connect only where nobody can learn anything about the network of this server: to the usual ports of mail and web servers
// at public addresses. The addresses of this machine are refused too, except for its web server, unless Private lists them: from here they answer on
// ports that a firewall hides from the others. Addresses are judged after they have been looked up, so that a name that changes its address does not
// get round it.
func OutsideOnly(p *probe.Prober) *probe.Prober {
	p.Refuse = func(to netip.AddrPort) bool {
		address := to.Addr().Unmap()
		isWeb := to.Port() == 80 || to.Port() == 443
		switch {
		case !isWeb && !isMailPort(to.Port()), metadata.Contain(address):
			return true
		case isWeb:
			return address.IsPrivate() || address.IsLoopback() || address.IsLinkLocalUnicast() || shared.Contains(address)
		}
		return isOwn(address) && !settings.Networks(p.Private).Contain(address)
	}
	return p
}

// metadata are the addresses at which clouds tell a machine about itself, its passwords included.
var metadata = settings.Networks{
	netip.MustParsePrefix("169.254.169.254/32"), netip.MustParsePrefix("fd00:ec2::254/128"), // AWS and most others
	netip.MustParsePrefix("168.63.129.16/32"),   // Azure
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba
}

// shared is the network behind a carrier's NAT.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// isOwn reports whether an address is one of this machine's. If that cannot be found out, it counts as one.
func isOwn(address netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	return slices.ContainsFunc(all, func(a net.Addr) bool {
		network, ok := a.(*net.IPNet)
		if !ok {
			return false
		}
		own, ok := netip.AddrFromSlice(network.IP)
		return ok && own.Unmap() == address
	})
}
