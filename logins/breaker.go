package logins

import (
	"sync"
	"time"
)

const (
	// failuresToOpen is how many questions in a row must fail, or take longer than a request waits, before a Source is left alone.
	failuresToOpen = 5
	// retryFirst and retryLongest are the pauses between attempts while a Source is left alone. Each is twice as long as the one before.
	retryFirst   = time.Second
	retryLongest = 15 * time.Second
)

// breaker leaves a Source alone that fails, so that no request waits for it. Attempts are made in the background now and then.
type breaker struct {
	mu       sync.Mutex
	failures int           // in a row
	pause    time.Duration // zero while the Source is asked
	retry    time.Time     // when the next attempt is due
	trying   bool          // an attempt is under way
}

// verdict says whether a Source is asked.
type verdict int

const (
	closed  verdict = iota // ask it, and wait
	attempt                // ask it, and do not wait
	open                   // do not ask it
)

// begin says what to do with a question. With attempt, its end must be reported.
func (b *breaker) begin(now time.Time) verdict {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.pause == 0:
		return closed
	case b.trying || now.Before(b.retry):
		return open
	}
	b.trying = true
	return attempt
}

// end reports how a question ended. It returns true if the Source is left alone from now on, or no longer.
func (b *breaker) end(good bool, now time.Time) (changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.pause
	b.trying = false
	switch {
	case good:
		b.failures, b.pause = 0, 0
	default:
		if b.failures++; b.failures >= failuresToOpen {
			b.pause = min(max(2*before, retryFirst), retryLongest)
			b.retry = now.Add(b.pause)
		}
	}
	return (before == 0) != (b.pause == 0)
}

// isOpen reports whether the Source is left alone.
func (b *breaker) isOpen() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pause > 0
}
