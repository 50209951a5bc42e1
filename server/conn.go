package server

import (
	"bytes"
	"net"
	"sync/atomic"
	"time"
)

// connLimiter is a listener whose connections do what http.Server cannot, or not as cheaply.
type connLimiter struct {
	net.Listener
	write time.Duration
}

func (l *connLimiter) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, limit: l.write}, nil
}

// conn cuts off a client that does not take what is written to it.
//
// http.Server's WriteTimeout does too, but moves a timer twice for each request, which costs 5 % of the processor time of an
// autoconfig answer (Go 1.26). Here the deadline is moved at most every few seconds, so it comes late by as much.
type conn struct {
	net.Conn
	limit    time.Duration
	moved    atomic.Int64 // when the deadline was moved last, in nanoseconds
	explicit atomic.Bool  // somebody else has set one: crypto/tls does for its handshake and when it closes
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
	if isClientFault(p) {
		return c.writeBadRequest(p)
	}
	return c.Conn.Write(p)
}

// SetWriteDeadline sets another deadline than the usual, or, with the zero time, goes back to that.
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

// isClientFault reports whether net/http is about to answer with one of the two 5xx it has for what a client got wrong: an unknown
// Transfer-Encoding, or an HTTP version of the client's own invention. We never send these, and alarms on 5xx are for our faults.
// Beneath TLS it finds nothing.
func isClientFault(p []byte) bool {
	return bytes.HasPrefix(p, []byte("HTTP/1.1 501 ")) || bytes.HasPrefix(p, []byte("HTTP/1.1 505 "))
}

func (c *conn) writeBadRequest(instead []byte) (int, error) {
	const answer = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request"
	if _, err := c.Conn.Write([]byte(answer)); err != nil {
		return 0, err
	}
	return len(instead), nil
}
