package certs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"mailhint/untrusted"
)

const (
	orderTime  = 3 * time.Minute  // for one, at one CA
	lookTime   = 5 * time.Second  // for a name's DNS
	unlockTime = 10 * time.Second // for giving back a lock
)

// results count what became of orders, by outcome.
type results [away + 1]atomic.Int64

// work gives the names of the queue to the CA, as fast as it may.
func (c *Certificates) work(ctx context.Context) {
	c.checkStorage(ctx) // so that a fault is told before somebody waits for a certificate
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

// pace returns how long to wait before the next order. An exhausted account is waited for; a CA that does not want orders, or does
// not answer, is passed over for the next.
func (c *Certificates) pace() time.Duration {
	now := c.clock.Now()
	if pause, _ := c.storing.pause(now); pause > 0 {
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
		if ca.isAway() && running > 0 { // one is enough to see whether it is back
			return awayPause
		}
		return ca.budget.wait(now)
	}
	return least
}

func (a *authority) isAway() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.away > 0
}

// do works on one name of the queue. What is not the name's fault puts it back.
func (c *Certificates) do(ctx context.Context, j *job) {
	err := c.obtain(ctx, j.name)
	switch {
	case errors.Is(err, errLater), errors.Is(err, errSpent), errors.Is(err, errStorage):
		c.queue.again(j)
	default:
		// A lock or a file of this name that cannot be used is noted by nobody else.
		if err != nil && ctx.Err() == nil && !errors.Is(err, errWildcardsFull) && c.failures.wait(j.name, c.clock.Now()) <= 0 {
			failure := c.failures.add(ctx, j.name, err, c.clock.Now(), 0)
			c.log.Warn("no certificate", "name", j.name, "error", failure.Error)
		}
		c.queue.finish(j, err)
	}
}

// errLater means that no CA can be had just now.
var errLater = errors.New("no CA can be reached or takes orders now")

// obtain sees to it that there is a certificate for name that need not be renewed yet, by one order at most.
func (c *Certificates) obtain(ctx context.Context, name string) error {
	if err := c.pointsHere(ctx, name); err != nil {
		return err
	}
	unlock, err := c.lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	s, err := c.read(ctx, name)
	switch {
	case err == nil && c.clock.Now().Before(s.renewAt): // another process has been here
		c.keep(s)
		c.failures.clear(ctx, name)
		return nil
	case errors.Is(err, errBroken):
		c.log.Warn("a stored certificate is damaged and ordered anew", "name", name, "error", err)
		if err := c.remove(ctx, name); err != nil {
			return err
		}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := c.takeRoom(name); err != nil {
		return err
	}
	if err := c.order(ctx, name); err != nil {
		return err
	}
	if s, err = c.read(ctx, name); err != nil {
		return fmt.Errorf("reading the new certificate of %s: %w", name, err)
	}
	c.keep(s)
	signal(c.kept)
	c.failures.clear(ctx, name)
	c.log.Info("certificate received", "name", name, "ca", s.issuer, "ends", s.notAfter)
	return nil
}

// lock keeps other processes from a name. certmagic's own lock does not span looking and deciding.
func (c *Certificates) lock(ctx context.Context, name string) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, orderTime)
	defer cancel()
	key := "mailhint-" + name
	if err := c.storage.Lock(ctx, key); err != nil {
		return nil, fmt.Errorf("waiting for another process that works on %s: %w", name, err)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTime)
		defer cancel()
		c.storage.Unlock(ctx, key) // one that stays becomes stale by itself
	}, nil
}

func (c *Certificates) pointsHere(ctx context.Context, name string) error {
	if c.config.PointsHere == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	err := c.config.PointsHere(ctx, name)
	if err != nil {
		c.failures.lookedAstray(name, err, c.clock.Now())
	}
	return err
}

// order asks one CA after the other, and notes a failure that is the name's.
func (c *Certificates) order(ctx context.Context, name string) error {
	if err := c.checkStorage(ctx); err != nil {
		return err
	}
	finish, err := c.failures.begin(ctx, name, c.clock.Now())
	if err != nil {
		return err
	}
	failed, after, err := c.askAll(ctx, name)
	if failed == nil {
		if err != nil {
			finish() // it is nobody's fault
		}
		return err
	}
	failure := c.failures.add(ctx, name, failed, c.clock.Now(), after)
	return fmt.Errorf("%s; tried again at %s", failure.Error, failure.Next.UTC().Format(time.RFC3339))
}

// askAll asks one CA after the other. failed is an error that is the name's fault, and after how long a CA wants to be left alone
// with it; err any other.
func (c *Certificates) askAll(ctx context.Context, name string) (failed error, after time.Duration, err error) {
	for _, ca := range c.cas {
		if pause, _ := ca.pause(c.clock.Now()); pause > 0 {
			continue
		}
		place, err := ca.budget.take(ctx, c.clock.Now())
		if err != nil {
			return nil, 0, err
		}
		before, _ := c.failures.get(name)
		what, wait, err := ca.order(ctx, name, before.Times, c.clock, place)
		if err != nil && ctx.Err() != nil { // we are to stop
			return nil, 0, err
		}
		c.results[what].Add(1)
		if what == ordered {
			return nil, 0, nil
		}
		c.log.Warn("no certificate", "name", name, "ca", ca.key, "result", what.String(), "error", untrusted.Clip(err.Error(), maxText))
		if what == held || what == away {
			continue
		}
		if failed, after = err, max(after, wait); what == refused {
			break
		}
	}
	if failed == nil {
		return nil, 0, errLater
	}
	return failed, after, nil
}
