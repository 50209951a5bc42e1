package certs

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"golang.org/x/net/publicsuffix"
)

// There is no end of names below a wildcard: a stranger can make them up, and where the DNS has the same wildcard they even point here.
// So names that are not listed get a fifth of the hour's orders at most, and ten for each registered domain. Only a limited number of them
// may have a certificate at a time, and failed orders count like certificates. They go last, are tried again only when a client
// asks, are renewed only if one has asked since the last time, and are forgotten when none has for a week. A stranger who uses up the
// limits takes nothing from names that are listed.

// errWildcardsFull means that as many names below wildcards have certificates as may.
var errWildcardsFull = errors.New("too many names below wildcards have certificates; list the ones you need in the configuration")

// forgetAfter is the time after which a name that is not listed, and that no client has asked for, loses its certificate and its place.
const forgetAfter = 7 * 24 * time.Hour

func (c *Certificates) listed(name string) bool {
	return c.config.Listed == nil || c.config.Listed(name)
}

// registeredDomain returns the domain that a name was registered under, by the Public Suffix List, or the name itself. Names with the same
// one share limits.
func registeredDomain(name string) string {
	domain, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil {
		domain = name
	}
	return strings.Clone(domain[max(len(domain)-maxDomain, 0):])
}

// maxDomain bounds a registered domain, in octets: names of files contain it.
const maxDomain = 150

// unlistedDomain returns the registered domain of a name that is not listed; empty for others.
func (c *Certificates) unlistedDomain(name string) string {
	if c.listed(name) {
		return ""
	}
	return registeredDomain(name)
}

// roomFor reports whether a name may get a certificate besides the existing ones.
func (c *Certificates) roomFor(name string) bool {
	return c.listed(name) || c.unlisted.Load() < int64(c.config.Unlisted) || c.known.get(name) != nil
}

// unlistedFree reports whether a CA may get an order now for a name that is not listed.
func (c *Certificates) unlistedFree(name string, now time.Time) bool {
	if c.known.get(name) != nil {
		return true
	}
	domain := registeredDomain(name)
	for _, ca := range c.cas {
		if ca.budget.unlistedFree(now, domain) {
			return true
		}
	}
	return false
}

// takeRoom is roomFor, and counts the name until countUnlisted counts what became of the order.
func (c *Certificates) takeRoom(name string) error {
	if c.listed(name) || c.known.get(name) != nil {
		return nil
	}
	if c.unlisted.Add(1) > int64(c.config.Unlisted) {
		c.unlisted.Add(-1)
		return errWildcardsFull
	}
	return nil
}

// countUnlisted counts the names that are not listed and have a certificate, or a failed order.
func (c *Certificates) countUnlisted() {
	if c.config.Listed == nil {
		return
	}
	n := 0
	for name := range c.known.all() {
		if c.allowed(name) && !c.listed(name) {
			n++
		}
	}
	for name, failure := range c.failures.all() {
		if c.known.get(name) == nil && failure.Times > 0 && c.allowed(name) && !c.listed(name) {
			n++
		}
	}
	before := c.unlisted.Swap(int64(n))
	if limit := int64(c.config.Unlisted); before < limit && int64(n) >= limit {
		c.log.Warn("no more names below wildcards get certificates; list the ones you need in the configuration", "limit", limit)
	}
}

// asked is when clients have last asked for names that are not listed and have a certificate. The storage knows it to a day.
type asked struct {
	mu     sync.Mutex
	byName map[string]time.Time
	stored map[string]time.Time
}

const (
	askedPrefix = "asked"
	storeAsked  = 24 * time.Hour
)

func askedKey(name string) string { return askedPrefix + "/" + certmagic.StorageKeys.Safe(name) }

// followAsked notes which names that are not listed clients have asked for, and forgets those they have not asked for in a week.
func (c *Certificates) followAsked(ctx context.Context) {
	if c.config.Listed == nil {
		return
	}
	now := c.clock.Now()
	for name, e := range c.known.all() {
		if ctx.Err() != nil || !c.allowed(name) || c.listed(name) || !isKey(name) {
			continue
		}
		if c.loaded.takeRecent(name) {
			c.noteAsked(ctx, name)
		}
		last := c.lastAsked(ctx, name)
		if e.notBefore.After(last) {
			last = e.notBefore
		}
		if now.Sub(last) <= forgetAfter {
			continue
		}
		if err := c.remove(ctx, name); err != nil {
			c.log.Warn("a certificate that no client asks for any more cannot be removed", "name", name, "error", clip(err))
			continue
		}
		c.failures.clear(ctx, name)
		c.asked.forget(name)
		c.storage.Delete(ctx, askedKey(name)) // if it fails, a file of a few octets is left
		c.log.Info("removed a certificate that no client asks for any more", "name", name)
	}
	for name, failure := range c.failures.all() {
		if !c.listed(name) && c.known.get(name) == nil && now.Sub(failure.Last) > forgetAfter {
			c.failures.clear(ctx, name)
		}
	}
}

// noteAsked notes that a client asks for a name now.
func (c *Certificates) noteAsked(ctx context.Context, name string) {
	if c.listed(name) {
		return
	}
	now := c.clock.Now()
	a := &c.asked
	a.mu.Lock()
	if a.byName == nil {
		a.byName, a.stored = make(map[string]time.Time), make(map[string]time.Time)
	}
	a.byName[name] = now
	store := now.Sub(a.stored[name]) >= storeAsked
	if store {
		a.stored[name] = now
	}
	a.mu.Unlock()
	if store {
		c.storage.Store(ctx, askedKey(name), strconv.AppendInt(nil, now.Unix(), 10)) // if it fails, it is forgotten with the process
	}
}

// lastAsked returns when a client has last asked for a name; now, if that is not known.
func (c *Certificates) lastAsked(ctx context.Context, name string) time.Time {
	a := &c.asked
	a.mu.Lock()
	last, found := a.byName[name]
	a.mu.Unlock()
	if found {
		return last
	}
	text, err := c.storage.Load(ctx, askedKey(name))
	seconds, syntax := strconv.ParseInt(string(text), 10, 64)
	last = time.Unix(seconds, 0)
	if now := c.clock.Now(); err != nil && !errors.Is(err, fs.ErrNotExist) || err == nil && syntax != nil || last.After(now) {
		last = now
	}
	if errors.Is(err, fs.ErrNotExist) { // a certificate from before this was noted
		c.noteAsked(ctx, name)
		return c.clock.Now()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byName == nil {
		a.byName, a.stored = make(map[string]time.Time), make(map[string]time.Time)
	}
	a.byName[name], a.stored[name] = last, last
	return last
}

func (a *asked) forget(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.byName, name)
	delete(a.stored, name)
}
