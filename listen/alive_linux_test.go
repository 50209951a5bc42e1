package listen

import (
	"net"
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
	for full := false; !full; {
		c, err := net.DialTimeout("tcp", inner.Addr().String(), within)
		if full = err != nil; !full {
			defer c.Close()
		}
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
	busy := make(chan struct{})
	go func() {
		defer close(busy)
		time.Sleep(within / 3)
		limited.calls.Add(1) // as Accept does
	}()
	if err := attacked.Alive(within); err != nil {
		t.Errorf("a listener that accepts connections: %v", err)
	}
	<-busy
}
