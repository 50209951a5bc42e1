package exchangers

import (
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"
	"golang.org/x/time/rate"

	"mailhint/settings"
)

// How many new names are looked up: a burst, and a rate per second. What one client, one network or one registered
// domain may use is far less than the total, so that the names of others are still looked up while a client makes up names.
var (
	total = bound{"total", 50, 200}

	perClient   = bound{"client", 2, 50}     // an IPv4 address, or a /64 of IPv6, in which a host can have as many addresses as it likes
	perNetwork  = bound{"network", 5, 100}   // a /24 of IPv4 or a /48 of IPv6, which one customer of a provider can have
	perProvider = bound{"provider", 20, 150} // a /32 of IPv6, the smallest network that a provider gets
	perDomain   = bound{"domain", 1, 20}     // a registered domain, below which its owner can make up names
)

// bound is a limit, and what it is called in the metrics.
type bound struct {
	name      string
	perSecond rate.Limit
	burst     int
}

// The limits of the queue and of names without answer have no bucket.
const limitQueue = "queue"

const (
	maxLimiters = 10_000 // of each kind; the least recently used are forgotten
	// silentCost is what a look-up without answer costs its client and network besides the look-up itself: it kept a slot for the whole
	// timeout.
	silentCost = 10
)

// limits are the names of all limits, for the metrics.
var limits = []string{total.name, perClient.name, perNetwork.name, perProvider.name, perDomain.name, limitQueue}

// budget limits the look-ups of new names. It is guarded by Cache.mu.
type budget struct {
	total    *rate.Limiter
	networks *lru[network, *rate.Limiter]
	domains  *lru[settings.Domain, *rate.Limiter]
}

// network is what counts as one client, one network or one provider. Clients whose address is not known share the zero Prefix.
type network struct {
	bound  string
	prefix netip.Prefix
}

func newBudget() budget {
	return budget{
		rate.NewLimiter(total.perSecond, total.burst), newLRU[network, *rate.Limiter](3 * maxLimiters), newLRU[settings.Domain, *rate.Limiter](maxLimiters),
	}
}

// take counts the look-up of a new name for a client, or returns which limit forbids it. Then nothing is counted: what one client is
// refused takes nothing from others.
func (b budget) take(d settings.Domain, client netip.Addr, now time.Time) (exceeded string) {
	type part struct {
		name    string
		limiter *rate.Limiter
	}
	parts := []part{{total.name, b.total}, {perDomain.name, limiterOf(b.domains, registered(d), perDomain)}}
	for _, n := range networksOf(client) {
		parts = append(parts, part{n.name, limiterOf(b.networks, network{n.name, n.prefix}, n.bound)})
	}
	for _, p := range parts {
		if p.limiter.TokensAt(now) < 1 {
			exceeded = p.name // the narrowest one is last
		}
	}
	if exceeded == "" {
		for _, p := range parts {
			p.limiter.AllowN(now, 1)
		}
	}
	return exceeded
}

// punish counts that a name which a client asked for got no answer.
func (b budget) punish(client netip.Addr, now time.Time) {
	for _, n := range networksOf(client) {
		if n.name != perProvider.name { // others may use the same one
			limiterOf(b.networks, network{n.name, n.prefix}, n.bound).ReserveN(now, silentCost)
		}
	}
}

func limiterOf[K comparable](all *lru[K, *rate.Limiter], key K, of bound) *rate.Limiter {
	limiter, ok := all.Get(key)
	if !ok {
		limiter = rate.NewLimiter(of.perSecond, of.burst)
		all.Add(key, limiter)
	}
	return limiter
}

// bounded is a network and its limit.
type bounded struct {
	bound
	prefix netip.Prefix
}

// networksOf returns what a client belongs to, the widest first.
func networksOf(client netip.Addr) []bounded {
	within := func(bits int) netip.Prefix {
		prefix, _ := client.Prefix(bits) // fails for the zero Addr only
		return prefix
	}
	switch client = client.Unmap(); {
	case client.Is4():
		return []bounded{{perNetwork, within(24)}, {perClient, within(32)}}
	case client.Is6():
		return []bounded{{perProvider, within(32)}, {perNetwork, within(48)}, {perClient, within(64)}}
	}
	return []bounded{{perClient, netip.Prefix{}}}
}

// registered returns the domain that a name was registered under, or the name itself.
func registered(d settings.Domain) settings.Domain {
	above, err := publicsuffix.EffectiveTLDPlusOne(string(d))
	if err != nil {
		above = string(d)
	}
	return settings.Domain(strings.Clone(above)) // a substring would keep a long request in memory
}
