// Package exchangers knows whose mail comes to us: it looks up the MX records of domains that no configuration lists, in the
// background, and remembers what it found.
//
// A request is never made to wait for DNS. The first one that names an unlisted domain is answered as for an unknown name and
// starts the look-up; later ones are answered by what it found. Strangers choose the names, so everything is bounded: how many
// names are remembered, how many wait, how many look-ups run, and how many new names are looked up in a second. What exceeds this
// is forgotten and counted, and a later request starts it again.
package exchangers

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"mailhint/resolver"
	"mailhint/settings"
)

// For how long an answer holds before it is looked up again.
const (
	keepOurs   = time.Hour
	keepOthers = 5 * time.Minute
	keepFailed = time.Minute
	// trustOurs is for how long a domain whose mail came to us goes on being answered while the look-up fails, or waits: a broken
	// resolver must not take settings away (RFC 8767 reasons alike).
	trustOurs = 24 * time.Hour
)

// The bounds.
const (
	maxOurs    = 100_000 // names whose mail comes to us; apart, so that no flood of other names drives them out
	maxOthers  = 10_000
	maxWaiting = 1000
	workers    = 16
	patience   = 5 * time.Second // for one look-up
	perSecond  = 50              // look-ups of new names, on average
	burst      = 200             // and at once
)

// Resolver finds the mail exchangers of a domain: a *resolver.Resolver.
type Resolver interface {
	MX(ctx context.Context, name string) ([]resolver.MX, error)
}

// Cache remembers whose mail comes to us. Its methods may be called at the same time.
type Cache struct {
	resolver Resolver
	waiting  chan question

	mu      sync.Mutex // guards what follows
	ours    *simplelru.LRU[settings.Domain, answer]
	others  *simplelru.LRU[settings.Domain, answer]
	pending map[settings.Domain]bool // waiting or being looked up
	budget  budget
	counts  Counts
}

// question is a domain and the hosts that would make its mail ours.
type question struct {
	domain settings.Domain
	hosts  []settings.Domain
}

// answer is what was found out about a domain.
type answer struct {
	ours    bool
	hosts   []settings.Domain // that were compared; a reload may bring others
	until   time.Time         // then it is looked up again
	trusted time.Time         // until then it holds meanwhile
}

// Counts says what became of look-ups since the start.
type Counts struct {
	Ours, Others uint64 // found: mail comes to us, or goes elsewhere or nowhere
	Failed       uint64 // nobody knows
	Dropped      uint64 // not begun, because there were too many
	Names        int    // remembered now
}

// New returns a Cache that knows nothing. Run makes it look.
func New(r Resolver) *Cache {
	c := &Cache{
		resolver: r,
		waiting:  make(chan question, maxWaiting),
		pending:  make(map[settings.Domain]bool),
		budget:   budget{tokens: burst},
	}
	c.ours, _ = simplelru.NewLRU[settings.Domain, answer](maxOurs, nil) // fails for a size below 1 only
	c.others, _ = simplelru.NewLRU[settings.Domain, answer](maxOthers, nil)
	return c
}

// Ours reports whether a domain's preferred mail exchanger is known to be one of the hosts. It does not wait; what is not known, or
// not any more, is looked up for later questions. It is a domains.Exchangers.
//
// Only the preferred exchanger counts: a backup MX keeps no mailboxes.
func (c *Cache) Ours(d settings.Domain, hosts []settings.Domain) bool {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	a, known := c.known(d, hosts)
	if !known || !now.Before(a.until) {
		c.ask(question{d, hosts}, now, known && a.ours)
	}
	return known && a.ours && now.Before(a.trusted)
}

// known returns what was found out about a domain.
func (c *Cache) known(d settings.Domain, hosts []settings.Domain) (answer, bool) {
	a, ok := c.ours.Get(d)
	if !ok {
		a, ok = c.others.Get(d)
	}
	return a, ok && slices.Equal(a.hosts, hosts)
}

// ask has a domain looked up, unless it is being looked up already or there is too much to do. Domains of ours are no news: there is
// an end to them, and they are not held up by a flood of other names.
func (c *Cache) ask(q question, now time.Time, again bool) {
	if c.pending[q.domain] {
		return
	}
	if !again && !c.budget.take(now) {
		c.counts.Dropped++
		return
	}
	q.domain = settings.Domain(strings.Clone(string(q.domain))) // it may be a part of a long request
	select {
	case c.waiting <- q:
		c.pending[q.domain] = true
	default:
		c.counts.Dropped++
	}
}

// Run looks up what is asked for until ctx is done.
func (c *Cache) Run(ctx context.Context) {
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case q := <-c.waiting:
					c.look(ctx, q)
				}
			}
		})
	}
	running.Wait()
}

func (c *Cache) look(ctx context.Context, q question) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	mx, err := c.resolver.MX(ctx, string(q.domain))
	c.note(q, mx, err)
}

// note remembers what a look-up found.
func (c *Cache) note(q question, mx []resolver.MX, err error) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, q.domain)
	a := answer{hosts: q.hosts, until: now.Add(keepOthers)}
	switch {
	case err != nil && !errors.Is(err, resolver.ErrNone):
		c.counts.Failed++
		before, known := c.known(q.domain, q.hosts)
		if known && before.ours && now.Before(before.trusted) {
			a = before
		}
		a.until = now.Add(keepFailed)
	case Preferred(mx, q.hosts):
		c.counts.Ours++
		a.ours, a.until, a.trusted = true, now.Add(keepOurs), now.Add(trustOurs)
	default:
		c.counts.Others++
	}
	c.ours.Remove(q.domain)
	c.others.Remove(q.domain)
	if a.ours {
		c.ours.Add(q.domain, a)
	} else {
		c.others.Add(q.domain, a)
	}
}

// Preferred reports whether one of the most preferred exchangers is one of the hosts.
func Preferred(mx []resolver.MX, hosts []settings.Domain) bool {
	if len(mx) == 0 {
		return false
	}
	best := slices.MinFunc(mx, func(a, b resolver.MX) int { return int(a.Preference) - int(b.Preference) }).Preference
	return slices.ContainsFunc(mx, func(m resolver.MX) bool {
		return m.Preference == best && slices.Contains(hosts, settings.Domain(m.Host))
	})
}

// Counts returns what became of look-ups.
func (c *Cache) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := c.counts
	counts.Names = c.ours.Len() + c.others.Len()
	return counts
}

// budget allows burst look-ups at once, and perSecond in the long run.
type budget struct {
	tokens float64
	filled time.Time
}

func (b *budget) take(now time.Time) bool {
	if !b.filled.IsZero() {
		b.tokens = min(burst, b.tokens+now.Sub(b.filled).Seconds()*perSecond)
	}
	b.filled = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
