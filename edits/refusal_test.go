package edits_test

import (
	"errors"
	"fmt"
	"testing"

	"mailhint/domains"
	"mailhint/edits"
)

// TestRefusal: programs depend on these words.
func TestRefusal(t *testing.T) {
	for want, err := range map[string]error{
		"invalid":   domains.Problems{{Text: "unknown key"}},
		"conflict":  &edits.ConflictError{},
		"exists":    &edits.ExistsError{},
		"not-found": &edits.NotFoundError{},
		"read-only": &edits.NotWrittenError{Err: fmt.Errorf("%w: read-only file system", edits.ErrReadOnly)},
		"unsafe":    &edits.NotWrittenError{Err: fmt.Errorf("%w: an inline table", edits.ErrUnsafe)},
		"removals":  &edits.RemovalsError{},
		"failed":    errors.New("no space left on device"),
	} {
		if got := edits.Refusal(fmt.Errorf("domains.toml: %w", err)); got != want {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
}
