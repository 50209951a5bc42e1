package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"

	"mailhint/resolver"
)

// maxQueries is how many look-ups a resolver should get at a time from an examination of many domains. Looking up a host takes two
// questions, so that the resolver sees about twice as many.
const maxQueries = 32

// throttled is a Resolver that limits how many look-ups are under way, and repeats one that timed out.
type throttled struct {
	Resolver
	free     chan struct{}
	answered atomic.Bool // the resolver is known to work
}

// throttle returns a resolver that passes on at most limit look-ups at a time, however many domains are examined, and repeats one that
// timed out once. A resolver that has not answered anything yet is not asked twice: it is probably down, and finding that out should
// not take long.
func throttle(r Resolver, limit int) Resolver {
	return &throttled{Resolver: r, free: make(chan struct{}, limit)}
}

// ask waits for its turn and asks.
func (t *throttled) ask(ctx context.Context, question func() error) error {
	select {
	case t.free <- struct{}{}:
		defer func() { <-t.free }()
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", resolver.ErrFailed, ctx.Err())
	}
	err := question()
	switch {
	case err == nil || errors.Is(err, resolver.ErrNone):
		t.answered.Store(true)
	case t.answered.Load() && ctx.Err() == nil && errors.Is(err, resolver.ErrTimeout):
		return question()
	}
	return err
}

func (t *throttled) Host(ctx context.Context, name string) (addresses []netip.Addr, canonical string, err error) {
	canonical = name
	err = t.ask(ctx, func() error {
		addresses, canonical, err = t.Resolver.Host(ctx, name)
		return err
	})
	return addresses, canonical, err
}

func (t *throttled) CNAME(ctx context.Context, name string) (target string, err error) {
	err = t.ask(ctx, func() error {
		target, err = t.Resolver.CNAME(ctx, name)
		return err
	})
	return target, err
}

func (t *throttled) SRV(ctx context.Context, name string) (records []resolver.SRV, err error) {
	err = t.ask(ctx, func() error {
		records, err = t.Resolver.SRV(ctx, name)
		return err
	})
	return records, err
}

func (t *throttled) TXT(ctx context.Context, name string) (texts []string, err error) {
	err = t.ask(ctx, func() error {
		texts, err = t.Resolver.TXT(ctx, name)
		return err
	})
	return texts, err
}

func (t *throttled) CAA(ctx context.Context, name string) (records []resolver.CAA, err error) {
	err = t.ask(ctx, func() error {
		records, err = t.Resolver.CAA(ctx, name)
		return err
	})
	return records, err
}
