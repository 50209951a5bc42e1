package admin

import (
	"github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// Rates limits how often each of many may do something. It remembers those who have done it most recently.
type Rates[K comparable] struct {
	limit rate.Limit
	burst int
	of    *lru.Cache[K, *rate.Limiter]
}

// remembered is how many are.
const remembered = 10_000

// NewRates returns Rates that allow so many at once, and then the limit, which is per second.
func NewRates[K comparable](limit rate.Limit, burst int) *Rates[K] {
	of, _ := lru.New[K, *rate.Limiter](remembered) // fails only for sizes below 1
	return &Rates[K]{limit, burst, of}
}

// Allow reports whether somebody may do it now, and counts it if so.
func (r *Rates[K]) Allow(who K) bool {
	limiter, known := r.of.Get(who)
	if !known {
		limiter = rate.NewLimiter(r.limit, r.burst)
		if first, existed, _ := r.of.PeekOrAdd(who, limiter); existed {
			limiter = first
		}
	}
	return limiter.Allow()
}
