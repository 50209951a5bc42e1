package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"

	"mailhint/doctor"
	"mailhint/resolver"
)

// atOnce is how many calls of the doctor's resolver are under way at a time, beside half as many of the prober's. A call for a host asks two
// questions, so that they are about 64 altogether.
const atOnce = 32

// patient is a resolver that is not asked more than it can bear, however many domains are examined at a time, and once more when it
// did not answer in time.
type patient struct {
	doctor.Resolver
	free     chan struct{}
	answered atomic.Bool // it is there
}

func newPatient(r doctor.Resolver, atOnce int) *patient {
	return &patient{Resolver: r, free: make(chan struct{}, atOnce)}
}

// ask waits for its turn. A resolver that has not answered anything yet is not asked twice: it is away, and that should not take long.
func (p *patient) ask(ctx context.Context, question func() error) error {
	select {
	case p.free <- struct{}{}:
		defer func() { <-p.free }()
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", resolver.ErrFailed, ctx.Err())
	}
	err := question()
	switch {
	case err == nil || errors.Is(err, resolver.ErrNone):
		p.answered.Store(true)
	case p.answered.Load() && ctx.Err() == nil && errors.Is(err, resolver.ErrTimeout):
		return question()
	}
	return err
}

// Host returns the addresses of a host.
func (p *patient) Host(ctx context.Context, name string) (addresses []netip.Addr, canonical string, err error) {
	canonical = name
	err = p.ask(ctx, func() error {
		addresses, canonical, err = p.Resolver.Host(ctx, name)
		return err
	})
	return addresses, canonical, err
}

// CNAME returns the name that an alias stands for.
func (p *patient) CNAME(ctx context.Context, name string) (target string, err error) {
	err = p.ask(ctx, func() error {
		target, err = p.Resolver.CNAME(ctx, name)
		return err
	})
	return target, err
}

// SRV returns the places of a service.
func (p *patient) SRV(ctx context.Context, name string) (places []resolver.SRV, err error) {
	err = p.ask(ctx, func() error {
		places, err = p.Resolver.SRV(ctx, name)
		return err
	})
	return places, err
}

// TXT returns the texts of a name.
func (p *patient) TXT(ctx context.Context, name string) (texts []string, err error) {
	err = p.ask(ctx, func() error {
		texts, err = p.Resolver.TXT(ctx, name)
		return err
	})
	return texts, err
}

// CAA returns who may issue certificates for a name.
func (p *patient) CAA(ctx context.Context, name string) (records []resolver.CAA, err error) {
	err = p.ask(ctx, func() error {
		records, err = p.Resolver.CAA(ctx, name)
		return err
	})
	return records, err
}
