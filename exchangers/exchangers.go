// Package exchangers knows whose mail comes to us: it looks up the MX records of domains that no configuration lists, in the
// background, and remembers what it found.
//
// A request is never made to wait for DNS. The first one that names an unlisted domain is answered as for an unknown name and
// starts the look-up; later ones are answered by what it found. Strangers choose the names, so everything is bounded: how many
// names are remembered, how many wait, how many look-ups run, and how many new names are looked up in a second, for all clients
// together and for each. What exceeds this is forgotten and counted, and a later request starts it again.
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
	maxWaiting = 1000 // new names, and as many known ones
	maxClients = 10_000
	workers    = 64
	patience   = 5 * time.Second // for one look-up
)

// Resolver finds the mail exchangers of a domain: a *resolver.Resolver.
type Resolver interface {
	MX(ctx context.Context, name string) ([]resolver.MX, error)
}

// Cache remembers whose mail comes to us. Its methods may be called at the same time.
type Cache struct {
	resolver Resolver
	fresh    chan question // of new names
	again    chan question // of those known to be ours, which a flood of new names must not hold up

	mu      sync.Mutex // guards what follows
	ours    *simplelru.LRU[settings.Domain, answer]
	others  *simplelru.LRU[settings.Domain, answer]
	pending map[settings.Domain]bool // waiting or being looked up
	budget  budget
	clients *simplelru.LRU[netip.Prefix, *budget]
	counts  Counts
}

// question is a domain and the hosts that would make its mail ours.
type question struct {
	domain settings.Domain
	hosts  []settings.Domain
}

// answer is what was found out about a domain.
type answer struct {
	host    settings.Domain   // the preferred exchanger that is one of ours; empty if none is
	hosts   []settings.Domain // that were compared; a reload may bring others
	until   time.Time         // then it is looked up again
	trusted time.Time         // until then it holds meanwhile
}

// ours reports whether it says that the mail comes to one of the hosts.
func (a answer) ours(hosts []settings.Domain) bool {
	return a.host != "" && slices.Contains(hosts, a.host)
}

// holds reports whether nothing has to be looked up. A reload that adds hosts, or removes others, takes nothing from names of ours.
func (a answer) holds(hosts []settings.Domain, now time.Time) bool {
	return now.Before(a.until) && (a.ours(hosts) || slices.Equal(a.hosts, hosts))
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
		fresh:    make(chan question, maxWaiting),
		again:    make(chan question, maxWaiting),
		pending:  make(map[settings.Domain]bool),
	}
	c.ours, _ = simplelru.NewLRU[settings.Domain, answer](maxOurs, nil) // fails for a size below 1 only
	c.others, _ = simplelru.NewLRU[settings.Domain, answer](maxOthers, nil)
	c.clients, _ = simplelru.NewLRU[netip.Prefix, *budget](maxClients, nil)
	return c
}

// Ours reports whether a domain's preferred mail exchanger is known to be one of the hosts. It does not wait; what is not known, or
// not any more, is looked up for later questions. It is a domains.Exchangers.
//
// Only the preferred exchanger counts: a backup MX keeps no mailboxes.
func (c *Cache) Ours(d settings.Domain, hosts []settings.Domain, client netip.Addr) bool {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.known(d)
	if !a.holds(hosts, now) && !c.pending[d] && !c.ask(question{d, hosts}, a, client, now) {
		c.counts.Dropped++
	}
	return a.ours(hosts) && now.Before(a.trusted)
}

// known returns what was found out about a domain; the zero answer, which holds for nothing, if that is nothing.
func (c *Cache) known(d settings.Domain) answer {
	a, ok := c.ours.Get(d)
	if !ok {
		a, _ = c.others.Get(d)
	}
	return a
}

// ask has a domain looked up, and reports false if there is too much to do. Domains of ours cost no budget: there is an end to them.
func (c *Cache) ask(q question, before answer, client netip.Addr, now time.Time) bool {
	line := c.again
	if before.host == "" {
		if !c.clientBudget(client).take(forClient, now) || !c.budget.take(forAll, now) {
			return false
		}
		line = c.fresh
	}
	q.domain = settings.Domain(strings.Clone(string(q.domain))) // it may be a part of a long request
	select {
	case line <- q:
		c.pending[q.domain] = true
		return true
	default:
		return false
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
				case q := <-c.again: // if both lines wait, each has its turn
					c.look(ctx, q)
				case q := <-c.fresh:
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

// Preferred returns the first of the hosts that is one of the most preferred exchangers; "" if none is.
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

// Counts returns what became of look-ups.
func (c *Cache) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := c.counts
	counts.Names = c.ours.Len() + c.others.Len()
	return counts
}
