package certs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"
)

const (
	orderTime  = 3 * time.Minute  // for one order
	lookupTime = 5 * time.Second  // for a name's DNS
	unlockTime = 10 * time.Second // for releasing a lock
)

// results count what became of orders, by outcome.
type results [away + 1]atomic.Int64

// work gives the names of the queue to the CA, as fast as it allows.
func (c *Certificates) work(ctx context.Context) {
	c.checkStorage(ctx) // so that a fault is reported before a client waits for a certificate
	slots := make(chan struct{}, c.config.Parallel)
	var running sync.WaitGroup
	defer running.Wait()
	for ctx.Err() == nil {
		if wait := c.pace(); wait > 0 {
			select {
			case <-ctx.Done():
			case <-c.clock.After(wait):
			case <-c.queue.more:
			}
			continue
		}
		select {
		case <-ctx.Done():
			return
		case slots <- struct{}{}:
		}
		j := c.queue.next()
		if j == nil {
			<-slots
			select {
			case <-ctx.Done():
			case <-c.queue.more:
			}
			continue
		}
		running.Go(func() {
			c.do(ctx, j)
			<-slots
		})
	}
}

// pace returns how long to wait before the next order. A CA whose budget is used up is waited for; one that accepts no orders, or does
// not answer, is passed over for the next.
func (c *Certificates) pace() time.Duration {
	now := c.clock.Now()
	if pause, _ := c.health.pause(now); pause > 0 {
		return pause
	}
	_, running := c.queue.lengths()
	least := time.Duration(1<<63 - 1)
	for _, ca := range c.cas {
		pause, _ := ca.pause(now)
		if pause > 0 {
			least = min(least, pause)
			continue
		}
		if ca.isAway() && running > 0 { // one order is enough to see whether it is back
			return awayPause
		}
		return ca.budget.wait(now)
	}
	return least
}

// do works on one name of the queue. After a failure that is not the name's fault, the name goes back into the queue.
func (c *Certificates) do(ctx context.Context, j *job) {
	err := c.obtain(ctx, j.name)
	switch {
	case errors.Is(err, errNoCA), errors.Is(err, errBudgetSpent), errors.Is(err, errStorage):
		c.queue.again(j)
	default:
		// A lock or a file of this name that cannot be used has not been noted yet.
		if err != nil && ctx.Err() == nil && !errors.Is(err, errWildcardsFull) && c.failures.wait(j.name, c.clock.Now()) <= 0 {
			failure := c.failures.add(ctx, j.name, err, c.clock.Now(), 0)
			c.log.Warn("no certificate", "name", j.name, "error", failure.Error)
		}
		c.queue.finish(j, err)
	}
}

// errNoCA means that no CA can be asked just now.
var errNoCA = errors.New("no CA can be reached, or accepts orders, at the moment")

// obtain makes sure that there is a certificate for name that need not be renewed yet, by one order for each kind of challenge at most.
func (c *Certificates) obtain(ctx context.Context, name string) error {
	if err := c.pointsHere(ctx, name); err != nil {
		return err
	}
	unlock, err := c.lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	old, err := c.read(ctx, name)
	switch {
	case err == nil && c.clock.Now().Before(old.renewAt): // another process was faster
		c.keep(old)
		c.failures.clear(ctx, name)
		return nil
	case errors.Is(err, errDamaged):
		c.log.Warn("a stored certificate is damaged; ordering a new one", "name", name, "error", err)
		if err := c.remove(ctx, name); err != nil {
			return err
		}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := c.takeRoom(name); err != nil {
		return err
	}
	if err := c.order(ctx, name, old); err != nil {
		return err
	}
	s, err := c.read(ctx, name)
	if err != nil {
		return fmt.Errorf("reading the new certificate of %s: %w", name, err)
	}
	c.keep(s)
	signal(c.renewed)
	c.failures.clear(ctx, name)
	c.log.Info("certificate received", "name", name, "ca", s.issuer, "expires", s.notAfter)
	return nil
}

// lock keeps other processes from a name.
func (c *Certificates) lock(ctx context.Context, name string) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, orderTime)
	defer cancel()
	key := "mailhint-" + name
	if err := c.storage.Lock(ctx, key); err != nil {
		return nil, fmt.Errorf("waiting for another process that is ordering a certificate for %s: %w", name, err)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTime)
		defer cancel()
		c.storage.Unlock(ctx, key) // one that stays becomes stale
	}, nil
}

func (c *Certificates) pointsHere(ctx context.Context, name string) error {
	if c.config.PointsHere == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	err := c.config.PointsHere(ctx, name)
	if err != nil {
		c.failures.addDNSError(name, err, c.clock.Now())
	}
	return err
}

// order asks one CA after the other, and notes a failure that is the name's. old is the certificate to be renewed, or nil.
func (c *Certificates) order(ctx context.Context, name string, old *stored) error {
	if err := c.checkStorage(ctx); err != nil {
		return err
	}
	finish, err := c.failures.begin(ctx, name, c.clock.Now())
	if err != nil {
		return err
	}
	failed, after, err := c.askAll(ctx, name, old)
	if failed == nil {
		if err != nil {
			finish() // the name is not to blame
		}
		return err
	}
	failure := c.failures.add(ctx, name, failed, c.clock.Now(), after)
	return fmt.Errorf("%s; next attempt at %s", failure.Error, failure.Next.UTC().Format(time.RFC3339))
}

// askAll asks one CA after the other. failed is an error that is the name's fault, and after how long a CA wants no more orders for
// it; err is any other.
func (c *Certificates) askAll(ctx context.Context, name string, old *stored) (failed error, after time.Duration, err error) {
	for _, ca := range c.cas {
		if pause, _ := ca.pause(c.clock.Now()); pause > 0 {
			continue
		}
		r, err := c.ask(ctx, ca, name, old)
		switch {
		case err != nil:
			return nil, 0, err
		case r.outcome == ordered:
			return nil, 0, c.write(ctx, ca.key, name, r.issued)
		case r.outcome == held || r.outcome == away:
			continue
		}
		failed, after = r.err, max(after, r.after)
		if r.outcome == refused {
			break
		}
	}
	if failed == nil {
		return nil, 0, errNoCA
	}
	return failed, after, nil
}

// ask orders a certificate from one CA: with the kind of challenge that worked last, and when that fails with the other, as a new order
// with a place of its own in the budget. An error means that nothing was found out.
func (c *Certificates) ask(ctx context.Context, ca *authority, name string, old *stored) (r result, err error) {
	for i, kind := range c.kinds.all() {
		p, err := ca.budget.take(ctx, c.clock.Now())
		if err != nil && i > 0 {
			break
		}
		if err != nil {
			return r, err
		}
		r = ca.order(ctx, name, kind, old, c.clock, p)
		if r.err != nil && ctx.Err() != nil { // we are to stop
			return r, ctx.Err()
		}
		c.results[r.outcome].Add(1)
		if r.outcome == ordered {
			c.kinds.worked(kind)
			break
		}
		c.log.Warn("order failed", "name", name, "ca", ca.key, "challenge", kind, "result", r.outcome.String(), "error", clip(r.err))
		if r.outcome != refused || !r.placed || !otherKindMayWork(r.err) {
			break
		}
	}
	if r.err == nil && r.issued == nil {
		return r, errNoChallenge
	}
	return r, nil
}

// errNoChallenge means that this server answers neither http nor https, so that no CA could verify a name.
var errNoChallenge = errors.New("the server listens neither for http nor for https, so no CA can verify its names")
