package listen

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// limitedListener is a listener whose connections do what http.Server cannot, or not as cheaply.
type limitedListener struct {
	net.Listener
	write   time.Duration
	tracker *connTracker  // nil for a listener without a limit of connections
	headers *proxyHeaders // nil without the PROXY protocol
}

func (l *limitedListener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, limit: l.write}
	if l.headers != nil {
		c.Conn = l.headers.wrap(raw)
	}
	if l.tracker != nil {
		l.tracker.add(c, raw.RemoteAddr())
	}
	return c, nil
}

// conn keeps the deadlines of a connection, and cuts off a client that does not take what is written to it.
//
// http.Server moves a timer for each deadline, five of them for each request (Go 1.26), which costs a tenth of the processor time of
// an autoconfig answer. Nearly always the new deadline is later than the previous one. So the timer for reading is left where it is,
// and only set again when it fires too early; and the one for writing is moved every few seconds, and fires late by as much.
type conn struct {
	net.Conn
	reading readDeadline

	limit    time.Duration
	moved    atomic.Int64 // when the deadline for writing was moved last, in nanoseconds
	explicit atomic.Bool  // the caller has set one: crypto/tls does for its handshake and when it closes

	tracker *connTracker // nil if it is not tracked
	client  netip.Prefix
	since   atomic.Int64 // when it began to wait for a request, in nanoseconds; if negative, when it became busy
	greeted atomic.Bool  // it has been idle; with HTTP/2 that happens before its first request
	served  atomic.Bool  // a request
}

// Close also removes the connection from the tracker.
func (c *conn) Close() error {
	if c.tracker != nil {
		c.tracker.remove(c)
	}
	return c.Conn.Close()
}

// readDeadline is when reading should end, and when the connection's timer will end it. Zero means never.
type readDeadline struct {
	mu           sync.Mutex
	wanted, real time.Time
}

// SetReadDeadline sets the timer only to make it fire earlier.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.reading.mu.Lock()
	defer c.reading.mu.Unlock()
	c.reading.wanted = t
	if t.IsZero() || !c.reading.real.IsZero() && !t.Before(c.reading.real) {
		return nil
	}
	c.reading.real = t
	return c.Conn.SetReadDeadline(t)
}

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *conn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || !c.prolong() {
			return n, err
		}
	}
}

// prolong sets the timer again if it has fired too early, and reports whether it had.
func (c *conn) prolong() bool {
	c.reading.mu.Lock()
	defer c.reading.mu.Unlock()
	t := c.reading.wanted
	if !t.IsZero() && !time.Now().Before(t) {
		return false
	}
	c.reading.real = t
	return c.Conn.SetReadDeadline(t) == nil
}

func (c *conn) Write(p []byte) (int, error) {
	if !c.explicit.Load() {
		now, every := time.Now(), c.limit/4
		if moved := c.moved.Load(); now.UnixNano()-moved > int64(every) {
			c.moved.Store(now.UnixNano())
			if err := c.Conn.SetWriteDeadline(now.Add(c.limit + every)); err != nil {
				return 0, err
			}
		}
	}
	return c.Conn.Write(p)
}

// SetWriteDeadline replaces the usual deadline, or restores it if the time is zero.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if t.IsZero() {
		if c.explicit.Swap(false) {
			c.moved.Store(0)
		}
		return nil
	}
	c.explicit.Store(true)
	return c.Conn.SetWriteDeadline(t)
}
