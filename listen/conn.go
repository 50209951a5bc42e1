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
	until   atomic.Int64  // when finish must have ended, in nanoseconds; 0 before finish is called
	waiting atomic.Bool   // in Accept, for a connection
	calls   atomic.Uint64 // of Accept
}

func (l *limitedListener) Accept() (net.Conn, error) {
	l.calls.Add(1)
	l.waiting.Store(true)
	raw, err := l.next()
	l.waiting.Store(false)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, limit: l.write}
	raw.SetWriteDeadline(time.Now().Add(l.write / 4)) // fails only for a connection on which writing fails too
	if l.tracker != nil {
		l.tracker.add(c, raw.RemoteAddr())
	}
	if l.headers != nil {
		c.Conn = l.headers.wrap(raw, func(client net.Addr) { l.tracker.assign(c, client) })
	}
	return c, nil
}

// next waits for a connection or, once finish has been called, takes one that is already waiting.
func (l *limitedListener) next() (net.Conn, error) {
	if l.until.Load() == 0 {
		raw, err := l.Listener.Accept()
		if err == nil || l.until.Load() == 0 {
			return raw, err
		}
	}
	if time.Now().UnixNano() < l.until.Load() {
		if raw := nextWaiting(l.Listener); raw != nil {
			return raw, nil
		}
	}
	l.Close() // finish has no use for the error either
	return nil, net.ErrClosed
}

// finish makes Accept return the connections that the kernel has accepted already, and then closes the listener. Closing it at once
// would cut them off: with 200 new ones a second and two busy loops on two cores, 3 of 25 shutdowns cut off 1, 24 and 26 connections; with
// this, none of 25. With a socket of systemd's there may always be one more, so this ends after a time at the latest.
func (l *limitedListener) finish(within time.Duration) {
	l.until.Store(time.Now().Add(within).UnixNano())
	waiting, ok := l.Listener.(interface{ SetDeadline(time.Time) error })
	if !ok || waiting.SetDeadline(time.Now()) != nil {
		l.Close() // fails if it has been closed already
	}
}

// conn keeps the deadlines of a connection, and cuts off a client that does not take what is written to it.
//
// http.Server sets seven deadlines for reading with each request (Go 1.26), and a timer is moved for each of them: 4 % of the processor
// time of an autoconfig answer. Nearly always the new deadline is later than the previous one. So the timer for reading is left where it
// is, and only set again when it fires too early. The timer for writing runs for a quarter of the limit; a client that is not taking
// anything when it fires is given the whole limit.
type conn struct {
	net.Conn
	readDeadline readDeadline

	limit    time.Duration
	explicit atomic.Bool // the caller has set a deadline for writing: crypto/tls does for its handshake and when it closes

	tracker *connTracker // nil if it is not tracked
	client  netip.Prefix
	since   atomic.Int64 // when it was accepted or its last request began, in nanoseconds; negative while it is busy
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
	reading      bool // in the underlying connection's Read
}

// longAgo is later than the deadline with which http.Server interrupts a Read (Go 1.26: a second of 1970), and earlier than any other.
var longAgo = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)

// interrupts reports whether a deadline ends a Read at once. http.Server reads ahead while a request is answered, in order to notice a
// client that leaves, and interrupts that when the answer is complete.
func interrupts(t time.Time) bool { return !t.IsZero() && t.Before(longAgo) }

// SetReadDeadline sets the timer only to make it fire earlier for a Read that may be waiting.
func (c *conn) SetReadDeadline(t time.Time) error {
	r := &c.readDeadline
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wanted = t
	switch {
	case t.IsZero(), !r.real.IsZero() && !t.Before(r.real):
		return nil
	case interrupts(t) && !r.reading: // the next Read sees it
		return nil
	}
	r.real = t
	return c.Conn.SetReadDeadline(t)
}

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *conn) Read(p []byte) (int, error) {
	r := &c.readDeadline
	r.mu.Lock()
	defer r.mu.Unlock()
	if interrupts(r.wanted) {
		return 0, os.ErrDeadlineExceeded
	}
	for {
		r.reading = true
		r.mu.Unlock()
		n, err := c.Conn.Read(p)
		r.mu.Lock()
		r.reading = false
		if !errors.Is(err, os.ErrDeadlineExceeded) || !c.prolong() {
			return n, err
		}
	}
}

// prolong sets the timer again if it has fired too early, and reports whether it had. The caller holds mu.
func (c *conn) prolong() bool {
	t := c.readDeadline.wanted
	if !t.IsZero() && !time.Now().Before(t) {
		return false
	}
	c.readDeadline.real = t
	return c.Conn.SetReadDeadline(t) == nil
}

func (c *conn) Write(p []byte) (int, error) {
	if isClientFault(p) {
		return writeBadRequest(c.Conn, p)
	}
	n, err := c.Conn.Write(p)
	if !errors.Is(err, os.ErrDeadlineExceeded) || c.explicit.Load() {
		return n, err
	}
	// The deadline may have been set for an earlier Write, so that this one has had no time.
	if err := c.Conn.SetWriteDeadline(time.Now().Add(c.limit)); err != nil {
		return n, err
	}
	more, err := c.Conn.Write(p[n:])
	if err == nil {
		err = c.Conn.SetWriteDeadline(time.Now().Add(c.limit / 4))
	}
	return n + more, err
}

// SetWriteDeadline replaces the usual deadline, or restores it if the time is zero.
func (c *conn) SetWriteDeadline(t time.Time) error {
	switch {
	case !t.IsZero():
		c.explicit.Store(true)
	case c.explicit.CompareAndSwap(true, false):
		t = time.Now().Add(c.limit / 4)
	default:
		return nil
	}
	return c.Conn.SetWriteDeadline(t)
}
