package certs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
)

// budget counts the orders of an account, so that there are never more than perHour in any hour. Each order is a file in the
// storage, named after its time and written before the order is placed: neither a process that crashes again and again nor two
// processes together can order more, and neither waits for the other. (A limiter of x/time/rate counts in
// one process only, forgets the count when it ends, and allows twice as many orders in an hour that follows a quiet one.)
type budget struct {
	key     string
	perHour int
	storage certmagic.Storage

	taking sync.Mutex // held by take

	mu     sync.Mutex
	recent []place // the orders of the last hour, oldest first, when they were last read
}

func (b *budget) prefix() string { return "orders/" + certmagic.StorageKeys.Safe(b.key) }

// place is an order's place in the count.
type place struct {
	at     time.Time
	key    string
	domain string // registered domain of a name that is not listed; empty for others
}

// Reasons why an order is not placed now.
var (
	// errBudgetSpent means that the account has placed all its orders for now.
	errBudgetSpent = errors.New("all orders of this hour are used")
	// errUnlistedSpent means that those for names that are not listed are used.
	errUnlistedSpent = errors.New("all orders of this hour for names that are not listed in the configuration are used")
)

// defaultPerHour is what Let's Encrypt allows: 300 orders in 3 hours.
const defaultPerHour = 100

// unlistedPerDomain bounds the orders in an hour for names below one registered domain that are not listed.
const unlistedPerDomain = 10

// unlistedShare returns how many orders in an hour names that are not listed may get: a fifth.
func unlistedShare(perHour int) int { return max(perHour/5, 1) }

// wait returns how long to wait for the next order, by the last reading.
func (b *budget) wait(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	recent := slices.DeleteFunc(slices.Clone(b.recent), func(p place) bool { return !p.at.Add(time.Hour).After(now) })
	if len(recent) < b.perHour {
		return 0
	}
	return recent[len(recent)-b.perHour].at.Add(time.Hour).Sub(now)
}

// unlistedFree reports whether a name below a registered domain that is not listed may be ordered, by the last reading.
func (b *budget) unlistedFree(now time.Time, domain string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	all, mine := countUnlistedPlaces(b.recent, now, domain)
	return all < unlistedShare(b.perHour) && mine < unlistedPerDomain
}

// countUnlistedPlaces counts the orders of the last hour for names that are not listed, and those below one registered domain.
func countUnlistedPlaces(places []place, now time.Time, domain string) (all, mine int) {
	for _, p := range places {
		if p.domain == "" || !p.at.Add(time.Hour).After(now) {
			continue
		}
		if all++; p.domain == domain {
			mine++
		}
	}
	return all, mine
}

// used returns how many orders were placed in the last hour, by the last reading.
func (b *budget) used(now time.Time) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, p := range b.recent {
		if p.at.Add(time.Hour).After(now) {
			n++
		}
	}
	return n
}

// take counts an order, or returns errBudgetSpent or errUnlistedSpent. domain is the registered domain of a name that is not listed; empty
// for others.
func (b *budget) take(ctx context.Context, now time.Time, domain string) (place, error) {
	b.taking.Lock()
	defer b.taking.Unlock()
	mine := b.at(now, domain)
	if err := b.storage.Store(ctx, mine.key, nil); err != nil {
		return place{}, fmt.Errorf("counting orders: %w", err)
	}
	places, err := b.read(ctx, now)
	if err != nil {
		return place{}, err
	}
	// Two processes that take the last place at the same moment see each other, and neither gets it: too few orders are better than
	// too many.
	if len(places) > b.perHour {
		b.giveBack(ctx, mine)
		return place{}, errBudgetSpent
	}
	if all, below := countUnlistedPlaces(places, now, domain); domain != "" && (all > unlistedShare(b.perHour) || below > unlistedPerDomain) {
		b.giveBack(ctx, mine)
		return place{}, errUnlistedSpent
	}
	return mine, nil
}

// at returns a new place: a file named after the time, a random number, and the domain, if any.
func (b *budget) at(now time.Time, domain string) place {
	key := fmt.Sprintf("%s/%d-%08x", b.prefix(), now.UnixNano(), rand.Uint32())
	if domain != "" {
		key += "-" + domain
	}
	return place{now, key, domain}
}

// add counts an order that has been placed already.
func (b *budget) add(ctx context.Context, now time.Time, domain string) {
	b.storage.Store(ctx, b.at(now, domain).key, nil) // if it fails, the count is one too low
	b.read(ctx, now)
}

// giveBack removes an order that was not placed. If that fails, it stays counted.
func (b *budget) giveBack(ctx context.Context, p place) {
	if b.storage.Delete(context.WithoutCancel(ctx), p.key) != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.recent = slices.DeleteFunc(b.recent, func(other place) bool { return other.key == p.key })
}

// list lists the files. It fails at a file that another process has just renamed or removed, and is tried again: half a list would
// count too few.
func (b *budget) list(ctx context.Context) (keys []string, err error) {
	for range 20 {
		keys, err = b.storage.List(ctx, b.prefix(), false)
		if !errors.Is(err, fs.ErrNotExist) {
			return keys, err
		}
		if !b.storage.Exists(ctx, b.prefix()) {
			return nil, nil // nothing was ordered yet
		}
	}
	return nil, err
}

// read returns the orders of the last hour, oldest first, and removes older ones.
func (b *budget) read(ctx context.Context, now time.Time) ([]place, error) {
	keys, err := b.list(ctx)
	if err != nil {
		return nil, fmt.Errorf("counting orders: %w", err)
	}
	var places []place
	for _, key := range keys {
		text, rest, whole := strings.Cut(path.Base(key), "-")
		nanos, err := strconv.ParseInt(text, 10, 64)
		if !whole || err != nil { // a temporary file that another process is writing
			continue
		}
		_, domain, _ := strings.Cut(rest, "-")
		p := place{time.Unix(0, nanos), key, domain}
		switch {
		case !p.at.Add(time.Hour).After(now):
			b.storage.Delete(ctx, key) // if it fails, the next reading tries again
			continue
		case p.at.After(now.Add(time.Minute)): // the clock has been set back: count it from now, or it would count for too long
			moved := b.at(now, domain)
			if b.storage.Store(ctx, moved.key, nil) == nil {
				b.storage.Delete(ctx, key)
			}
			p = moved
		}
		places = append(places, p)
	}
	slices.SortFunc(places, func(p, q place) int { return cmp.Or(p.at.Compare(q.at), strings.Compare(p.key, q.key)) })
	b.mu.Lock()
	defer b.mu.Unlock()
	b.recent = slices.Clone(places)
	return places, nil
}
