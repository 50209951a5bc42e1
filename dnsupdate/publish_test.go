package dnsupdate

import (
	"errors"
	"fmt"
	"testing"

	"mailhint/dnsrecords"
	"mailhint/resolver"
)

// TestOutcome: what is missing counts more than what is not known.
func TestOutcome(t *testing.T) {
	complete, undone, left := Plan{}, Plan{Add: make([]dnsrecords.Record, 1)}, Plan{Left: make([]Obstacle, 1)}
	done := undone
	done.Done = true
	silent := Plan{Err: fmt.Errorf("%w: timeout", resolver.ErrFailed)}
	refused := Plan{Err: errors.New("REFUSED")}
	for _, test := range []struct {
		plans []Plan
		want  error
	}{
		{nil, nil},
		{[]Plan{complete, done}, nil},
		{[]Plan{complete, undone}, ErrIncomplete},
		{[]Plan{left, silent}, ErrIncomplete},
		{[]Plan{silent, complete}, ErrUnanswered},
		{[]Plan{silent, refused}, ErrIncomplete},
	} {
		if got := outcomeOf(test.plans); got != test.want {
			t.Errorf("%+v: got %v, want %v", test.plans, got, test.want)
		}
	}
}
