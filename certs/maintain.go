package certs

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"

	"mailhint/untrusted"
)

const (
	betweenScans = time.Minute      // of the storage; other processes write there too
	askTime      = 10 * time.Second // for the CA's wish about one renewal
	maxAsked     = 50               // wishes in one go
	minAskAgain  = time.Minute      // for the same
	maxAskAgain  = 24 * time.Hour
)

// maintain follows what is in the storage, and renews what ends.
func (c *Certificates) maintain(ctx context.Context) {
	var scanAt, tidyAt time.Time
	for ctx.Err() == nil {
		if now := c.clock.Now(); !now.Before(scanAt) {
			begun := time.Now()
			if err := c.scan(ctx); err != nil && ctx.Err() == nil {
				c.log.Warn("cannot look through the stored certificates; those in memory go on being served", "error", err)
			}
			scanAt = now.Add(max(betweenScans, 100*time.Since(begun))) // a percent of the time at most, however many there are
			c.countUnlisted()
			if _, fault := c.storing.pause(now); fault != "" {
				c.checkStorage(ctx)
			}
			if !now.Before(tidyAt) {
				c.tidy(ctx)
				tidyAt = now.Add(betweenTidies)
			}
		}
		c.renewDue()
		c.askAboutRenewals(ctx)
		select {
		case <-ctx.Done():
		case <-c.kept:
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
	there := make(map[string]bool)
	for _, issuer := range issuers {
		names, err := c.storage.List(ctx, certmagic.StorageKeys.CertsPrefix(issuer), false)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("listing certificates: %w", err)
		}
		for _, key := range names {
			there[path.Base(key)] = true
		}
	}
	for name := range there {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if c.entry(name) != nil {
			continue
		}
		if s, err := c.read(ctx, name); err == nil {
			c.mu.Lock()
			c.known[name] = &s.entry
			c.mu.Unlock()
		} // else it is half written, or damaged, which is dealt with when it is needed
	}
	for name := range c.entries() {
		if !there[name] && !c.storage.Exists(ctx, c.dirOf(name)) { // or it has been written since
			c.forget(name)
		}
	}
	return nil
}

func (c *Certificates) dirOf(name string) string {
	if e := c.entry(name); e != nil {
		return certmagic.StorageKeys.CertsSitePrefix(e.issuer, name)
	}
	return certmagic.StorageKeys.CertsSitePrefix("", name)
}

// entries are all certificates known.
func (c *Certificates) entries() map[string]*entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.known)
}

// renewDue puts into the queue what is due: renewals, and names whose first order has failed.
func (c *Certificates) renewDue() {
	now := c.clock.Now()
	for name, e := range c.entries() {
		if !now.Before(e.renewAt) && c.allowed(name) && (c.listed(name) || c.loaded.asked(name)) && c.failures.wait(name, now) <= 0 {
			c.queue.add(name, forRenewal)
		}
	}
	for name, failure := range c.failures.all() {
		if failure.Times > 0 && !now.Before(failure.Next) && c.entry(name) == nil && c.allowed(name) {
			c.queue.add(name, forLater)
		}
	}
}

// untilRenewal returns when to look again: at the next renewal or scan.
func (c *Certificates) untilRenewal() time.Duration {
	now, wait := c.clock.Now(), betweenScans
	for _, e := range c.entries() {
		if left := e.renewAt.Sub(now); left > 0 {
			wait = min(wait, left)
		}
	}
	return max(wait, time.Second)
}

// askAboutRenewals asks the CAs again for when they wish certificates to be renewed (ARI, RFC 9773), each as often as its CA has
// said. A CA that has to revoke certificates says so here first.
func (c *Certificates) askAboutRenewals(ctx context.Context) {
	asked := 0
	for name, e := range c.entries() {
		now := c.clock.Now()
		// A time that is further away than any of ours has been written down as the CA has said it, or the clock has been set back.
		if wait := e.askAgain.Sub(now); wait > 0 && wait <= maxAskAgain || now.After(e.notAfter) || !c.allowed(name) {
			continue
		}
		if asked++; asked > maxAsked || ctx.Err() != nil {
			return
		}
		if err := c.ask(ctx, name); err != nil {
			later := *e
			later.askAgain = now.Add(spread(time.Hour))
			never := errors.Is(err, acme.ErrUnsupported) || errors.Is(err, errForeign)
			if never {
				later.askAgain = now.Add(maxAskAgain)
			}
			c.mu.Lock()
			c.known[name] = &later
			c.mu.Unlock()
			c.log.Debug("the CA does not say when to renew", "name", name, "error", untrusted.Clip(err.Error(), maxText))
			if !never {
				return // the others of this CA would wait as long
			}
		}
	}
}

// errForeign means that a certificate's CA is not asked any more.
var errForeign = errors.New("its CA is not in the configuration")

func (c *Certificates) ask(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	s, err := c.read(ctx, name)
	if err != nil {
		return err
	}
	ca := c.authority(s.issuer)
	if ca == nil {
		return errForeign
	}
	whole := tls.Certificate{Certificate: s.cert.Certificate, Leaf: s.leaf}
	info, err := ca.issuer.GetRenewalInfo(ctx, certmagic.Certificate{Certificate: whole, Names: []string{name}})
	if err != nil {
		return err
	}
	if s.ari != nil && info.SameWindow(*s.ari) && !s.ari.SelectedTime.IsZero() {
		info.SelectedTime = s.ari.SelectedTime // chosen at random once, and not again and again
	}
	wait := 6 * time.Hour // RFC 9773 section 4.3.2, as are the bounds
	if info.RetryAfter != nil {
		wait = min(max(time.Until(*info.RetryAfter), minAskAgain), maxAskAgain)
	}
	next := c.clock.Now().Add(wait)
	info.RetryAfter = &next
	if err := c.storeRenewalInfo(ctx, s, info); err != nil {
		return err
	}
	s.ari = &info
	s.setRenewal()
	c.mu.Lock()
	c.known[name] = &s.entry
	c.mu.Unlock()
	return nil
}

// storeRenewalInfo keeps the CA's wish beside the certificate, as certmagic does.
func (c *Certificates) storeRenewalInfo(ctx context.Context, s *stored, info acme.RenewalInfo) error {
	key := certmagic.StorageKeys.SiteMeta(s.issuer, s.name)
	text, err := c.storage.Load(ctx, key)
	if err != nil {
		return err
	}
	var resource certmagic.CertificateResource
	var certificate acme.Certificate
	if err := json.Unmarshal(text, &resource); err != nil {
		return err
	}
	if err := json.Unmarshal(resource.IssuerData, &certificate); err != nil {
		return err
	}
	certificate.RenewalInfo = &info
	if resource.IssuerData, err = json.Marshal(certificate); err != nil {
		return err
	}
	if text, err = json.MarshalIndent(resource, "", "\t"); err != nil {
		return err
	}
	return c.storage.Store(ctx, key, text)
}

func (c *Certificates) authority(issuer string) *authority {
	for _, ca := range c.cas {
		if certmagic.StorageKeys.Safe(ca.key) == issuer {
			return ca
		}
	}
	return nil
}
