package edge

import (
	"net/netip"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// Budget bounds how often something costly is done for each client. A client is an IPv4 address, or a /48 of IPv6, which one customer of a
// provider can have. Clients whose address is not known count as one.
type Budget struct {
	perSecond rate.Limit
	burst     int
	clients   *lru.Cache[netip.Prefix, *rate.Limiter]
	refused   atomic.Uint64
}

// maxClients is for how many clients it is remembered what they have had; the least recently seen is forgotten.
const maxClients = 4096

// NewBudget returns a Budget of so many times at once, and so many in each second after that.
func NewBudget(burst, perSecond int) *Budget {
	clients, _ := lru.New[netip.Prefix, *rate.Limiter](maxClients) // fails for a size below 1 only
	return &Budget{perSecond: rate.Limit(perSecond), burst: burst, clients: clients}
}

// Allow counts one time for the client with this "address:port", or reports that it has had too many.
func (b *Budget) Allow(client string) bool {
	key := clientNetwork(client)
	limiter, ok := b.clients.Get(key)
	if !ok {
		limiter = rate.NewLimiter(b.perSecond, b.burst)
		if earlier, ok, _ := b.clients.PeekOrAdd(key, limiter); ok {
			limiter = earlier
		}
	}
	if limiter.Allow() {
		return true
	}
	b.refused.Add(1)
	return false
}

// Refused returns how often Allow has refused.
func (b *Budget) Refused() uint64 { return b.refused.Load() }

func clientNetwork(client string) netip.Prefix {
	ap, err := netip.ParseAddrPort(client)
	if err != nil {
		return netip.Prefix{}
	}
	addr, bits := ap.Addr().Unmap(), 32
	if addr.Is6() {
		bits = 48
	}
	network, _ := addr.Prefix(bits) // fails for other lengths only
	return network
}
