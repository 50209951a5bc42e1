package certs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
)

// budget counts the orders of an account, so that there are never more than so many in any hour. The count is in the storage, and
// goes up before an order is made: a process that crashes again and again cannot order more, nor can two of them.
type budget struct {
	key     string
	perHour int
	storage certmagic.Storage

	mu    sync.Mutex
	times []time.Time // of the orders of the last hour, as last read
}

// budgetFile is what stands in the storage.
type budgetFile struct {
	Orders []time.Time `json:"orders"`
}

func (b *budget) file() string { return "orders/" + certmagic.StorageKeys.Safe(b.key) + ".json" }

// wait returns how long to wait for the next order, as far as is known here.
func (b *budget) wait(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget(now)
	if len(b.times) < b.perHour {
		return 0
	}
	return b.times[len(b.times)-b.perHour].Add(time.Hour).Sub(now)
}

// take counts an order, or returns errSpent. What it returns is for giveBack.
func (b *budget) take(ctx context.Context, now time.Time) (token time.Time, err error) {
	return now, b.change(ctx, func() error {
		if b.forget(now); len(b.times) >= b.perHour {
			return errSpent
		}
		b.times = append(b.times, now)
		return nil
	})
}

// giveBack takes an order off that was not made. If that fails it stays counted.
func (b *budget) giveBack(ctx context.Context, token time.Time) {
	b.change(context.WithoutCancel(ctx), func() error {
		if i := slices.IndexFunc(b.times, token.Equal); i >= 0 {
			b.times = slices.Delete(b.times, i, i+1)
		}
		return nil
	})
}

// change reads the count, changes it and writes it, while no other process does.
func (b *budget) change(ctx context.Context, f func() error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	lock := "orders-" + b.key
	if err := b.storage.Lock(ctx, lock); err != nil {
		return fmt.Errorf("counting orders: %w", err)
	}
	defer b.storage.Unlock(context.WithoutCancel(ctx), lock) // a lock that stays becomes stale by itself
	if err := b.read(ctx); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	text, err := json.Marshal(budgetFile{b.times})
	if err != nil {
		return fmt.Errorf("counting orders: %w", err)
	}
	if err := b.storage.Store(ctx, b.file(), text); err != nil {
		return fmt.Errorf("counting orders: %w", err)
	}
	return nil
}

func (b *budget) read(ctx context.Context) error {
	text, err := b.storage.Load(ctx, b.file())
	if errors.Is(err, fs.ErrNotExist) {
		b.times = nil
		return nil
	}
	var file budgetFile
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	if err != nil {
		return fmt.Errorf("reading how many orders have been made: %w; if the file %s is damaged, remove it", err, b.file())
	}
	b.times = file.Orders
	return nil
}

// forget drops what is older than an hour. Times to come, after the clock has been set back, count as now.
func (b *budget) forget(now time.Time) {
	b.times = slices.DeleteFunc(b.times, func(t time.Time) bool { return !t.Add(time.Hour).After(now) })
	for i, t := range b.times {
		if t.After(now) {
			b.times[i] = now
		}
	}
	slices.SortFunc(b.times, time.Time.Compare)
}
