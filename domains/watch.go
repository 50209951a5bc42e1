package domains

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// File follows a configuration on disk. It always has a good Snapshot: a change that cannot be used is reported and otherwise ignored.
type File struct {
	name    string
	use     func(*Snapshot) error
	current atomic.Pointer[Snapshot]

	loading sync.Mutex // held during a load
	watch   watchlist  // of the last load, guarded by loading
	held    atomic.Bool
	records Records // of MayMoveTo

	// What tests replace.
	load func(name string) (*Snapshot, watchlist, error)
	look func() bool // changed
}

// Open loads a configuration. use is called with each good Snapshot before it becomes the current one, the first time by Open; if it
// fails, so does the load.
func Open(name string, use func(*Snapshot) error) (*File, error) {
	f := &File{name: name, use: use, load: load}
	f.look = f.changed
	if err := f.Reload(); err != nil {
		return nil, err
	}
	return f, nil
}

// MayMoveTo says where names that are dropped from the files may have moved to: a change that drops them is then not held back. It must be called
// before Watch and Announced.
func (f *File) MayMoveTo(records Records) { f.records = records }

// Current returns the newest good Snapshot.
func (f *File) Current() *Snapshot { return f.current.Load() }

// Reload loads the files as they are now, because an operator asks for it, even if many domains are gone. If that fails, the error says why,
// and the Snapshot stays as it is.
func (f *File) Reload() error {
	f.loading.Lock()
	defer f.loading.Unlock()
	return f.finish(f.load(f.name))
}

// finish uses what load returned.
func (f *File) finish(s *Snapshot, watch watchlist, err error) error {
	f.watch = watch
	f.held.Store(errors.Is(err, ErrHeldBack))
	if err != nil {
		return notUsed{err, watch.digest}
	}
	if err := f.use(s); err != nil {
		return notUsed{fmt.Errorf("%s: %w", f.name, err), watch.digest}
	}
	f.current.Store(s)
	return nil
}

// notUsed is an error because of which a state of the files is not used.
type notUsed struct {
	error
	digest string
}

func (e notUsed) Unwrap() error { return e.error }

// DigestOf returns what Snapshot.Digest would be for files that a File does not use because of an error, as Reload and Watch report it; ""
// if that is not known.
func DigestOf(err error) string {
	var e notUsed
	errors.As(err, &e) // else it is empty
	return e.digest
}

// Announced reads the files at once if they have changed and are what somebody says he has just written: their digest is the given one, so
// that no file is half-written and none is missing. It otherwise leaves them for Watch, which waits until they are quiet. As in Watch, a
// change that would drop many domains is held back. done is true if the files were read and found to be those; err is then the result.
func (f *File) Announced(digest string) (err error, done bool) {
	f.loading.Lock()
	defer f.loading.Unlock()
	if !f.watch.changed() {
		return nil, false
	}
	s, watch, err := f.load(f.name)
	if watch.digest != digest {
		return nil, false
	}
	if err == nil {
		err = s.heldBack(f.Current(), f.records)
	}
	return f.finish(s, watch, err), true
}

// Saved uses a snapshot whose files somebody in this process has just written, without reading it again, if the files have changed and are what it
// was read from. It otherwise leaves them for Watch, and is like Announced in everything else.
func (f *File) Saved(s *Snapshot) (err error, done bool) {
	f.loading.Lock()
	defer f.loading.Unlock()
	if len(s.reads) == 0 || s.reads[0] != f.name || !f.watch.changed() {
		return nil, false
	}
	watch, same := s.onDisk()
	if !same {
		return nil, false
	}
	return f.finish(s, watch, s.heldBack(f.Current(), f.records)), true
}

// onDisk returns what to watch for a snapshot, and whether the files are what it was read from.
func (s *Snapshot) onDisk() (watch watchlist, same bool) {
	watch = watchlist{seen: make(state), globs: s.watch.globs, digest: s.digest}
	for file := range s.watch.seen {
		watch.look(file)
	}
	digest := sha256.New()
	for _, file := range s.reads {
		text, err := readText(file, maxNamesFile) // no limit of a kind of file is larger
		if err != nil {
			return watch, false
		}
		addToDigest(digest, strings.TrimPrefix(text, byteOrderMark))
	}
	return watch, hex.EncodeToString(digest.Sum(nil)) == s.digest && !watch.changed()
}

