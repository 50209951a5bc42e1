package settings

import (
	"net/netip"
	"testing"
)

func TestNetworksContain(t *testing.T) {
	networks := Networks{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	for address, want := range map[string]bool{
		"192.0.2.7": true, "192.0.3.7": false, "::ffff:192.0.2.7": true, "2001:db8::1": true, "2001:db8::1%eth0": true, "2001:db9::1": false,
	} {
		if got := networks.Contain(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %t, want %t", address, got, want)
		}
	}
	if networks.Contain(netip.Addr{}) {
		t.Error("the zero Addr is in a network")
	}
	if (Networks{netip.MustParsePrefix("0.0.0.0/0")}).Contain(netip.Addr{}) {
		t.Error("the zero Addr is in the network of all IPv4 addresses")
	}
	if !AllNetworks().Contain(netip.Addr{}) {
		t.Error("the zero Addr is not in the networks that contain every client")
	}
	if Networks(nil).Contain(netip.MustParseAddr("192.0.2.7")) {
		t.Error("no networks contain an address")
	}
}

// Only networks that contain every address contain a client whose address is not known.
func TestNetworksContainAll(t *testing.T) {
	v4, v6, some := netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"), netip.MustParsePrefix("10.0.0.0/8")
	for _, test := range []struct {
		networks Networks
		want     bool
	}{
		{nil, false}, {Networks{v4}, false}, {Networks{v6}, false}, {Networks{some}, false}, {Networks{v4, some, v6}, true}, {AllNetworks(), true},
	} {
		if got := test.networks.ContainAll(); got != test.want {
			t.Errorf("%v: %t, want %t", test.networks, got, test.want)
		}
	}
}
