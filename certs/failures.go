package certs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
)

// Failure is what went wrong with a name, and when it is tried again.
type Failure struct {
	Error string    `json:"error"` // printable, one line
	Times int       `json:"times"` // in a row
	Last  time.Time `json:"last"`
	Next  time.Time `json:"next"`
}

// failures remembers what failed. Failed orders are in the storage as well: a restart is no reason to try again.
type failures struct {
	storage certmagic.Storage

	mu     sync.Mutex
	byName map[string]Failure
}

const (
	maxFailures  = 10_000 // remembered
	firstBackoff = 10 * time.Minute
	lastBackoff  = 24 * time.Hour
)

const failuresPrefix = "failures"

func failureFile(name string) string {
	return failuresPrefix + "/" + certmagic.StorageKeys.Safe(name) + ".json"
}

func readFailures(ctx context.Context, storage certmagic.Storage) (*failures, error) {
	f := &failures{storage: storage, byName: make(map[string]Failure)}
	keys, err := storage.List(ctx, failuresPrefix, false)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading what failed before: %w", err)
	}
	for _, key := range keys[:min(len(keys), maxFailures)] {
		name, ok := strings.CutSuffix(strings.TrimPrefix(key, failuresPrefix+"/"), ".json")
		text, err := storage.Load(ctx, key)
		var failure Failure
		if !ok || err != nil || json.Unmarshal(text, &failure) != nil {
			continue // one more attempt is the worst that can come of it, within the limits
		}
		failure.Error = printable(failure.Error)
		f.byName[name] = failure
	}
	return f, nil
}

// wait returns how long to leave a name alone.
func (f *failures) wait(name string, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.byName[name].Next.Sub(now)
}

func (f *failures) get(name string) (Failure, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	failure, ok := f.byName[name]
	return failure, ok
}

// add notes a failed order. It is tried again ever later, and not before the time the CA has asked for.
func (f *failures) add(ctx context.Context, name string, err error, now time.Time, after time.Duration) Failure {
	f.mu.Lock()
	failure := f.byName[name]
	failure.Times++
	backoff := firstBackoff << min(failure.Times-1, 10)
	failure.Error, failure.Last = printable(err.Error()), now
	failure.Next = now.Add(max(spread(min(backoff, lastBackoff)), after))
	f.put(name, failure)
	f.mu.Unlock()
	if text, err := json.Marshal(failure); err == nil {
		f.storage.Store(context.WithoutCancel(ctx), failureFile(name), text) // else it is only remembered until the next start
	}
	return failure
}

// lookedAstray notes that a name's DNS does not point here. That costs the CA nothing, and is forgotten with the process.
func (f *failures) lookedAstray(name string, err error, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	failure := f.byName[name]
	failure.Error, failure.Last = printable(err.Error()), now
	failure.Next = now.Add(max(spread(time.Minute), failure.Next.Sub(now)))
	f.put(name, failure)
}

func (f *failures) put(name string, failure Failure) {
	if _, there := f.byName[name]; !there && len(f.byName) >= maxFailures {
		for other := range f.byName { // any: that one is only tried again a little early
			delete(f.byName, other)
			break
		}
	}
	f.byName[name] = failure
}

// clear forgets the failures of a name.
func (f *failures) clear(ctx context.Context, name string) {
	f.mu.Lock()
	_, there := f.byName[name]
	delete(f.byName, name)
	f.mu.Unlock()
	if there {
		f.storage.Delete(ctx, failureFile(name)) // else it is read at the next start, and stays until the renewal
	}
}

func (f *failures) all() map[string]Failure {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.byName)
}