// How often the files are checked, and how long they must not have changed before they are read: a file that is being written in
// place is read when its writer is done.
const (
	pollEvery = 250 * time.Millisecond
	quiet     = 250 * time.Millisecond
)

// Watch reloads when a file changes, until ctx is done, and reports each result. A change that would drop many domains is held back, and
// reported as an error that wraps ErrHeldBack, until Reload is called or the files change again. Watch compares what stat returns, which costs
// microseconds and finds what notifications miss: renames over the file, swapped symbolic links of a Kubernetes ConfigMap, changes on
// network file systems, and new files that match an include pattern.
func (f *File) Watch(ctx context.Context, report func(error)) {
	pause := pollEvery
	for sleep(ctx, pause) {
		start := time.Now()
		changed := f.look()
		pause = max(pollEvery, 100*time.Since(start)) // thousands of files never take more than a hundredth of one core
		if changed && f.settle(ctx) {
			if err, loaded := f.reloadChanged(); loaded {
				report(err)
			}
		}
	}
}

func (f *File) changed() bool {
	f.loading.Lock()
	defer f.loading.Unlock()
	return f.watch.changed()
}

// settle waits until two checks of the files, a quiet time apart, find the same state. It reports false if ctx is done before.
func (f *File) settle(ctx context.Context) bool {
	f.loading.Lock()
	watch := f.watch
	f.loading.Unlock()
	for before := watch.now(); ; {
		if !sleep(ctx, quiet) {
			return false
		}
		now := watch.now()
		if maps.Equal(before, now) {
			return true
		}
		before = now
	}
}

// reloadChanged loads what has changed, unless Reload has done so meanwhile. If the files change while they are read, the result may be
// half old and half new, and they are left for the next check. The same applies if a file is named for the first time: it may still be
// being written, and settle has not waited for it.
func (f *File) reloadChanged() (err error, loaded bool) {
	f.loading.Lock()
	defer f.loading.Unlock()
	if !f.watch.changed() {
		return nil, false
	}
	s, watch, err := f.load(f.name)
	more := f.watch.with(watch)
	if watch.changed() || len(more.seen) > len(f.watch.seen) {
		f.watch = more
		return nil, false
	}
	if err == nil {
		err = s.heldBack(f.Current(), f.records)
	}
	return f.finish(s, watch, err), true
}

// watchlist is what a configuration was read from, and what stat returned just before: a file that changes while it is read differs
// from that, so that the next check finds the change.
type watchlist struct {
	seen   state    // files that were read, or that are named and do not exist
	globs  []string // include patterns
	digest string   // of the contents
}

// look remembers the state of a file that is about to be read.
func (w watchlist) look(file string) {
	if _, again := w.seen[file]; !again {
		w.seen[file] = fingerprintOf(file)
	}
}

// with returns the watchlist with the files and patterns of another, as if these files had not existed.
func (w watchlist) with(other watchlist) watchlist {
	more := watchlist{seen: maps.Clone(w.seen), globs: other.globs}
	for file := range other.seen {
		if _, known := more.seen[file]; !known {
			more.seen[file] = fingerprint{}
		}
	}
	return more
}

// changed reports whether anything differs from what was seen.
func (w watchlist) changed() bool { return !maps.Equal(w.seen, w.now()) }

// now returns the present state of everything watched.
func (w watchlist) now() state {
	st := make(state)
	for file := range w.seen {
		st[file] = fingerprintOf(file)
	}
	for _, pattern := range w.globs {
		matches, _ := filepath.Glob(pattern) // a bad pattern is a mistake in the file, reported when it is loaded
		for _, file := range matches {
			st[file] = fingerprintOf(file)
		}
	}
	return st
}

// state is what stat returns for each file of a watchlist.
type state map[string]fingerprint

// fingerprint changes whenever a file is written, replaced, or reached through another symbolic link. On Linux it includes the time of
// the last change of any kind, which no program can set: cp -p and touch -r restore the time of writing.
type fingerprint struct {
	size     int64
	modified int64
	mode     os.FileMode
	identity
	exists bool
}

func fingerprintOf(file string) fingerprint {
	info, err := os.Stat(file)
	if err != nil {
		return fingerprint{}
	}
	return fingerprint{info.Size(), info.ModTime().UnixNano(), info.Mode(), identityOf(info), true}
}

// sleep waits, and reports false if ctx was done before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
