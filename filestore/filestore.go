// Package filestore is edits.Store for domains.toml and the files that it includes or names. Admins go on editing them by hand: only the
// octets of the changed entries change, and what somebody else has changed in the meantime is never overwritten.
//
// Beside the configuration it keeps, in state_dir, the history of all changes and a copy of the files as the history accounts for them. Whatever differs
// from that copy has been changed by hand, and gets into the history as such.
package filestore

import (
	"context"
	"errors"
	"iter"

	"mailhint/edits"
)

// Store is the configuration in a main file and the files that it refers to. Its methods may be called by several goroutines at once.
type Store struct {
	// Warn is called with problems that do not keep the Store from working, such as damaged lines of the history; nil ignores them. It must be
	// set before the first call of a method.
	Warn func(error)

	config string
}

// Open returns the store whose main file is config, such as /etc/mailhint/domains.toml. It reads nothing yet: a file with a mistake is reported by
// the methods that need to read it, as domains.Problems, and its history can still be read.
func Open(config string) (*Store, error) {
	return &Store{config: config}, nil
}

var errLater = errors.New("not built yet")

// Get implements edits.Store.
func (s *Store) Get(ctx context.Context, ref edits.Ref) (edits.Record, error) {
	return edits.Record{}, errLater
}

// List implements edits.Store.
func (s *Store) List(ctx context.Context, q edits.Query) (edits.Page, error) {
	return edits.Page{}, errLater
}

// Apply implements edits.Store.
func (s *Store) Apply(ctx context.Context, set edits.ChangeSet) (edits.Result, error) {
	return edits.Result{}, errLater
}

// History implements edits.Store.
func (s *Store) History(ctx context.Context, q edits.HistoryQuery) ([]edits.Change, error) {
	return nil, errLater
}

// Watch implements edits.Store.
func (s *Store) Watch(ctx context.Context, since int64) iter.Seq2[edits.Event, error] {
	return func(yield func(edits.Event, error) bool) { yield(edits.Event{}, errLater) }
}

// Health implements edits.Store.
func (s *Store) Health(ctx context.Context) error { return errLater }

// Observe records in the history what has been changed by hand since the last change that the history accounts for. A server calls it after
// each reload. The first call only remembers the files as they are.
func (s *Store) Observe(ctx context.Context) error { return errLater }

var _ edits.Store = (*Store)(nil)
