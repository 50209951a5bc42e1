package probe

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// testTime is the time by which certificates are judged, also where synctest's clock shows another.
var testTime = time.Now()

// testStep is a step on synctest's clock.
const testStep = 5 * time.Second

// longStep is a step for tests with real connections, in which no time should run out.
const longStep = time.Minute

// inBubble runs a test with synctest's clock, on which waiting takes no time, as a parallel subtest.
func inBubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, test)
	})
}

// dialServer returns a dialer that connects every address to a server in memory. The test waits for the server to end.
func dialServer(t *testing.T, serve func(net.Conn)) func(context.Context, string, string) (net.Conn, error) {
	var running sync.WaitGroup
	t.Cleanup(running.Wait)
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		client, server := newMemoryConn()
		running.Go(func() {
			defer server.Close()
			serve(server)
		})
		return client, nil
	}
}

// memoryListener accepts connections in memory.
type memoryListener chan net.Conn

func (l memoryListener) dial(context.Context, string, string) (net.Conn, error) {
	client, server := newMemoryConn()
	l <- server
	return client, nil
}

func (l memoryListener) Accept() (net.Conn, error) {
	conn, ok := <-l
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (l memoryListener) Close() error { close(l); return nil }
func (memoryListener) Addr() net.Addr { return memoryAddr }

// silent is a server that accepts connections and sends nothing.
func silent(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// memoryConn is one end of a connection in memory. Like TCP and unlike net.Pipe it has a buffer: a write does not wait for the reader.
type memoryConn struct {
	in, out  *stream
	deadline deadline
	closed   atomic.Bool
}

func newMemoryConn() (client, server *memoryConn) {
	there, back := newStream(), newStream()
	return &memoryConn{in: back, out: there}, &memoryConn{in: there, out: back}
}

func (c *memoryConn) Read(b []byte) (int, error) {
	n, err := c.in.read(b, &c.deadline)
	if err == io.EOF && c.closed.Load() {
		err = net.ErrClosed // by this end
	}
	return n, err
}

func (c *memoryConn) Write(b []byte) (int, error) { return c.out.write(b, &c.deadline) }

func (c *memoryConn) Close() error {
	c.closed.Store(true)
	c.in.close()
	c.out.close()
	return nil
}

func (c *memoryConn) SetDeadline(t time.Time) error {
	c.deadline.set(t)
	c.in.wake()
	c.out.wake()
	return nil
}

func (c *memoryConn) SetReadDeadline(t time.Time) error  { return c.SetDeadline(t) }
func (c *memoryConn) SetWriteDeadline(t time.Time) error { return c.SetDeadline(t) }
func (*memoryConn) LocalAddr() net.Addr                  { return memoryAddr }
func (*memoryConn) RemoteAddr() net.Addr                 { return memoryAddr }

var memoryAddr = net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.99:1"))

// deadline is when waiting ends; zero for never.
type deadline struct {
	mu sync.Mutex
	at time.Time
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = t
}

// left returns the time that is left, and whether there is a deadline.
func (d *deadline) left() (time.Duration, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Until(d.at), !d.at.IsZero()
}

// stream is one direction of a connection.
type stream struct {
	mu      sync.Mutex
	data    []byte
	closed  bool
	changed chan struct{} // closed at the next change
}

const streamBuffer = 64 << 10

func newStream() *stream { return &stream{changed: make(chan struct{})} }

// wait waits until ready, which is called with the lock, is true, and returns with the lock.
func (s *stream) wait(d *deadline, ready func() bool) error {
	s.mu.Lock()
	for !ready() {
		left, limited := d.left()
		if limited && left <= 0 {
			return os.ErrDeadlineExceeded
		}
		changed := s.changed
		s.mu.Unlock()
		if limited {
			select {
			case <-changed:
			case <-time.After(left):
			}
		} else {
			<-changed
		}
		s.mu.Lock()
	}
	return nil
}

func (s *stream) read(b []byte, d *deadline) (int, error) {
	err := s.wait(d, func() bool { return len(s.data) > 0 || s.closed })
	defer s.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if len(s.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b, s.data)
	s.data = s.data[n:]
	s.notify()
	return n, nil
}

func (s *stream) write(b []byte, d *deadline) (int, error) {
	err := s.wait(d, func() bool { return len(s.data) < streamBuffer || s.closed })
	defer s.mu.Unlock()
	switch {
	case err != nil:
		return 0, err
	case s.closed:
		return 0, syscall.EPIPE
	}
	s.data = append(s.data, b...)
	s.notify()
	return len(b), nil
}

// notify wakes those who wait. It is called with the lock.
func (s *stream) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notify()
}

func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.notify()
}
