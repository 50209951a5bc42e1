package exchangers

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"mailhint/resolver"
	"mailhint/settings"
)

// Run looks up the queued domains until ctx is done.
func (c *Cache) Run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { c.serve(ctx, c.ourNames, maxOurLookups) })
	running.Go(func() { c.serve(ctx, c.newNames, maxNewLookups) })
	running.Wait()
}

// serve looks up the domains of a queue, at most atOnce at the same time, until ctx is done.
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
	host := preferred(mx, q.hosts)
	switch {
	case err != nil && !errors.Is(err, resolver.ErrNone):
		a = c.failed(q, start, now)
	case host != "":
		c.counts.ours++
		c.worked = now
		a = ours(host, q.hosts, now)
	default:
		c.counts.others++
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
	c.counts.failed++
	before := c.known(q.domain)
	a := answer{hosts: q.hosts}
	if before.ours(q.hosts) && now.Before(before.trusted) {
		a = before
	}
	pause := keepFailed
	if a.pause = 0; c.worked.After(start.Add(-resolverWorks)) {
		c.counts.silent++
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

// preferred returns the first of the hosts that is one of the most preferred exchangers, or "".
func preferred(mx []resolver.MX, hosts []settings.Domain) settings.Domain {
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
