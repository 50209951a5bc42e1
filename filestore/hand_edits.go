package filestore

import "context"

// handEdits returns what has been changed by hand since a change set.
func (s *Store) handEdits(done journal, v view) ([]entry, error) { return nil, nil }

// Observe records in the history what has been changed by hand since the last change that the history accounts for. A server calls it after each
// reload. The first call only remembers the files as they are.
func (s *Store) Observe(ctx context.Context) error { return nil }
