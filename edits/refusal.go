package edits

import (
	"errors"

	"mailhint/domains"
)

// What Refusal returns. Programs depend on these words.
const (
	RefusedInvalid   = "invalid"   // the configuration would have mistakes, or a value is not written as it should be
	RefusedConflict  = "conflict"  // the record has changed in the meantime
	RefusedExists    = "exists"    // the record to add is already there
	RefusedNotFound  = "not-found" // there is no such record, or no such change
	RefusedReadOnly  = "read-only" // a file may not be written
	RefusedUnsafe    = "unsafe"    // the layout of a file cannot be changed without touching other entries
	RefusedRemovals  = "removals"  // too many records would be removed
	RefusedOtherwise = "failed"    // for any other reason
)

// Refusal says in a word, for programs, why a change was refused.
func Refusal(err error) string {
	for _, r := range []struct {
		err  error
		word string
	}{
		{ErrConflict, RefusedConflict}, {ErrExists, RefusedExists}, {ErrNotFound, RefusedNotFound}, {ErrNoHistory, RefusedNotFound},
		{ErrReadOnly, RefusedReadOnly}, {ErrUnsafe, RefusedUnsafe}, {domains.ErrUnread, RefusedOtherwise},
	} {
		if errors.Is(err, r.err) {
			return r.word
		}
	}
	switch {
	case errors.As(err, new(*RemovalsError)):
		return RefusedRemovals
	case IsMistake(err):
		return RefusedInvalid
	}
	return RefusedOtherwise
}
