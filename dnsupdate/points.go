package dnsupdate

import (
	"context"
	"net/netip"
	"slices"
	"sync"

	"mailhint/dnsrecords"
)

// HostResolver looks up the addresses of a host name: a *resolver.Resolver.
type HostResolver interface {
	Host(ctx context.Context, name string) (addresses []netip.Addr, canonical string, err error)
}

// PointsTo returns what Updater.PointsHere asks for a mailhint server: all addresses of a name, or of the name that it is an alias of, are the
// server's. What cannot be looked up does not point to it.
func PointsTo(server string, r HostResolver) func(context.Context, []dnsrecords.Record) bool {
	var once sync.Once
	var ours []netip.Addr
	return func(ctx context.Context, records []dnsrecords.Record) bool {
		once.Do(func() { ours, _, _ = r.Host(ctx, server) }) // without them nothing points here
		for _, record := range records {
			var addresses []netip.Addr
			switch d := record.Data.(type) {
			case dnsrecords.Address:
				addresses = []netip.Addr{netip.Addr(d)}
			case dnsrecords.Alias:
				addresses, _, _ = r.Host(ctx, string(d))
			}
			if len(addresses) == 0 || slices.ContainsFunc(addresses, func(a netip.Addr) bool { return !slices.Contains(ours, a) }) {
				return false
			}
		}
		return len(records) > 0
	}
}
