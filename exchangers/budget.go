package exchangers

import (
	"net/netip"
	"time"

	"golang.org/x/time/rate"
)

// How many new names are looked up: so many at once, and so many a second in the long run. A single client, even if all its names are
// served by name servers that never answer, can exhaust neither the budget of all clients nor the workers, so that the names of other
// clients are still looked up.
const (
	totalBurst      = 200
	totalPerSecond  = 50
	clientBurst     = 50
	clientPerSecond = 2
)

// budget limits the look-ups of new names, for all clients together and for each. It is guarded by Cache.mu.
type budget struct {
	total   *rate.Limiter
	clients *lru[netip.Prefix, *rate.Limiter]
}

func newBudget() budget {
	return budget{rate.NewLimiter(totalPerSecond, totalBurst), newLRU[netip.Prefix, *rate.Limiter](maxClients)}
}

// take reports whether a new name may be looked up for a client, and counts it.
func (b budget) take(client netip.Addr, now time.Time) bool {
	network := networkOf(client)
	limiter, ok := b.clients.Get(network)
	if !ok {
		limiter = rate.NewLimiter(clientPerSecond, clientBurst)
		b.clients.Add(network, limiter)
	}
	return limiter.AllowN(now, 1) && b.total.AllowN(now, 1)
}

// networkOf returns what counts as one client: an IPv4 address, or a /64 network of IPv6, in which a host can have as many addresses as
// it likes. Clients whose address is not known share the zero Prefix.
func networkOf(client netip.Addr) netip.Prefix {
	bits := 32
	if client.Is6() {
		bits = 64
	}
	network, _ := client.Prefix(bits) // fails for the zero Addr only
	return network
}
