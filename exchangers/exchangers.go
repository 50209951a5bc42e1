// Package exchangers finds out which domains receive their mail here: it looks up, in the background, the MX records of domains that no
// configuration lists, and caches the results.
//
// A request never waits for DNS. The first one that names an unlisted domain is answered as for an unknown name and starts the look-up;
// later ones are answered from its result. Clients choose the names, so everything is limited: how many names are cached, how many wait,
// how many look-ups run, and how many new names are looked up per second: for all clients together, for each client, each network and each
// registered domain. What exceeds a limit is dropped and counted, and a later request starts it again. A name whose name servers do not
// answer is looked up again less and less often. The domains whose mail comes here are kept across restarts, see Keep.
package exchangers

import (
	"context"
	"maps"
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
	keepFailed = time.Minute // doubled each time, if it is the name's fault
	maxFailed  = time.Hour
	// resolverWorks is how recent an answer must be for the next failure to count as the name's fault and not the resolver's.
	resolverWorks = 10 * time.Second
	// trustOurs is how long a domain whose mail came here is still answered while its look-up fails or waits: a resolver that fails must
	// not take settings away from users (RFC 8767 uses stale data for the same reason).
	trustOurs = 24 * time.Hour
)

// The limits.
const (
	maxOurs    = 100_000 // names whose mail comes here; kept apart, so that no flood of other names evicts them
	maxOthers  = 10_000
	maxWaiting = 1000            // new names, and as many known ones
	timeout    = 5 * time.Second // of one look-up
	// The look-ups that run at the same time: of new names as many as may begin within the timeout, so that names without answer cannot
	// delay the others; and some of known ones.
	maxNewLookups = 256
	maxOurLookups = 32
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
	counts  counts
	worked  time.Time // when the resolver last gave an answer
	changed bool      // ours differs from what is saved
}

// lru is a map of limited size. Cache locks for it.
type lru[K comparable, V any] = simplelru.LRU[K, V]

func newLRU[K comparable, V any](size int) *lru[K, V] {
	l, _ := simplelru.NewLRU[K, V](size, nil) // fails for a size below 1 only
	return l
}

// question is a domain to look up, the hosts that its mail would have to go to, and who wants to know.
type question struct {
	domain settings.Domain
	hosts  []settings.Domain
	client netip.Addr
}

// answer is the result of a look-up.
type answer struct {
	host    settings.Domain   // the preferred exchanger that is one of ours; empty if none is
	hosts   []settings.Domain // that the exchangers were compared with; a reload may change them
	until   time.Time         // when to look up again
	trusted time.Time         // how long the result is used if that fails
	pause   time.Duration     // before the last look-up was repeated, if it failed and that was the name's fault
}

// ours reports whether the mail goes to one of the hosts.
func (a answer) ours(hosts []settings.Domain) bool {
	return a.host != "" && slices.Contains(hosts, a.host)
}

// fresh reports whether the domain need not be looked up. A reload that adds hosts or removes others leaves our names fresh.
func (a answer) fresh(hosts []settings.Domain, now time.Time) bool {
	return now.Before(a.until) && (a.ours(hosts) || slices.Equal(a.hosts, hosts))
}

// counts are the results of look-ups since the start.
type counts struct {
	ours, others uint64 // the mail comes here, or goes elsewhere or nowhere
	failed       uint64 // no answer from DNS
	silent       uint64 // of failed, those that the name is to blame for
	dropped      uint64 // not started, because there were too many
	// droppedBy has the limit that was exceeded for each of dropped: "total", "client", "network", "provider", "domain" or "queue".
	droppedBy    map[string]uint64
	names        int    // in the cache now
	saveFailures uint64 // see Keep
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
		counts:   counts{droppedBy: make(map[string]uint64)},
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
	if !a.fresh(hosts, now) && !c.pending[d] {
		if exceeded := c.ask(question{d, hosts, client}, a, now); exceeded != "" {
			c.counts.dropped++
			c.counts.droppedBy[exceeded]++
		}
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

// ask queues a domain to be looked up, or returns which limit forbids it. Our own domains need no budget: their number is limited.
func (c *Cache) ask(q question, before answer, now time.Time) (exceeded string) {
	queue := c.ourNames
	if before.host == "" {
		queue = c.newNames
	}
	if len(queue) == cap(queue) { // only ask sends, and c.mu is held
		return limitQueue
	}
	if before.host == "" {
		if exceeded := c.budget.take(q.domain, q.client, now); exceeded != "" {
			return exceeded
		}
	}
	q.domain = settings.Domain(strings.Clone(string(q.domain))) // a substring would keep a long request in memory
	queue <- q
	c.pending[q.domain] = true
	return ""
}

// currentCounts returns the results of look-ups since the start.
func (c *Cache) currentCounts() counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := c.counts
	counts.droppedBy = maps.Clone(c.counts.droppedBy)
	counts.names = c.ours.Len() + c.others.Len()
	return counts
}
