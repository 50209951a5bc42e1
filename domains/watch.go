package domains

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// File follows a configuration on disk. It always has a good Snapshot: a change that cannot be used is reported and left alone.
type File struct {
	name    string
	use     func(*Snapshot) error
	current atomic.Pointer[Snapshot]

	loading sync.Mutex // one load at a time
	watch   watchlist  // of the last load, guarded by loading
	seen    state      // what was on disk at the last load, guarded by loading
}

// Open loads a configuration. use is called with each good Snapshot before it becomes the current one, for the first time now;
// if it fails, so does the load.
func Open(name string, use func(*Snapshot) error) (*File, error) {
	f := &File{name: name, use: use}
	if err := f.Reload(); err != nil {
		return nil, err
	}
	return f, nil
}

// Current returns the newest good Snapshot.
func (f *File) Current() *Snapshot { return f.current.Load() }

// Reload loads the files as they are now. If that fails, the error says why and the Snapshot stays.
func (f *File) Reload() error {
	f.loading.Lock()
	defer f.loading.Unlock()
	before := f.watch.state()
	s, watch, err := load(f.name)
	return f.finish(before, s, watch, err)
}

// finish takes over what load returned. before is what stat said when the load began: a file that changed since counts as not
// seen, so that the next look finds the change.
func (f *File) finish(before state, s *Snapshot, watch watchlist, err error) error {
	f.watch, f.seen = watch, watch.state()
	for file := range f.seen {
		if old, ok := before[file]; ok {
			f.seen[file] = old
		}
	}
	if err != nil {
		return err
	}
	if err := f.use(s); err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	f.current.Store(s)
	return nil
}

// How often the files are looked at, and for how long they must have been quiet before they are read: a file that is being
// written in place is read when its writer is done.
const (
	pollEvery = 500 * time.Millisecond
	quiet     = 250 * time.Millisecond
)

// Watch reloads when a file changes, until ctx is done, and reports each result. It compares what stat says, which costs
// microseconds and sees what watching by notification misses: renames over the file, swapped symbolic links of a Kubernetes
// ConfigMap, network file systems, files that an include pattern newly matches.
func (f *File) Watch(ctx context.Context, report func(error)) {
	pause := pollEvery
	for sleep(ctx, pause) {
		start := time.Now()
		changed := f.changed()
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
	return !maps.Equal(f.watch.state(), f.seen)
}

// settle waits until two looks at the files, a quiet time apart, find the same.
func (f *File) settle(ctx context.Context) bool {
	f.loading.Lock()
	watch := f.watch
	f.loading.Unlock()
	for before := watch.state(); ; {
		if !sleep(ctx, quiet) {
			return false
		}
		now := watch.state()
		if maps.Equal(before, now) {
			return true
		}
		before = now
	}
}

// reloadChanged loads what changed, unless somebody else did so meanwhile. If the files change while they are read, what was
// read may be half of each, and they are left for the next look.
func (f *File) reloadChanged() (err error, loaded bool) {
	f.loading.Lock()
	defer f.loading.Unlock()
	before := f.watch.state()
	if maps.Equal(before, f.seen) {
		return nil, false
	}
	s, watch, err := load(f.name)
	if !maps.Equal(before, f.watch.state()) {
		return nil, false
	}
	return f.finish(before, s, watch, err), true
}

// watchlist is what a configuration was read from.
type watchlist struct {
	files []string // read, or missing but named
	globs []string // include patterns
}

// state is what stat says about each file of a watchlist.
type state map[string]fingerprint

// fingerprint changes whenever a file is written, replaced, or reached through another symbolic link.
type fingerprint struct {
	size     int64
	modified int64
	mode     os.FileMode
	inode    uint64
	exists   bool
}

func (w watchlist) state() state {
	st := make(state)
	files := slices.Clone(w.files)
	for _, pattern := range w.globs {
		matches, _ := filepath.Glob(pattern) // a bad pattern is a mistake in the file, reported when it is loaded
		files = append(files, matches...)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			st[file] = fingerprint{}
			continue
		}
		st[file] = fingerprint{info.Size(), info.ModTime().UnixNano(), info.Mode(), inode(info), true}
	}
	return st
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
