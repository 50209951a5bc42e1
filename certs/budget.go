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

	mu    sync.Mutex
	times []time.Time // of the orders of the last hour, when they were last read
}

func (b *budget) prefix() string { return "orders/" + certmagic.StorageKeys.Safe(b.key) }

// place is an order's place in the count.
type place struct {
	at  time.Time
	key string
}

// errBudgetSpent means that the account has placed all its orders for now.
var errBudgetSpent = errors.New("all orders of this hour are used")

// wait returns how long to wait for the next order, by the last reading.
func (b *budget) wait(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	recent := slices.DeleteFunc(slices.Clone(b.times), func(t time.Time) bool { return !t.Add(time.Hour).After(now) })
	if len(recent) < b.perHour {
		return 0
	}
	return recent[len(recent)-b.perHour].Add(time.Hour).Sub(now)
}

// used returns how many orders were placed in the last hour, by the last reading.
func (b *budget) used(now time.Time) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, t := range b.times {
		if t.Add(time.Hour).After(now) {
			n++
		}
	}
	return n
}

// take counts an order, or returns errBudgetSpent.
func (b *budget) take(ctx context.Context, now time.Time) (place, error) {
	b.taking.Lock()
	defer b.taking.Unlock()
	mine := b.at(now)
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
	return mine, nil
}

func (b *budget) at(now time.Time) place {
	return place{now, fmt.Sprintf("%s/%d-%08x", b.prefix(), now.UnixNano(), rand.Uint32())}
}

// add counts an order that has been placed already.
func (b *budget) add(ctx context.Context, now time.Time) {
	b.storage.Store(ctx, b.at(now).key, nil) // if it fails, the count is one too low
	b.read(ctx, now)
}

// giveBack removes an order that was not placed. If that fails, it stays counted.
func (b *budget) giveBack(ctx context.Context, p place) {
	if b.storage.Delete(context.WithoutCancel(ctx), p.key) != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.IndexFunc(b.times, p.at.Equal); i >= 0 {
		b.times = slices.Delete(b.times, i, i+1)
	}
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
		text, _, whole := strings.Cut(path.Base(key), "-")
		nanos, err := strconv.ParseInt(text, 10, 64)
		if !whole || err != nil { // a temporary file that another process is writing
			continue
		}
		p := place{time.Unix(0, nanos), key}
		switch {
		case !p.at.Add(time.Hour).After(now):
			b.storage.Delete(ctx, key) // if it fails, the next reading tries again
			continue
		case p.at.After(now.Add(time.Minute)): // the clock has been set back: count it from now, or it would count for too long
			moved := b.at(now)
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
	b.times = b.times[:0]
	for _, p := range places {
		b.times = append(b.times, p.at)
	}
	return places, nil
}
