package certs

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
)

const (
	betweenTidies = 24 * time.Hour
	// leftAfter is the age of a file that was meant for a moment only, and that a killed process has left: locks are written again
	// every five seconds, and the longest order takes minutes.
	leftAfter = 24 * time.Hour
)

// tidy removes what nobody needs any more: certificates that have ended, of names that are not allowed, not listed, or have a later
// one; failures of names that are not allowed; and what killed processes have left. What cannot be removed stays until the next time.
func (c *Certificates) tidy(ctx context.Context) {
	c.removeEnded(ctx)
	now := c.clock.Now()
	for name, failure := range c.failures.all() {
		if !c.allowed(name) && now.After(failure.Next) && now.After(failure.Last.Add(betweenTidies)) {
			c.failures.clear(ctx, name)
		}
	}
	c.removeLeft(ctx, "", func(name string) bool { return strings.HasPrefix(name, checkPrefix) })
	c.removeLeft(ctx, "locks", func(name string) bool { return strings.HasSuffix(name, ".lock") })
	c.removeLeft(ctx, failuresPrefix, func(file string) bool {
		name, whole := strings.CutSuffix(file, ".json")
		return !whole || !c.allowed(name)
	})
	for _, account := range c.inside(ctx, "orders") {
		c.removeLeft(ctx, account, func(string) bool { return true }) // the count needs those of an hour
	}
	for _, ca := range c.inside(ctx, "acme") {
		c.removeLeft(ctx, path.Join(ca, "challenge_tokens"), func(string) bool { return true })
	}
}

// removeEnded removes certificates, by the directory they are in.
func (c *Certificates) removeEnded(ctx context.Context) {
	now := c.clock.Now()
	for _, issuer := range c.inside(ctx, certificatesPrefix) {
		issuer = path.Base(issuer)
		for _, dir := range c.inside(ctx, certmagic.StorageKeys.CertsPrefix(issuer)) {
			if ctx.Err() != nil {
				return
			}
			name := path.Base(dir)
			best := c.entry(name)
			if best == nil || best.issuer == issuer && c.allowed(name) && c.listed(name) || !isKey(name) {
				continue // it is served, or damaged, which an order mends
			}
			s, err := c.readFrom(ctx, issuer, name)
			if err != nil || !now.After(s.notAfter.Add(betweenTidies)) {
				continue
			}
			if c.storage.Delete(ctx, dir) == nil && best.issuer == issuer {
				c.forget(name)
			}
		}
	}
}

// removeLeft removes the files in dir that match and have not been written for long.
func (c *Certificates) removeLeft(ctx context.Context, dir string, match func(name string) bool) {
	for _, key := range c.inside(ctx, dir) {
		if !match(path.Base(key)) {
			continue
		}
		info, err := c.storage.Stat(ctx, key)
		if err == nil && info.IsTerminal && !info.Modified.IsZero() && time.Since(info.Modified) > leftAfter {
			c.storage.Delete(ctx, key)
		}
	}
}

// inside lists what is in a directory, as far as that can be read.
func (c *Certificates) inside(ctx context.Context, dir string) []string {
	keys, err := c.storage.List(ctx, dir, false)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && ctx.Err() == nil {
		c.log.Debug("cannot tidy", "directory", dir, "error", err)
	}
	return keys
}
