package logins

import (
	"net/netip"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// How many addresses may be asked about that are not remembered: a burst, and a rate per second after that. A school whose 200 people set up
// their mail in the same minute share one IPv4 address; a client that tries out addresses learns little.
var (
	perClient  = bound{"client", 1, 200}  // an IPv4 address, or a /64 of IPv6, in which a host can have as many addresses as it likes
	perNetwork = bound{"network", 4, 800} // a /24 of IPv4 or a /48 of IPv6, which one customer of a provider can have
)

// bound is a limit, and what it is called in the metrics.
type bound struct {
	name      string
	perSecond rate.Limit
	burst     int
}

// maxLimiters is for how many clients, and for how many networks, it is remembered what they have had; the least recently seen is forgotten.
const maxLimiters = 10_000

// budget bounds the questions of each client and network, over all look-ups. It may be used by several goroutines at once.
type budget struct {
	clients, networks *lru.Cache[netip.Prefix, *rate.Limiter]
}

func newBudget() budget {
	clients, _ := lru.New[netip.Prefix, *rate.Limiter](maxLimiters) // fails for a size below 1 only
	networks, _ := lru.New[netip.Prefix, *rate.Limiter](maxLimiters)
	return budget{clients, networks}
}

// take counts a question of a client, or returns the name of the limit that forbids it.
func (b *budget) take(client netip.Addr) (exceeded string) {
	narrow, wide := networksOf(client)
	// The wider one is asked last: what one client is refused takes nothing from the others of its network.
	if !limiterOf(b.clients, narrow, perClient).Allow() {
		return perClient.name
	}
	if wide.IsValid() && !limiterOf(b.networks, wide, perNetwork).Allow() {
		return perNetwork.name
	}
	return ""
}

func limiterOf(all *lru.Cache[netip.Prefix, *rate.Limiter], key netip.Prefix, of bound) *rate.Limiter {
	if limiter, ok := all.Get(key); ok {
		return limiter
	}
	limiter := rate.NewLimiter(of.perSecond, of.burst)
	if earlier, ok, _ := all.PeekOrAdd(key, limiter); ok {
		return earlier
	}
	return limiter
}

// networksOf returns what counts as a client, and the network that it is in. All clients whose address is not known are one, in no network.
func networksOf(client netip.Addr) (narrow, wide netip.Prefix) {
	bits := [2]int{64, 48}
	if client = client.Unmap(); client.Is4() {
		bits = [2]int{32, 24}
	}
	narrow, _ = client.Prefix(bits[0]) // fails for the zero Addr only
	wide, _ = client.Prefix(bits[1])
	return narrow, wide
}
