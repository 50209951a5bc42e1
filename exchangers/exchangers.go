// Package exchangers finds out which domains receive their mail here: it looks up, in the background, the MX records of domains that no
// configuration lists, and caches the results.
//
// A request never waits for DNS. The first one that names an unlisted domain is answered as for an unknown name and starts the look-up;
// later ones are answered from its result. Clients choose the names, so everything is limited: how many names are cached, how many wait,
// how many look-ups run, and how many new names are looked up per second, for all clients together and for each client. What exceeds a
// limit is dropped and counted, and a later request starts it again.
package exchangers

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"mailhint/resolver"
	"mailhint/settings"
)

// How long a result is used before the domain is looked up again.
const (
	keepOurs   = time.Hour
	keepOthers = 5 * time.Minute
	keepFailed = time.Minute
	// trustOurs is how long a domain whose mail came here is still answered while its look-up fails or waits: a resolver that fails must
	// not take settings away from users (RFC 8767 uses stale data for the same reason).
	trustOurs = 24 * time.Hour
)

// The limits.
const (
	maxOurs    = 100_000 // names whose mail comes here; kept apart, so that no flood of other names evicts them
	maxOthers  = 10_000
	maxWaiting = 1000 // new names, and as many known ones
	maxClients = 10_000
	workers    = 64
	timeout    = 5 * time.Second // of one look-up
)

// Resolver finds the mail exchangers of a domain: a *resolver.Resolver.
type Resolver interface {
	MX(ctx context.Context, name string) ([]resolver.MX, error)
}

// Cache knows which domains receive their mail here. Its methods may be called concurrently.
type Cache struct {
	resolver Resolver
	newNames chan question
	ourNames chan question // known to be ours; apart, so that a flood of new names does not delay them

	mu      sync.Mutex // guards what follows
	ours    *lru[settings.Domain, answer]
	others  *lru[settings.Domain, answer]
	pending map[settings.Domain]bool // waiting or being looked up
	budget  budget
	counts  Counts
}

// lru is a map of limited size. Cache locks for it.
type lru[K comparable, V any] = simplelru.LRU[K, V]

func newLRU[K comparable, V any](size int) *lru[K, V] {
	l, err := simplelru.NewLRU[K, V](size, nil)
	if err != nil {
		panic(err) // a size below 1: a mistake in this package
	}
	return l
}

// question is a domain to look up, and the hosts that its mail would have to go to.
type question struct {
	domain settings.Domain
	hosts  []settings.Domain
}

// answer is the result of a look-up.
type answer struct {
	host    settings.Domain   // the preferred exchanger that is one of ours; empty if none is
	hosts   []settings.Domain // that the exchangers were compared with; a reload may change them
	until   time.Time         // when to look up again
	trusted time.Time         // how long the result is used if that fails
}

// ours reports whether the mail goes to one of the hosts.
func (a answer) ours(hosts []settings.Domain) bool {
	return a.host != "" && slices.Contains(hosts, a.host)
}

// fresh reports whether the domain need not be looked up. A reload that adds hosts or removes others leaves our names fresh.
func (a answer) fresh(hosts []settings.Domain, now time.Time) bool {
	return now.Before(a.until) && (a.ours(hosts) || slices.Equal(a.hosts, hosts))
}

// Counts are the results of look-ups since the start.
type Counts struct {
	Ours, Others uint64 // the mail comes here, or goes elsewhere or nowhere
	Failed       uint64 // no answer from DNS
	Dropped      uint64 // not started, because there were too many
	Names        int    // in the cache now
}

// New returns an empty Cache. Run does its look-ups.
func New(r Resolver) *Cache {
	return &Cache{
		resolver: r,
		newNames: make(chan question, maxWaiting),
		ourNames: make(chan question, maxWaiting),
		ours:     newLRU[settings.Domain, answer](maxOurs),
		others:   newLRU[settings.Domain, answer](maxOthers),
		pending:  make(map[settings.Domain]bool),
		budget:   newBudget(),
	}
}

// Ours reports whether a domain's preferred mail exchanger is known to be one of the hosts. It does not wait; what is not known or out of
// date is looked up for later questions. It is a domains.Exchangers.
//
// Only the preferred exchanger counts: a backup MX has no mailboxes.
func (c *Cache) Ours(d settings.Domain, hosts []settings.Domain, client netip.Addr) bool {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.known(d)
	if !a.fresh(hosts, now) && !c.pending[d] && !c.ask(question{d, hosts}, a, client, now) {
		c.counts.Dropped++
	}
	return a.ours(hosts) && now.Before(a.trusted)
}

// known returns the last result for a domain, or the zero answer, which is never fresh.
func (c *Cache) known(d settings.Domain) answer {
	a, ok := c.ours.Get(d)
	if !ok {
		a, _ = c.others.Get(d)
	}
	return a
}

// ask queues a domain to be looked up, and reports false if there is too much to do. Our own domains need no budget: their number is
// limited.
func (c *Cache) ask(q question, before answer, client netip.Addr, now time.Time) bool {
	queue := c.ourNames
	if before.host == "" {
		if !c.budget.take(client, now) {
			return false
		}
		queue = c.newNames
	}
	q.domain = settings.Domain(strings.Clone(string(q.domain))) // a substring would keep a long request in memory
	select {
	case queue <- q:
		c.pending[q.domain] = true
		return true
	default:
		return false
	}
}

// Run looks up the queued domains until ctx is done.
func (c *Cache) Run(ctx context.Context) {
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case q := <-c.ourNames: // select chooses between two queues at random
					c.lookUp(ctx, q)
				case q := <-c.newNames:
					c.lookUp(ctx, q)
				}
			}
		})
	}
	running.Wait()
}

func (c *Cache) lookUp(ctx context.Context, q question) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	mx, err := c.resolver.MX(ctx, string(q.domain))
	c.note(q, mx, err)
}

// note stores the result of a look-up.
func (c *Cache) note(q question, mx []resolver.MX, err error) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, q.domain)
	a := answer{hosts: q.hosts, until: now.Add(keepOthers)}
	host := Preferred(mx, q.hosts)
	switch {
	case err != nil && !errors.Is(err, resolver.ErrNone):
		c.counts.Failed++
		if before := c.known(q.domain); before.ours(q.hosts) && now.Before(before.trusted) {
			a = before
		}
		a.until = now.Add(keepFailed)
	case host != "":
		c.counts.Ours++
		a.host, a.until, a.trusted = host, now.Add(keepOurs), now.Add(trustOurs)
	default:
		c.counts.Others++
	}
	c.ours.Remove(q.domain)
	c.others.Remove(q.domain)
	if a.host != "" {
		c.ours.Add(q.domain, a)
	} else {
		c.others.Add(q.domain, a)
	}
}

// Preferred returns the first of the hosts that is one of the most preferred exchangers, or "".
func Preferred(mx []resolver.MX, hosts []settings.Domain) settings.Domain {
	if len(mx) == 0 {
		return ""
	}
	best := slices.MinFunc(mx, func(a, b resolver.MX) int { return int(a.Preference) - int(b.Preference) }).Preference
	for _, host := range hosts {
		if slices.Contains(mx, resolver.MX{Preference: best, Host: string(host)}) {
			return host
		}
	}
	return ""
}

// Counts returns the results of look-ups since the start.
func (c *Cache) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := c.counts
	counts.Names = c.ours.Len() + c.others.Len()
	return counts
}
