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
	// leftoverAge is the age at which a temporary file must be the leftover of a killed process: locks are rewritten every five
	// seconds, and the longest order takes minutes.
	leftoverAge = 24 * time.Hour
	// leftoverRecordAge is the same for records in DNS.
	leftoverRecordAge = time.Hour
)

// tidy removes what is no longer needed: expired certificates of names that are not allowed, not listed, or have a newer one; failures
// of names that are not allowed; and leftovers of killed processes, in DNS too. What cannot be removed stays until the next time.
func (c *Certificates) tidy(ctx context.Context) {
	c.removeExpired(ctx)
	now := c.clock.Now()
	for name, failure := range c.failures.all() {
		if !c.allowed(name) && now.After(failure.Next) && now.After(failure.Last.Add(betweenTidies)) {
			c.failures.clear(ctx, name)
		}
	}
	c.removeLeftovers(ctx, "", func(name string) bool { return strings.HasPrefix(name, checkPrefix) })
	c.removeLeftovers(ctx, "locks", func(name string) bool { return strings.HasSuffix(name, ".lock") })
	c.removeLeftovers(ctx, failuresPrefix, func(file string) bool {
		name, whole := strings.CutSuffix(file, ".json")
		return !whole || !c.allowed(nameOfFolder(name))
	})
	for _, account := range c.inside(ctx, "orders") {
		c.removeLeftovers(ctx, account, func(string) bool { return true }) // those of the last hour are needed for the count
	}
	c.withdrawLeftovers(ctx)
	for _, ca := range c.inside(ctx, accountsPrefix) {
		c.removeLeftovers(ctx, path.Join(ca, challengeFolder), func(string) bool { return true })
	}
}

// removeExpired removes expired certificates that are not served.
func (c *Certificates) removeExpired(ctx context.Context) {
	now := c.clock.Now()
	for _, issuer := range c.inside(ctx, certificatesPrefix) {
		issuer = path.Base(issuer)
		for _, dir := range c.inside(ctx, certmagic.StorageKeys.CertsPrefix(issuer)) {
			if ctx.Err() != nil {
				return
			}
			name := nameOfFolder(path.Base(dir))
			best := c.known.get(name)
			if best == nil || best.issuer == issuer && c.allowed(name) && c.listed(name) || !isKey(name) {
				continue // it is served, or damaged and will be ordered again
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

// removeLeftovers removes the files in dir that match and have not been written for a day.
func (c *Certificates) removeLeftovers(ctx context.Context, dir string, match func(name string) bool) {
	for _, key := range c.inside(ctx, dir) {
		if !match(path.Base(key)) {
			continue
		}
		info, err := c.storage.Stat(ctx, key)
		if err == nil && info.IsTerminal && !info.Modified.IsZero() && time.Since(info.Modified) > leftoverAge {
			c.storage.Delete(ctx, key)
		}
	}
}

// inside lists what is in a directory, as far as it can be read.
func (c *Certificates) inside(ctx context.Context, dir string) []string {
	keys, err := c.storage.List(ctx, dir, false)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && ctx.Err() == nil {
		c.log.Debug("cannot tidy", "directory", dir, "error", err)
	}
	return keys
}
