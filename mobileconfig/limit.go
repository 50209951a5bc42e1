package mobileconfig

import (
	"net/netip"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// How many profiles are signed for one client: a school whose 500 people share one address gets all of them at once, and a client that asks
// endlessly takes a hundredth of a processor (an RSA signature takes about a millisecond).
const (
	signaturesPerSecond = 10
	signatureBurst      = 500
	maxClients          = 4096 // whose limits are remembered; the least recently seen is forgotten
)

// retrySigning is the value of the Retry-After header for a client that is over its limit, in seconds.
const retrySigning = "10"

// signLimiter bounds the signatures for each client. A client is an IPv4 address, or a /48 of IPv6, which one customer of a provider can have.
// Clients whose address is not known count as one.
type signLimiter struct {
	clients *lru.Cache[netip.Prefix, *rate.Limiter]
	refused atomic.Uint64
}

func newSignLimiter() *signLimiter {
	clients, _ := lru.New[netip.Prefix, *rate.Limiter](maxClients) // fails for a size below 1 only
	return &signLimiter{clients: clients}
}

// allow counts a signature for the client with this "address:port", or reports that it has had too many.
func (l *signLimiter) allow(client string) bool {
	key := clientNetwork(client)
	limiter, ok := l.clients.Get(key)
	if !ok {
		limiter = rate.NewLimiter(signaturesPerSecond, signatureBurst)
		if earlier, ok, _ := l.clients.PeekOrAdd(key, limiter); ok {
			limiter = earlier
		}
	}
	if limiter.Allow() {
		return true
	}
	l.refused.Add(1)
	return false
}

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
