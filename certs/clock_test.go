package certs

import (
	"sync"
	"time"
)

// manualClock stands still until it is moved.
type manualClock struct {
	mu     sync.Mutex
	now    time.Time
	timers []manualTimer
}

type manualTimer struct {
	at time.Time
	c  chan time.Time
}

func (m *manualClock) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *manualClock) After(d time.Duration) <-chan time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
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
