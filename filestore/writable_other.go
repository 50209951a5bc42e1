//go:build !unix

package filestore

import "context"

// Writable returns why the configuration cannot be changed here; nil if that is not known.
func (s *Store) Writable(context.Context) error { return nil }
