package certs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
)

const (
	orderTime  = 3 * time.Minute  // for one order
	lookupTime = 2 * time.Second  // for a name's DNS: name servers that take longer seldom answer at all
	unlockTime = 10 * time.Second // for releasing a lock
	checks     = 256              // of DNS at the same time
	recheckAge = 10 * time.Minute // after which the DNS of a name that waits for its order is looked up again
)

// results count what became of orders, by outcome.
type results [unsavable + 1]atomic.Int64

// check looks up the DNS of the names of the queue. What points here may be ordered.
func (c *Certificates) check(ctx context.Context) {
	c.each(ctx, toCheck, func() time.Duration { return c.storagePause() }, func(j *job) {
		ways, err := c.ways(ctx, j.name)
		if err != nil {
			c.queue.finish(j, err)
			return
		}
		c.queue.passed(j, ways, c.clock.Now())
	})
}

// work gives the names of the queue to the CA, as fast as it allows.
func (c *Certificates) work(ctx context.Context) {
	c.each(ctx, toOrder, c.pace, func(j *job) {
		if c.config.PointsHere != nil && c.clock.Now().Sub(j.checked) > recheckAge {
			c.queue.recheck(j)
			return
		}
		c.do(ctx, j)
	})
}

// each works on the jobs of one stage, as many at a time as it has slots. pause returns how long to wait before the next one.
func (c *Certificates) each(ctx context.Context, s stage, pause func() time.Duration, do func(*job)) {
	var running sync.WaitGroup
	defer running.Wait()
	for ctx.Err() == nil {
		if wait := pause(); wait > 0 {
			select {
			case <-ctx.Done():
			case <-c.clock.After(wait):
			case <-c.queue.more[s]:
			}
			continue
		}
		j := c.queue.next(s)
		if j == nil {
			select {
			case <-ctx.Done():
			case <-c.queue.more[s]:
			}
			continue
		}
		running.Go(func() { do(j) })
	}
}

// storagePause returns how long to wait because nothing can be saved.
func (c *Certificates) storagePause() time.Duration {
	if c.health.now() != "" || c.unsaved.len() > 0 {
		return storagePause
	}
	return 0
}

// pace returns how long to wait before the next order. A CA whose budget is used up is waited for; one that accepts no orders, or does
// not answer, is passed over for the next.
func (c *Certificates) pace() time.Duration {
	if pause := c.storagePause(); pause > 0 {
		return pause
	}
	now := c.clock.Now()
	_, running := c.queue.lengths()
	least := time.Duration(1<<63 - 1)
	for _, ca := range c.cas {
		pause, _ := ca.pause(now)
		if pause > 0 {
			least = min(least, pause)
			continue
		}
		if ca.isAway() && running > 0 { // one order is enough to see whether it is back
			return unreachablePause
		}
		return ca.budget.wait(now)
	}
	return least
}

// do orders a certificate for one name of the queue. After a failure that is not the name's fault, the name goes back into the queue.
func (c *Certificates) do(ctx context.Context, j *job) {
	err := c.obtainChecked(ctx, j.name, j.ways)
	now := c.clock.Now()
	switch {
	case err != nil && ctx.Err() != nil:
	case errors.Is(err, errStorage):
		if c.checkStorage(ctx) != nil {
			c.queue.again(j)
			return
		}
		if !j.retried { // the storage may have recovered since
			j.retried = true
			c.queue.again(j)
			return
		}
		if c.health.hold(j.name, err, now) { // only the files of this name
			c.log.Error("no certificate, because its files or its lock cannot be used", "name", j.name, "error", clip(err))
		}
	case errors.Is(err, errNoCA), errors.Is(err, errBudgetSpent):
		if j.rank != forUnlisted { // those are tried again when a client asks again
			c.queue.again(j)
			return
		}
	case errors.Is(err, errWildcardsFull), errors.Is(err, errDomainFull), errors.Is(err, errUnlistedSpent):
	case err != nil && c.failures.wait(j.name, now) <= 0: // it has not been noted yet
		failure := c.failures.add(ctx, j.name, err, now, 0, !c.listed(j.name))
		c.logFailure(j.name, "no certificate", "error", failure.Error)
	}
	if !errors.Is(err, errStorage) {
		c.health.release(j.name)
	}
	c.queue.finish(j, err)
}

// logFailure logs a warning about a listed name. Of names that are not listed there is no end: those are for debugging.
func (c *Certificates) logFailure(name, message string, args ...any) {
	level := slog.LevelDebug
	if c.listed(name) {
		level = slog.LevelWarn
	}
	c.log.Log(context.Background(), level, message, append([]any{"name", name}, args...)...)
}

// errNoCA means that no CA can be asked just now.
var errNoCA = errors.New("no CA can be reached, or accepts orders, at the moment")

// obtain makes sure that there is a certificate for name that need not be renewed yet, by one order for each kind of challenge at most.
func (c *Certificates) obtain(ctx context.Context, name string) error {
	ways, err := c.ways(ctx, name)
	if err != nil {
		return err
	}
	return c.obtainChecked(ctx, name, ways)
}

// obtainChecked is obtain for a name that can be verified in some ways.
func (c *Certificates) obtainChecked(ctx context.Context, name string, ways []string) error {
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
	if err := c.takeRoom(ctx, name); err != nil {
		return err
	}
	if err := c.order(ctx, name, ways, old); err != nil {
		return err
	}
	s, err := c.read(ctx, name)
	if err != nil {
		return fmt.Errorf("reading the new certificate of %s: %w", name, err)
	}
	c.keep(s)
	signal(c.renewed)
	c.failures.clear(ctx, name)
	c.noteAsked(ctx, name)
	c.log.Info("certificate received", "name", name, "ca", s.issuer, "expires", s.notAfter)
	return nil
}

