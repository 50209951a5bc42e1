package probe

import (
	"context"
	"errors"
	"net/netip"
	"sync"
)

// greetings remembers at which ports a server never greeted: many of a domain's names point to the same machine, and it is enough to wait
// for a greeting once. A nil greetings remembers nothing.
type greetings struct {
	mutex sync.Mutex
	first map[netip.AddrPort]*attempt
}

// await returns at once for the first look at a port, which then reports with done how it ended; other looks wait until it has. The error
// wraps ErrNoGreeting or ErrHandshake if the first one waited in vain, or is the context's.
func (g *greetings) await(ctx context.Context, at netip.AddrPort) (done func(error), err error) {
	if g == nil {
		return func(error) {}, nil
	}
	g.mutex.Lock()
	first := g.first[at]
	if first == nil {
		if g.first == nil {
			g.first = make(map[netip.AddrPort]*attempt)
		}
		mine := &attempt{done: make(chan struct{})}
		g.first[at] = mine
		g.mutex.Unlock()
		return func(err error) {
			if errors.Is(err, ErrNoGreeting) || errors.Is(err, ErrHandshake) && isTimeout(err) {
				mine.err = err
			}
			close(mine.done)
		}, nil
	}
	g.mutex.Unlock()
	select {
	case <-first.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return func(error) {}, first.err
}
