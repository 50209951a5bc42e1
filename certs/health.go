package certs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
)

// storageHealth is whether the storage accepts what is written. While it does not, nothing is ordered: the certificate could not be saved.
// No name is blamed for that, and orders continue as soon as it does.
type storageHealth struct {
	suspect chan struct{} // receives when an operation has failed

	mu    sync.Mutex
	fault string              // why nothing can be saved; empty if it can
	names map[string]nameHeld // whose own files or locks cannot be used, though others can
}

// nameHeld is a name that is not ordered because of its files.
type nameHeld struct {
	fault string
	until time.Time
}

const (
	// betweenChecks is the time between attempts to write while nothing else is written.
	betweenChecks = 15 * time.Second
	// storagePause is the time between attempts to write while that fails.
	storagePause = 2 * time.Second
	// heldPause is the time between attempts to use the files of a name.
	heldPause = time.Minute
	maxHeld   = 1000 // names remembered
)

func newStorageHealth() *storageHealth {
	return &storageHealth{suspect: make(chan struct{}, 1), names: make(map[string]nameHeld)}
}

// errStorage means that the storage cannot be used, which is not the fault of a name.
var errStorage = errors.New("certificates cannot be saved")

// storageError is an error of the storage; errors.Is knows it as errStorage, and as what it is.
type storageError struct{ err error }

func (e *storageError) Error() string   { return e.err.Error() }
func (e *storageError) Unwrap() []error { return []error{errStorage, e.err} }

// watchedStorage marks the errors of a storage, and has them looked into at once.
type watchedStorage struct {
	certmagic.Storage
	health *storageHealth
}

func (w watchedStorage) mark(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) || ctx.Err() != nil {
		return err
	}
	signal(w.health.suspect)
	return &storageError{err}
}

func (w watchedStorage) Store(ctx context.Context, key string, value []byte) error {
	return w.mark(ctx, w.Storage.Store(ctx, key, value))
}

func (w watchedStorage) Load(ctx context.Context, key string) ([]byte, error) {
	value, err := w.Storage.Load(ctx, key)
	return value, w.mark(ctx, err)
}

func (w watchedStorage) Delete(ctx context.Context, key string) error {
	return w.mark(ctx, w.Storage.Delete(ctx, key))
}

func (w watchedStorage) List(ctx context.Context, prefix string, recursive bool) ([]string, error) {
	keys, err := w.Storage.List(ctx, prefix, recursive)
	return keys, w.mark(ctx, err)
}

func (w watchedStorage) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	info, err := w.Storage.Stat(ctx, key)
	return info, w.mark(ctx, err)
}

func (w watchedStorage) Lock(ctx context.Context, name string) error {
	return w.mark(ctx, w.Storage.Lock(ctx, name))
}

func (w watchedStorage) Unlock(ctx context.Context, name string) error {
	return w.mark(ctx, w.Storage.Unlock(ctx, name))
}

// checkPrefix begins the names of the files that checkStorage writes.
const checkPrefix = "check-"

// checkStorage writes as much as a certificate takes, and deletes it.
func (c *Certificates) checkStorage(ctx context.Context) error {
	key := fmt.Sprintf("%s%08x", checkPrefix, rand.Uint32())
	err := c.plain.Store(ctx, key, make([]byte, 16<<10))
	if deleted := c.plain.Delete(context.WithoutCancel(ctx), key); err == nil {
		err = deleted
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s := c.health
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		if s.fault != "" {
			c.log.Info("certificates can be saved again")
		}
		s.fault = ""
		c.resume()
		return nil
	}
	text := clip(err)
	if s.fault == "" {
		c.log.Error("certificates cannot be saved, so none are ordered; still serving the existing ones", "error", text)
	}
	s.fault = text
	return fmt.Errorf("%w: %s", errStorage, text)
}

// watchStorage looks from time to time whether the storage can be written to, at once when an operation has failed, and often while it
// cannot. When it can be again, what was received meanwhile is saved, and orders continue.
func (c *Certificates) watchStorage(ctx context.Context) {
	for ctx.Err() == nil {
		err := c.checkStorage(ctx)
		if err == nil {
			c.saveUnsaved(ctx)
		}
		wait := betweenChecks
		if err != nil || c.unsaved.len() > 0 {
			wait = storagePause
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait): // of the disk, which knows no other clock
		case <-c.health.suspect:
			select { // so that a storage that fails all the time is not written to all the time
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
}

// resume lets the queue look at once whether it may go on.
func (c *Certificates) resume() {
	for _, more := range c.queue.more {
		signal(more)
	}
}

// now returns why nothing is ordered; empty if there is no reason.
func (s *storageHealth) now() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault
}

// hold lets a name wait whose files or lock cannot be used.
func (s *storageHealth) hold(name string, err error, now time.Time) (first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, found := s.names[name]
	if found || len(s.names) < maxHeld {
		s.names[name] = nameHeld{clip(err), now.Add(heldPause)}
	}
	return !found
}

// release forgets that a name was held.
func (s *storageHealth) release(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.names, name)
}

// holds reports whether a name is held now.
func (s *storageHealth) holds(name string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	held, found := s.names[name]
	return found && now.Before(held.until) && held.until.Sub(now) <= heldPause // or the clock has been set back
}

// held returns the names that are held, and why.
func (s *storageHealth) held() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	faults := make(map[string]string, len(s.names))
	for name, held := range s.names {
		faults[name] = held.fault
	}
	return faults
}