// lock keeps other processes from a name.
func (c *Certificates) lock(ctx context.Context, name string) (unlock func(), err error) {
	before := ctx
	ctx, cancel := context.WithTimeout(ctx, orderTime)
	defer cancel()
	key := "mailhint-" + name
	err = c.storage.Lock(ctx, key)
	switch {
	case errors.Is(err, errStorage):
		c.removeBrokenLock(ctx, key)
		return nil, fmt.Errorf("the lock of %s: %w", name, err)
	case err != nil && before.Err() == nil:
		return nil, fmt.Errorf("%w: another process has been ordering a certificate for %s for %s", errStorage, name, orderTime)
	case err != nil:
		return nil, err
	}
	stop := c.renewLease(before, key)
	return func() {
		stop()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTime)
		defer cancel()
		c.storage.Unlock(ctx, key) // one that stays becomes stale
	}, nil
}

const (
	// leaseTime is how long a lock is kept that is not renewed again.
	leaseTime = time.Minute
	// betweenLeases is the time between renewals.
	betweenLeases = 15 * time.Second
)

// renewLease renews a lock until stop is called, in a storage whose locks end otherwise. A renewal that fails is tried again: the order goes on, because
// another one would not be cheaper.
func (c *Certificates) renewLease(ctx context.Context, key string) (stop func()) {
	renewer, ok := c.config.Storage.(certmagic.LockLeaseRenewer)
	if !ok {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() {
		ticker := time.NewTicker(betweenLeases)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				if err := renewer.RenewLockLease(ctx, key, leaseTime); err != nil && ctx.Err() == nil {
					c.log.Warn("the lock of an order cannot be renewed", "lock", key, "error", clip(err))
				}
			}
		}
	})
	return func() {
		cancel()
		renewing.Wait()
	}
}

// lockAge is the age at which a lock file is abandoned: certmagic writes those in use every five seconds.
const lockAge = 15 * time.Second

// removeBrokenLock removes a lock file that was half written when the disk became full. certmagic does not understand it, and would never
// remove it.
func (c *Certificates) removeBrokenLock(ctx context.Context, key string) {
	info, err := c.plain.Stat(ctx, "locks/"+certmagic.StorageKeys.Safe(key)+".lock")
	if err == nil && time.Since(info.Modified) > lockAge {
		c.plain.Unlock(ctx, key) // if it fails, the next attempt tries again
	}
}

// order asks one CA after the other, and notes a failure that is the name's. old is the certificate to be renewed, or nil.
func (c *Certificates) order(ctx context.Context, name string, ways []string, old *stored) error {
	if err := c.checkStorage(ctx); err != nil {
		return err
	}
	finish, err := c.failures.begin(ctx, name, c.clock.Now())
	if err != nil {
		return fmt.Errorf("noting the order: %w", err)
	}
	failed, after, err := c.askAll(ctx, name, ways, old)
	if failed == nil {
		if err != nil {
			finish() // the name is not to blame
		}
		return err
	}
	failure := c.failures.add(ctx, name, failed, c.clock.Now(), after, !c.listed(name))
	return fmt.Errorf("%s; next attempt at %s", failure.Error, failure.Next.UTC().Format(time.RFC3339))
}

// askAll asks one CA after the other. failed is an error that is the name's fault, and after how long a CA wants no more orders for
// it; err is any other.
func (c *Certificates) askAll(ctx context.Context, name string, ways []string, old *stored) (failed error, after time.Duration, err error) {
	for _, ca := range c.cas {
		if pause, _ := ca.pause(c.clock.Now()); pause > 0 {
			continue
		}
		r, err := c.ask(ctx, ca, name, ways, old)
		switch {
		case err != nil:
			return nil, 0, err
		case r.outcome == ordered:
			return nil, 0, c.save(ctx, ca.key, name, r.issued)
		case r.outcome == held || r.outcome == unreachable:
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

// save saves a new certificate. The server keeps one that cannot be saved in memory; the process beside it would lose it.
func (c *Certificates) save(ctx context.Context, issuer, name string, cert *issued) error {
	err := c.write(ctx, issuer, name, cert)
	if err != nil && c.serving.Load() {
		return c.keepUnsaved(issuer, name, cert, err)
	}
	return err
}

// ask orders a certificate from one CA: with the first kind of challenge, and when that fails with the next, as a new order with a place of
// its own in the budget. No order is placed for a challenge by DNS while the name server cannot be changed. An error means that nothing was found out.
func (c *Certificates) ask(ctx context.Context, ca *authority, name string, ways []string, old *stored) (r result, err error) {
	domain := ""
	if !c.listed(name) && c.known.get(name) == nil { // renewals of the few that have one are no way to use up the budget
		domain = registeredDomain(name)
	}
	for i, kind := range ways {
		if kind == acme.ChallengeTypeDNS01 {
			if err := c.checkDNS(ctx, name); err != nil {
				if r.err == nil {
					r = result{outcome: refused, err: err}
				}
				continue
			}
		}
		p, err := ca.budget.take(ctx, c.clock.Now(), domain)
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
		if r.outcome == unsavable {
			return r, r.err
		}
		if r.outcome == ordered {
			c.kinds.worked(kind)
			break
		}
		c.logFailure(name, "order failed", "ca", ca.key, "challenge", kind, "result", r.outcome.String(), "error", clip(r.err))
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
