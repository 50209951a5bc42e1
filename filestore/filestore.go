// Package filestore is edits.Store for domains.toml and the files that it includes or names. Admins go on editing them by hand: only the
// octets of the changed entries change, and what somebody else has changed in the meantime is never overwritten.
//
// Beside the configuration it keeps, in state_dir, the history of all changes and a copy of the files as the history accounts for them. Whatever differs
// from that copy has been changed by hand, and gets into the history as such.
//
// The files, in the order in which they are best read:
//
//   - filestore.go, records.go, query.go, memory.go: the Store, and what it reads
//   - apply.go: a change from beginning to end
//   - plan.go, order.go, plan_lists.go, lists.go, revert.go: the new texts; empty.go: lists without their names
//   - verify.go, layout.go: the proof that nothing else has changed
//   - save.go, state.go, lock.go (lock_linux.go and its sisters), owner_unix.go: the disk, and what a killed process leaves behind
//   - history.go, lines_backward.go, watch.go: the history
//   - hand_edits.go, compare.go, diff.go: what others have changed
package filestore

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"mailhint/domains"
	"mailhint/edits"
)

// Store is the configuration in a main file and the files that it refers to. Its methods may be called by several goroutines at once.
type Store struct {
	// Warn is called with problems that do not keep the Store from working, such as damaged lines of the history; nil ignores them. It must be
	// set before the first call of a method.
	Warn func(error)

	config   string
	changing chan struct{} // has an element while this Store holds the lock

	remembered memory
}

// Open returns the store whose main file is config, such as /etc/mailhint/domains.toml. It reads nothing yet: a file with a mistake is reported by
// the methods that need to read it, as domains.Problems, and its history can still be read.
func Open(config string) (*Store, error) {
	if config == "" {
		return nil, errors.New("no main file is named")
	}
	return &Store{config: filepath.Clean(config), changing: make(chan struct{}, 1)}, nil
}

func (s *Store) warn(err error) {
	if s.Warn != nil {
		s.Warn(err)
	}
}

// read returns the configuration as it is on disk. With mistakes it is returned together with domains.Problems. What is read while somebody else is
// writing is read again. Whatever has not changed since the last time is not decoded again.
func (s *Store) read() (view, error) {
	return s.retry(func(last *view) (*domains.Source, error) {
		if last == nil {
			return domains.Read(s.config, nil)
		}
		src, _ := last.Again() // the check reports its mistakes as well
		return src.Check()
	})
}

// look is read without the check, for looking at records.
func (s *Store) look() (view, error) {
	return s.retry(func(last *view) (*domains.Source, error) {
		if last == nil {
			return domains.ReadUnchecked(s.config)
		}
		return last.Again()
	})
}

// retry reads a configuration until it has no mistakes, or for a short time.
func (s *Store) retry(read func(last *view) (*domains.Source, error)) (view, error) {
	last := s.remembered.get()
	src, err := read(last)
	for try := 1; err != nil && try < 4; try++ {
		time.Sleep(time.Duration(try) * 10 * time.Millisecond)
		src, err = read(last)
	}
	var known map[string]layout
	if last != nil {
		if src == last.Source {
			return last.own(), err
		}
		known = last.layouts
	}
	v := view{src, layouts(src, known), s.key, make(map[string][]string)}
	if err == nil {
		s.remembered.set(v)
	}
	return v, err
}

// Get implements edits.Store.
func (s *Store) Get(_ context.Context, ref edits.Ref) (edits.Record, error) {
	v, err := s.look()
	if r, ok := v.find(ref); ok {
		e := v.record(r)
		e.Text = v.textOf(r)
		return e, nil // also if there are mistakes elsewhere
	}
	if err != nil && (!v.isTOML() || v.Unread() != "") { // what cannot be read may have it
		return edits.Record{}, err
	}
	return edits.Record{}, edits.ErrNotFound
}

// List implements edits.Store.
func (s *Store) List(_ context.Context, q edits.Query) (edits.Page, error) {
	v, err := s.read()
	if err != nil {
		return edits.Page{}, err
	}
	return v.list(q), nil
}

// Health implements edits.Store.
func (s *Store) Health(context.Context) error {
	if _, err := domains.StateDir(s.config); err != nil {
		return err
	}
	_, err := domains.Load(s.config)
	return err
}

var _ edits.Store = (*Store)(nil)
