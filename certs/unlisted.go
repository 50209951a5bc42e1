package certs

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"golang.org/x/net/publicsuffix"
)

// There is no end of names below a wildcard: a stranger can make them up, and where the DNS has the same wildcard they even point here.
// So names that are not listed get a fifth of the hour's orders at most, and ten for each registered domain. Only a limited number of them
// may have a certificate at a time, ten below each registered domain, and failed orders count like certificates (places.go). They go last, are tried again only when a client
// asks, are renewed only if one has asked since the last time, and are forgotten when none has for a week. A stranger who uses up the
// limits takes nothing from names that are listed.

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

// unlisted are the names that are not listed and hold a place.
type unlisted struct {
	mu     sync.Mutex
	places places
	full   bool // when they were last counted
}

// len returns how many places are taken.
func (u *unlisted) len() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.places)
}

// roomFor returns why a name must not get a certificate besides the existing ones, or nil.
func (c *Certificates) roomFor(name string) error {
	if c.listed(name) || c.known.get(name) != nil {
		return nil
	}
	c.unlisted.mu.Lock()
	defer c.unlisted.mu.Unlock()
	if _, holds := c.unlisted.places[name]; holds {
		return nil
	}
	_, err := c.unlisted.places.room(registeredDomain(name), c.config.Unlisted)
	return err
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

// takeRoom is roomFor, and gives the name its place, until countUnlisted counts what became of the order. The name that gives way loses its
// certificate.
func (c *Certificates) takeRoom(ctx context.Context, name string) error {
	if c.listed(name) || c.known.get(name) != nil {
		return nil
	}
	now := c.clock.Now()
	free := c.unlistedFree(name, now)
	evicted, holder, err := c.unlisted.take(name, now, c.config.Unlisted, free)
	if err != nil || evicted == "" {
		return err
	}
	if err := c.removeUnlisted(ctx, evicted); err != nil {
		c.unlisted.giveBack(name, evicted, holder)
		return err
	}
	c.log.Info("removed a certificate below a wildcard to make room for another domain", "name", evicted, "for", name)
	return nil
}

// take gives a name a place. If another name gives way for it, that is returned with its place. None gives way unless mayEvict is set.
func (u *unlisted) take(name string, now time.Time, limit int, mayEvict bool) (evicted string, holder placeHolder, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, holds := u.places[name]; holds {
		return "", placeHolder{}, nil
	}
	domain := registeredDomain(name)
	evicted, err = u.places.room(domain, limit)
	if err != nil {
		return "", placeHolder{}, err
	}
	if evicted != "" && !mayEvict {
		return "", placeHolder{}, errUnlistedSpent
	}
	holder = u.places[evicted]
	delete(u.places, evicted)
	u.places[name] = placeHolder{domain, now}
	return evicted, holder, nil
}

// giveBack undoes take.
func (u *unlisted) giveBack(name, evicted string, holder placeHolder) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.places, name)
	u.places[evicted] = holder
}

// countUnlisted counts the names that are not listed and have a certificate, a failed order, or an order in progress.
func (c *Certificates) countUnlisted(ctx context.Context) {
	if c.config.Listed == nil {
		return
	}
	found := make(places)
	for name, e := range c.known.all() {
		if c.allowed(name) && !c.listed(name) {
			found[name] = placeHolder{registeredDomain(name), c.lastSeen(ctx, name, e)}
		}
	}
	for name, failure := range c.failures.all() {
		if c.known.get(name) == nil && failure.Times > 0 && c.allowed(name) && !c.listed(name) {
			found[name] = placeHolder{registeredDomain(name), failure.Last}
		}
	}
	u := &c.unlisted
	u.mu.Lock()
	defer u.mu.Unlock()
	maps.DeleteFunc(found, func(name string, _ placeHolder) bool { return !c.holdsPlace(name) }) // has given way since it was found
	for name, holder := range u.places {
		if _, counted := found[name]; !counted && !c.listed(name) && (c.queue.has(name) || c.holdsPlace(name)) {
			found[name] = holder
		}
	}
	limit, before := c.config.Unlisted, u.full
	u.places, u.full = found, len(found) >= limit
	if u.full && !before {
		c.log.Warn("all certificates for names below wildcards are in use; list the names you need in the configuration", "limit", limit)
	}
}

// holdsPlace reports whether a name has a certificate, or a failed order.
func (c *Certificates) holdsPlace(name string) bool {
	failure, _ := c.failures.get(name)
	return c.allowed(name) && (c.known.get(name) != nil || failure.Times > 0)
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
		if now.Sub(c.lastSeen(ctx, name, e)) <= forgetAfter {
			continue
		}
		if err := c.removeUnlisted(ctx, name); err != nil {
			c.log.Warn("a certificate that no client asks for any more cannot be removed", "name", name, "error", clip(err))
			continue
		}
		c.log.Info("removed a certificate that no client asks for any more", "name", name)
	}
	for name, failure := range c.failures.all() {
		if !c.listed(name) && c.known.get(name) == nil && now.Sub(failure.Last) > forgetAfter {
			c.failures.clear(ctx, name)
		}
	}
}

// removeUnlisted removes all that is kept of a name that is not listed.
func (c *Certificates) removeUnlisted(ctx context.Context, name string) error {
	if c.known.get(name) != nil {
		if err := c.remove(ctx, name); err != nil {
			return err
		}
	}
	c.failures.clear(ctx, name)
	c.asked.forget(name)
	c.storage.Delete(ctx, askedKey(name)) // if it fails, a file of a few octets is left
	return nil
}

// lastSeen returns when a client has last asked for a name that has a certificate, or when that was issued, if later.
func (c *Certificates) lastSeen(ctx context.Context, name string, e *entry) time.Time {
	if last := c.lastAsked(ctx, name); last.After(e.notBefore) {
		return last
	}
	return e.notBefore
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
