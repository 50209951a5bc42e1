package exchangers

import (
	"net/netip"
	"time"
)

// How many new names are looked up. One client alone, whose names may all lead to name servers that never answer, can fill neither
// the budget of all nor the workers, so that the others' names have their turn.
var (
	forAll    = rate{perSecond: 50, burst: 200}
	forClient = rate{perSecond: 2, burst: 50}
)

// clientBudget returns the budget of a client: of an IPv4 address, or of a network of IPv6, of which everybody has as many addresses
// as they like. Clients whose address is not known share one.
func (c *Cache) clientBudget(client netip.Addr) *budget {
	bits := 32
	if client.Is6() {
		bits = 64
	}
	network, _ := client.Prefix(bits) // fails for the zero Addr, and is the zero Prefix then
	b, ok := c.clients.Get(network)
	if !ok {
		b = new(budget)
		c.clients.Add(network, b)
	}
	return b
}

// rate allows so many look-ups at once, and so many a second in the long run.
type rate struct{ burst, perSecond float64 }

// budget is what has been used of a rate. The zero budget is untouched.
type budget struct {
	used float64
	last time.Time
}

func (b *budget) take(r rate, now time.Time) bool {
	b.used = max(0, b.used-now.Sub(b.last).Seconds()*r.perSecond)
	b.last = now
	if b.used+1 > r.burst {
		return false
	}
	b.used++
	return true
}
