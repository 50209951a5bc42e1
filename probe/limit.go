package probe

import (
	"context"
	"net/netip"
	"sync"
)

// addressLimit keeps the number of connections to one address small, no matter under how many names it is probed.
type addressLimit struct {
	mutex sync.Mutex
	slots map[netip.Addr]*addressSlots // of the addresses that are in use
}

type addressSlots struct {
	taken chan struct{}
	users int // that have a slot or wait for one
}

// acquire waits for a slot at an address and returns how to release it.
func (l *addressLimit) acquire(ctx context.Context, a netip.Addr) (release func(), err error) {
	a = a.Unmap()
	s := l.use(a)
	select {
	case s.taken <- struct{}{}:
		return func() { <-s.taken; l.leave(a, s) }, nil
	case <-ctx.Done():
		l.leave(a, s)
		return nil, ctx.Err()
	}
}

func (l *addressLimit) use(a netip.Addr) *addressSlots {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	s := l.slots[a]
	if s == nil {
		s = &addressSlots{taken: make(chan struct{}, atOnce)}
		if l.slots == nil {
			l.slots = make(map[netip.Addr]*addressSlots)
		}
		l.slots[a] = s
	}
	s.users++
	return s
}

func (l *addressLimit) leave(a netip.Addr, s *addressSlots) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if s.users--; s.users == 0 {
		delete(l.slots, a)
	}
}
