package certs

import (
	"sync"
	"testing"
	"time"
)

// manualClock stands still until it is moved.
type manualClock struct {
	mu     sync.Mutex
	now    time.Time
	timers []manualTimer
	calls  int // of After
}

type manualTimer struct {
	at time.Time
	c  chan time.Time
}

func newManualClock() *manualClock { return &manualClock{now: time.Now()} }

func (m *manualClock) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *manualClock) After(d time.Duration) <-chan time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	c := make(chan time.Time, 1)
	if d <= 0 {
		c <- m.now
	} else {
		m.timers = append(m.timers, manualTimer{m.now.Add(d), c})
	}
	return c
}

func (m *manualClock) advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
	var later []manualTimer
	for _, timer := range m.timers {
		if timer.at.After(m.now) {
			later = append(later, timer)
		} else {
			timer.c <- m.now
		}
	}
	m.timers = later
}

// advanceAndWait moves the clock by more than a minute, and waits until the renewals have been looked through after that.
func (m *manualClock) advanceAndWait(t *testing.T, d time.Duration) {
	t.Helper()
	m.mu.Lock()
	before := m.calls
	m.mu.Unlock()
	m.advance(d)
	eventually(t, "nothing waits for the clock again", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.calls > before
	})
}
