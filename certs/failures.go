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

	"mailhint/untrusted"
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
		failure.Error = untrusted.Clip(failure.Error, maxText)
		f.byName[name] = failure
	}
	return f, nil
}

// wait returns how long to leave a name alone.
func (f *failures) wait(name string, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	failure := f.byName[name]
	if failure.Last.After(now.Add(time.Minute)) { // the clock has been set back; it would take too long
		return 0
	}
	return failure.Next.Sub(now)
}

func (f *failures) get(name string) (Failure, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	failure, ok := f.byName[name]
	return failure, ok
}

// errEnded is what is found of an order during which the process was killed.
var errEnded = errors.New("mailhint ended during the order")

// begin writes down that an order fails, before it is made: a process that is killed during it, or by it, again and again must not
// order as often. finish takes that back if nothing has come of the order, good or bad.
func (f *failures) begin(ctx context.Context, name string, now time.Time) (finish func(), err error) {
	f.mu.Lock()
	before, failed := f.byName[name]
	f.mu.Unlock()
	if err := f.store(ctx, name, before.again(errEnded, now, 0)); err != nil {
		return nil, err
	}
	return func() {
		if failed && before.Times > 0 {
			f.store(ctx, name, before) // if it fails, the next start finds one failure too many
		} else {
			f.storage.Delete(context.WithoutCancel(ctx), failureFile(name))
		}
	}, nil
}

// again returns the failure after one more. It is tried again ever later, and not before the time the CA has asked for.
func (f Failure) again(err error, now time.Time, after time.Duration) Failure {
	backoff := firstBackoff << min(f.Times, 10)
	return Failure{Error: untrusted.Clip(err.Error(), maxText), Times: f.Times + 1, Last: now,
		Next: now.Add(max(spread(min(backoff, lastBackoff)), after))}
}

// add notes a failed order.
func (f *failures) add(ctx context.Context, name string, err error, now time.Time, after time.Duration) Failure {
	f.mu.Lock()
	failure := f.byName[name].again(err, now, after)
	f.put(name, failure)
	f.mu.Unlock()
	f.store(ctx, name, failure) // if it fails, it is only remembered until the next start
	return failure
}

func (f *failures) store(ctx context.Context, name string, failure Failure) error {
	text, err := json.Marshal(failure)
	if err != nil {
		return err
	}
	return f.storage.Store(context.WithoutCancel(ctx), failureFile(name), text)
}

// lookedAstray notes that a name's DNS does not point here. That costs the CA nothing, and is forgotten with the process.
func (f *failures) lookedAstray(name string, err error, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	failure := f.byName[name]
	failure.Error, failure.Last = untrusted.Clip(err.Error(), maxText), now
	failure.Next = now.Add(max(spread(time.Minute), failure.Next.Sub(now)))
	f.put(name, failure)
}

func (f *failures) put(name string, failure Failure) {
	if _, there := f.byName[name]; !there && len(f.byName) >= maxFailures {
		evicted := ""
		for other, failure := range f.byName { // any, but rather one that has cost the CA nothing: it is tried again a little early
			if evicted = other; failure.Times == 0 {
				break
			}
		}
		delete(f.byName, evicted)
	}
	f.byName[name] = failure
}

// clear forgets the failures of a name.
func (f *failures) clear(ctx context.Context, name string) {
	f.mu.Lock()
	delete(f.byName, name)
	f.mu.Unlock()
	f.storage.Delete(context.WithoutCancel(ctx), failureFile(name)) // if it fails, the next start reads it, and it stays until the renewal
}

func (f *failures) all() map[string]Failure {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.byName)
}
