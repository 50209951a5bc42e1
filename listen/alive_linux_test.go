package listen

import (
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A connection that cannot be opened in time proves nothing: the queue of a listener under attack is full, and yet it accepts. It hangs if it
// does not accept anything.
func TestAliveUnderAttack(t *testing.T) {
	t.Parallel()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := inner.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) }); err != nil { // the shortest queue
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	limited := &limitedListener{Listener: inner, write: time.Second}
	defer limited.Close()
	const within = 300 * time.Millisecond
	for failed := 0; failed < 2; { // one may have failed only because this machine is busy; then it is in the queue nevertheless
		c, err := net.DialTimeout("tcp", inner.Addr().String(), within)
		if err != nil {
			failed++
			continue
		}
		failed = 0
		defer c.Close()
	}
	attacked := &Listeners{all: []*listener{{purpose: HTTP, Listener: limited}}}
	if err := attacked.Alive(within); err == nil {
		t.Error("a listener that accepts nothing passes for alive")
	}
	limited.waiting.Store(true)
	if err := attacked.Alive(within); err != nil {
		t.Errorf("a listener that waits for connections: %v", err)
	}
	limited.waiting.Store(false)
	limited.Listener = &acceptsWhenDialled{inner, &limited.calls}
	if err := attacked.Alive(within); err != nil {
		t.Errorf("a listener that accepts connections: %v", err)
	}
}

// acceptsWhenDialled counts an accepted connection whenever its address is asked for, which is after the check has begun.
type acceptsWhenDialled struct {
	net.Listener
	calls *atomic.Uint64
}

func (l *acceptsWhenDialled) Addr() net.Addr {
	l.calls.Add(1) // as Accept does
	return l.Listener.Addr()
}
