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
	"errors"
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
	// So many look-ups run at the same time: of new names as many as may begin within the timeout, so that names without answer cannot
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
	counts  Counts
	worked  time.Time // when the resolver last gave an answer
	changed bool      // ours differs from what is saved
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

// Counts are the results of look-ups since the start.
type Counts struct {
	Ours, Others uint64 // the mail comes here, or goes elsewhere or nowhere
	Failed       uint64 // no answer from DNS
	Silent       uint64 // of Failed, those that the name is to blame for
	Dropped      uint64 // not started, because there were too many
	// DroppedBy has the limit that was exceeded for each of Dropped: "total", "client", "network", "provider", "domain" or "queue".
	DroppedBy    map[string]uint64
	Names        int    // in the cache now
	SaveFailures uint64 // see Keep
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
		counts:   Counts{DroppedBy: make(map[string]uint64)},
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
			c.counts.Dropped++
			c.counts.DroppedBy[exceeded]++
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

// Run looks up the queued domains until ctx is done.
func (c *Cache) Run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { c.serve(ctx, c.ourNames, maxOurLookups) })
	running.Go(func() { c.serve(ctx, c.newNames, maxNewLookups) })
	running.Wait()
}

// serve looks up the domains of a queue, so many at the same time, until ctx is done.
func (c *Cache) serve(ctx context.Context, queue <-chan question, atOnce int) {
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, atOnce)
	for {
		select {
		case <-ctx.Done():
			return
		case slots <- struct{}{}:
		}
		select {
		case <-ctx.Done():
			return
		case q := <-queue:
			running.Go(func() {
				c.lookUp(ctx, q)
				<-slots
			})
		}
	}
}

func (c *Cache) lookUp(ctx context.Context, q question) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()
	mx, err := c.resolver.MX(ctx, string(q.domain))
	c.note(q, start, mx, err)
}

// note stores the result of a look-up.
func (c *Cache) note(q question, start time.Time, mx []resolver.MX, err error) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, q.domain)
	a := answer{hosts: q.hosts, until: now.Add(keepOthers)}
	host := Preferred(mx, q.hosts)
	switch {
	case err != nil && !errors.Is(err, resolver.ErrNone):
		a = c.failed(q, start, now)
	case host != "":
		c.counts.Ours++
		c.worked = now
		a = ours(host, q.hosts, now)
	default:
		c.counts.Others++
		c.worked = now
	}
	wasOurs := c.ours.Remove(q.domain)
	c.others.Remove(q.domain)
	if a.host != "" {
		c.ours.Add(q.domain, a)
	} else {
		c.others.Add(q.domain, a)
	}
	c.changed = c.changed || wasOurs || a.host != ""
}

// failed returns what is used after a look-up that got no answer. If the resolver answers for other names, this one's name servers are to
// blame: then it is looked up less and less often, and the client pays for it.
func (c *Cache) failed(q question, start, now time.Time) answer {
	c.counts.Failed++
	before := c.known(q.domain)
	a := answer{hosts: q.hosts}
	if before.ours(q.hosts) && now.Before(before.trusted) {
		a = before
	}
	pause := keepFailed
	if a.pause = 0; c.worked.After(start.Add(-resolverWorks)) {
		c.counts.Silent++
		if before.pause > 0 {
			pause = min(2*before.pause, maxFailed)
		}
		a.pause = pause
		if before.host == "" {
			c.budget.punish(q.client, now)
		}
	}
	a.until = now.Add(pause)
	return a
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
	counts.DroppedBy = maps.Clone(c.counts.DroppedBy)
	counts.Names = c.ours.Len() + c.others.Len()
	return counts
}
