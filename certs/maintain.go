package certs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/caddyserver/certmagic"
)

// betweenScans is the time between two scans of the storage, where other processes write too.
const betweenScans = time.Minute

// maintain follows what is in the storage, and has renewed what is about to expire.
func (c *Certificates) maintain(ctx context.Context) {
	var scanAt, tidyAt time.Time
	for ctx.Err() == nil {
		if now := c.clock.Now(); !now.Before(scanAt) {
			begun := time.Now()
			if err := c.scan(ctx); err != nil && ctx.Err() == nil {
				c.log.Warn("cannot list the stored certificates; still serving those in memory", "error", err)
			}
			scanAt = now.Add(max(betweenScans, 100*time.Since(begun))) // one percent of the time at most, however many there are
			c.followAsked(ctx)
			c.countUnlisted(ctx)
			if !now.Before(tidyAt) {
				c.tidy(ctx)
				tidyAt = now.Add(betweenTidies)
			}
		}
		c.renewDue()
		c.askAboutRenewals(ctx)
		select {
		case <-ctx.Done():
		case <-c.renewed:
		case <-c.clock.After(c.untilRenewal()):
		}
	}
}

// scan takes note of certificates that other processes have written or removed.
func (c *Certificates) scan(ctx context.Context) error {
	issuers, err := c.issuers(ctx)
	if err != nil {
		return err
	}
	found := make(map[string]bool)
	for _, issuer := range issuers {
		names, err := c.storage.List(ctx, certmagic.StorageKeys.CertsPrefix(issuer), false)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("listing certificates: %w", err)
		}
		for _, key := range names {
			found[nameOfFolder(path.Base(key))] = true
		}
	}
	for name := range found {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if c.known.get(name) != nil {
			continue
		}
		if s, err := c.read(ctx, name); err == nil {
			e := s.entry
			c.known.put(name, &e)
		} // otherwise it is half written, or damaged, which is dealt with when it is needed
	}
	for name, e := range c.known.all() {
		if !found[name] && c.unsaved.get(name) == nil && !c.storage.Exists(ctx, certmagic.StorageKeys.CertsSitePrefix(e.issuer, name)) { // or it was written since
			c.forget(name)
		}
	}
	return nil
}

// renewDue puts into the queue what is due: renewals, and names whose first order has failed.
func (c *Certificates) renewDue() {
	now := c.clock.Now()
	for name, e := range c.known.all() {
		if !now.Before(e.renewAt) && c.allowed(name) && (c.listed(name) || c.loaded.requested(name)) &&
			c.failures.wait(name, now) <= 0 && !c.health.holds(name, now) {
			c.enqueue(name, forRenewal)
		}
	}
	for name, failure := range c.failures.all() {
		if failure.Times > 0 && !now.Before(failure.Next) && c.known.get(name) == nil && c.allowed(name) && c.listed(name) {
			c.enqueue(name, forLater)
		}
	}
	for name := range c.health.held() {
		switch {
		case !c.allowed(name) || !c.listed(name):
			c.health.release(name)
		case !c.health.holds(name, now):
			c.enqueue(name, forLater)
		}
	}
}

// enqueue puts a name into the queue that no client waits for; nil if the queue is full.
func (c *Certificates) enqueue(name string, r rank) *job {
	return c.queue.add(name, c.unlistedDomain(name), c.rankFor(name, r))
}

// rankFor returns the rank of a name: r, unless it has to wait for others.
func (c *Certificates) rankFor(name string, r rank) rank {
	if !c.listed(name) {
		return forUnlisted
	}
	if e := c.known.get(name); e != nil && c.clock.Now().After(e.notAfter) {
		return forRetry
	}
	if _, failed := c.failures.get(name); failed {
		return forRetry
	}
	return r
}

// untilRenewal returns when to look again: at the next renewal or scan.
func (c *Certificates) untilRenewal() time.Duration {
	now, wait := c.clock.Now(), betweenScans
	for _, e := range c.known.all() {
		if left := e.renewAt.Sub(now); left > 0 {
			wait = min(wait, left)
		}
	}
	return max(wait, time.Second)
}
