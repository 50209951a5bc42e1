package api

import "sync"

// slots limit how many requests are worked on at the same time, and how many of these are of one account, so that no account keeps the others out.
type slots struct {
	mu      sync.Mutex
	of      map[string]int // by account
	running int
	atOnce  int // of all accounts
	each    int // of one
}

// newSlots gives one account a quarter of the slots.
func newSlots(atOnce int) *slots {
	const accounts = 4
	return &slots{of: make(map[string]int), atOnce: atOnce, each: max(1, atOnce/accounts)}
}

// take takes a slot for an account; ok is false if there is none. The caller must call release when the request is answered.
func (s *slots) take(account string) (release func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running >= s.atOnce || s.of[account] >= s.each {
		return nil, false
	}
	s.running++
	s.of[account]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.running--
		if s.of[account]--; s.of[account] == 0 {
			delete(s.of, account)
		}
	}, true
}
