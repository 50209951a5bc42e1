package admin

import (
	"errors"
	"fmt"
	"time"

	"mailhint/edits"
)

// Errors that callers act on. Those of package edits are returned as well: ErrConflict, ErrExists, ErrReadOnly, ErrUnsafe, *RemovalsError.
var (
	// ErrNotFound means that there is no such record, or that the account may not see it; it does not say which.
	ErrNotFound = errors.New("not configured, or not visible to this account")
	// ErrDenied is matched by a *DeniedError.
	ErrDenied = errors.New("this account may not do that")
	// ErrRevision means that a change does not say which state of the record it is meant for.
	ErrRevision = errors.New("a change needs the revision of the record as it was read")
	// ErrInvalid is matched by an *InvalidError.
	ErrInvalid = errors.New("not valid")
	// ErrBusy is matched by a *BusyError.
	ErrBusy = errors.New("too many requests")
	// ErrUnavailable means that this server is set up without what a method needs.
	ErrUnavailable = errors.New("not available on this server")
)

// DeniedError means that an account may see a record, but not do what it wants.
type DeniedError struct {
	// Key is the key that it may not change; empty if it is not about one.
	Key string
	// Why is a sentence for people.
	Why string
}

func (e *DeniedError) Error() string {
	if e.Key == "" {
		return e.Why
	}
	return e.Key + ": " + e.Why
}

// Is makes it match ErrDenied.
func (e *DeniedError) Is(target error) bool { return target == ErrDenied }

// RecordError says which record of a set a refusal is about.
type RecordError struct {
	edits.Ref
	Err error
}

func (e *RecordError) Error() string { return e.Ref.String() + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *RecordError) Unwrap() error { return e.Err }

// Problem is one mistake in a change.
type Problem struct {
	// Key is the key of the record, such as imap or oauth2.issuer, in a set with the record in front; empty if it is not about one.
	Key string `json:"key,omitempty" doc:"The key of the record, such as imap or oauth2.issuer, in a set with the record in front."`
	// Text says what is wrong, and how to write it, as mailhint check does.
	Text string `json:"text" doc:"What is wrong and what to write, as mailhint check says it."`
}

// InvalidError is about values that cannot be saved.
type InvalidError struct{ Problems []Problem }

func (e *InvalidError) Error() string {
	text := ""
	for i, p := range e.Problems {
		if i > 0 {
			text += "\n"
		}
		if p.Key != "" {
			text += p.Key + ": "
		}
		text += p.Text
	}
	return text
}

// Is makes it match ErrInvalid.
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

// invalid is an InvalidError with one problem.
func invalid(key, format string, args ...any) error {
	return &InvalidError{[]Problem{{key, fmt.Sprintf(format, args...)}}}
}

// BusyError means that an account, or all together, have used up what they may do for now.
type BusyError struct {
	What  string
	Retry time.Duration // when to try again
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("%s; try again in %s", e.What, e.Retry.Round(time.Second))
}

// Is makes it match ErrBusy.
func (e *BusyError) Is(target error) bool { return target == ErrBusy }
