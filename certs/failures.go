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

// Failure is what went wrong with a name, and when the next attempt is made.
type Failure struct {
	Error string    `json:"error"` // printable, one line
	Times int       `json:"times"` // in a row
	Last  time.Time `json:"last"`
	Next  time.Time `json:"next"`

	dnsTimes int // attempts in a row that ended because the DNS does not point here
}

// failures remembers what failed. Failed orders are in the storage as well: a restart is not a reason to try again.
type failures struct {
	storage certmagic.Storage

	mu       sync.Mutex
	byName   map[string]Failure
	unlisted map[string]Failure // of names that are not listed, which take no room from the others
}

const (
	maxFailures     = 10_000 // remembered
	maxUnlistedFail = 1_000  // remembered, of names that are not listed
	firstBackoff    = 10 * time.Minute
	firstDNSBackoff = time.Minute
	lastBackoff     = 24 * time.Hour
)

const failuresPrefix = "failures"

func failureFile(name string) string {
	return failuresPrefix + "/" + certmagic.StorageKeys.Safe(name) + ".json"
}

func readFailures(ctx context.Context, storage certmagic.Storage) (*failures, error) {
	f := &failures{storage: storage, byName: make(map[string]Failure), unlisted: make(map[string]Failure)}
	keys, err := storage.List(ctx, failuresPrefix, false)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return f, fmt.Errorf("reading the failed orders: %w", err)
	}
	for _, key := range keys[:min(len(keys), maxFailures)] {
		name, ok := strings.CutSuffix(strings.TrimPrefix(key, failuresPrefix+"/"), ".json")
		name = nameOfFolder(name)
		text, err := storage.Load(ctx, key)
		var failure Failure
		if !ok || err != nil || json.Unmarshal(text, &failure) != nil {
			continue // at worst it is tried again too early, within the budget
		}
		failure.Error = untrusted.Clip(failure.Error, maxText)
		failure.Times = max(failure.Times, 0)
		if longest := failure.Last.Add(maxRetryAfter); failure.Next.After(longest) { // the file is damaged
			failure.Next = longest
		}
		f.byName[name] = failure
	}
	return f, nil
}

// wait returns how long to wait before the next attempt for a name.
func (f *failures) wait(name string, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	failure, _ := f.find(name)
	if failure.Last.After(now.Add(time.Minute)) { // the clock has been set back
		return 0
	}
	return failure.Next.Sub(now)
}

// waitAsked is wait for a name that a client asks for. Its DNS may point here by now, because the client has come here: that is looked up
// again after a minute.
func (f *failures) waitAsked(name string, now time.Time) time.Duration {
	wait := f.wait(name, now)
	f.mu.Lock()
	defer f.mu.Unlock()
	if failure, _ := f.find(name); failure.dnsTimes > 0 && failure.Times == 0 {
		return min(wait, failure.Last.Add(firstDNSBackoff).Sub(now))
	}
	return wait
}

func (f *failures) get(name string) (Failure, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.find(name)
}

func (f *failures) find(name string) (Failure, bool) {
	failure, ok := f.byName[name]
	if !ok {
		failure, ok = f.unlisted[name]
	}
	return failure, ok
}

// errInterrupted is what is stored of an order during which the process was killed.
var errInterrupted = errors.New("mailhint was stopped during the order")

// begin stores the order as failed, before it is placed: a process that is killed during it again and again must not order each
// time. finish undoes that if the order came to nothing, good or bad.
func (f *failures) begin(ctx context.Context, name string, now time.Time) (finish func(), err error) {
	f.mu.Lock()
	before, failed := f.find(name)
	f.mu.Unlock()
	if err := f.store(ctx, name, before.again(errInterrupted, now, 0)); err != nil {
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

// again returns the failure after one more. Attempts are made ever more rarely, and not before the time the CA has asked for.
func (f Failure) again(err error, now time.Time, after time.Duration) Failure {
	backoff := firstBackoff << min(f.Times, 10)
	return Failure{Error: clip(err), Times: f.Times + 1, Last: now,
		Next: now.Add(max(spread(min(backoff, lastBackoff)), after))}
}

// add notes a failed order. unlisted says that the name is not listed.
func (f *failures) add(ctx context.Context, name string, err error, now time.Time, after time.Duration, unlisted bool) Failure {
	f.mu.Lock()
	before, _ := f.find(name)
	failure := before.again(err, now, after)
	f.put(name, failure, unlisted)
	f.mu.Unlock()
	f.store(ctx, name, failure) // if it fails, it is remembered until the next start
	return failure
}

func (f *failures) store(ctx context.Context, name string, failure Failure) error {
	text, err := json.Marshal(failure)
	if err != nil {
		return err
	}
	return f.storage.Store(context.WithoutCancel(ctx), failureFile(name), text)
}

// addDNSError notes that a name's DNS does not point here. That costs the CA nothing, and is forgotten with the process. It is looked up
// ever more rarely, at last once a day.
func (f *failures) addDNSError(name string, err error, now time.Time, unlisted bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	failure, _ := f.find(name)
	backoff := min(firstDNSBackoff<<min(failure.dnsTimes, 11), lastBackoff)
	failure.Error, failure.Last = clip(err), now
	failure.dnsTimes++
	failure.Next = now.Add(max(spread(backoff), failure.Next.Sub(now)))
	f.put(name, failure, unlisted)
}

func (f *failures) put(name string, failure Failure, unlisted bool) {
	failures, limit := f.byName, maxFailures
	if unlisted {
		failures, limit = f.unlisted, maxUnlistedFail
		delete(f.byName, name)
	} else {
		delete(f.unlisted, name)
	}
	if _, found := failures[name]; !found && len(failures) >= limit {
		evicted := ""
		for other, failure := range failures { // any one, but preferably one that has cost the CA nothing: it is only tried again early
			if evicted = other; failure.Times == 0 {
				break
			}
		}
		delete(failures, evicted)
	}
	failures[name] = failure
}

// clear forgets the failures of a name.
func (f *failures) clear(ctx context.Context, name string) {
	f.mu.Lock()
	delete(f.byName, name)
	delete(f.unlisted, name)
	f.mu.Unlock()
	f.storage.Delete(context.WithoutCancel(ctx), failureFile(name)) // if it fails, the next start reads it, and it stays until the renewal
}

func (f *failures) all() map[string]Failure {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := maps.Clone(f.byName)
	maps.Copy(all, f.unlisted)
	return all
}
