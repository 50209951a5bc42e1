package certs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"mailhint/resolver"
)

// HostResolver looks up the addresses of a host name. The error is resolver.ErrNone if the name has none.
type HostResolver interface {
	Host(ctx context.Context, name string) (addresses []netip.Addr, canonical string, err error)
}

// Reachability tells whether a CA would find this server under a name. It compares the name's addresses with those of this machine
// and, because a load balancer or address translation may be in front, with those of the server's own name.
type Reachability struct {
	Name  string // the server's own name; empty if it is not known
	Hosts HostResolver

	interfaces func() ([]net.Addr, error) // nil for those of this machine
}

// ErrNoAddress means that a name has no address in DNS, so that no client could use a certificate for it. Publish its records.
var ErrNoAddress = errors.New("the name has no address in DNS; publish the records that mailhint dns prints")

// Check returns why the CA would not find this server under a name, or nil if it would, or if that cannot be told from here. It
// is meant for Config.PointsHere.
func (r Reachability) Check(ctx context.Context, name string) error {
	found, _, err := r.Hosts.Host(ctx, name)
	if errors.Is(err, resolver.ErrNone) {
		return ErrNoAddress
	}
	if err != nil {
		return fmt.Errorf("the name's address cannot be looked up: %w", err)
	}
	addresses, public, err := r.machineAddresses()
	if err != nil || overlap(found, addresses) {
		return nil
	}
	switch {
	case r.Name == "":
		if !public {
			return nil // behind address translation: only the CA can see where the name points
		}
	case r.Name == name:
		return nil // nothing to compare it with
	default:
		if byName, _, err := r.Hosts.Host(ctx, r.Name); err != nil || overlap(found, byName) {
			return nil
		}
	}
	return fmt.Errorf("the name points to %s, which is not this server; publish the records that mailhint dns prints, or set name in [server]",
		found[0])
}

func overlap(a, b []netip.Addr) bool {
	return slices.ContainsFunc(a, func(address netip.Addr) bool { return slices.Contains(b, address) })
}

// machineAddresses returns the addresses of this machine's interfaces, and whether one of them can be reached from outside.
func (r Reachability) machineAddresses() (addresses []netip.Addr, public bool, err error) {
	interfaces := r.interfaces
	if interfaces == nil {
		interfaces = net.InterfaceAddrs
	}
	all, err := interfaces()
	for _, a := range all {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		address := prefix.Addr().Unmap().WithZone("")
		addresses = append(addresses, address)
		public = public || address.IsGlobalUnicast() && !address.IsPrivate()
	}
	return addresses, public, err
}
