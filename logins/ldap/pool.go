package ldap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"
)

const (
	// maxConns is how many connections there are at once, to all servers.
	maxConns = 8
	// maxIdle is how long a connection is kept that is not used: less than firewalls forget it after. maxAge is how long one is used at all, so
	// that the first server is used again some time after it has come back.
	maxIdle = 50 * time.Second
	maxAge  = 5 * time.Minute
	// nextAfter is how long a server may take while there is another one to ask: two of them fit into the time that a request waits.
	nextAfter = 350 * time.Millisecond
	// pauseFirst and pauseLongest are how long a server is left out after a failure. Each time is twice as long as the one before.
	pauseFirst   = 10 * time.Second
	pauseLongest = 2 * time.Minute
)

// conn is a connection that is bound.
type conn struct {
	*ldap.Conn
	raw         net.Conn
	server      *server
	since, used time.Time
}

// close ends the connection without waiting for the server.
func (c *conn) close() {
	c.raw.Close() // the error says nothing new
	c.Conn.Close()
}

// server is one of several servers with the same content.
type server struct {
	url   string
	pause time.Duration // after the last failure; zero if it works
	until time.Time     // when it is asked again
}

// pool keeps connections. It may be used by several goroutines at once.
type pool struct {
	dialer *dialer
	slots  chan struct{}
	next   time.Duration // nextAfter

	mu      sync.Mutex
	servers []*server
	idle    []*conn // the last used is last
	closed  bool
}

func newPool(d *dialer, urls []string) *pool {
	p := &pool{dialer: d, slots: make(chan struct{}, maxConns), next: nextAfter}
	for _, u := range urls {
		p.servers = append(p.servers, &server{url: u})
	}
	return p
}

var (
	errBusy   = errors.New("all connections to the directory are in use")
	errClosed = errors.New("the look-up is closed")
)

// do calls f with a connection to the first server that works. f must return within the time that it is given.
func (p *pool) do(ctx context.Context, f func(*conn, time.Duration) error) error {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return errBusy
	}
	servers := p.order(time.Now())
	var failed error
	for i, s := range servers {
		patience := time.Minute
		if end, ok := ctx.Deadline(); ok {
			patience = time.Until(end)
		}
		if i+1 < len(servers) {
			patience = min(patience, p.next)
		}
		if patience <= 0 {
			break
		}
		err := p.try(ctx, s, patience, f)
		if err == nil {
			p.works(s)
			return nil
		}
		if errors.Is(err, errClosed) {
			return err
		}
		described := describe(s.url, err)
		if !isFatal(err) {
			return described
		}
		p.fails(s, time.Now())
		if failed != nil {
			described = fmt.Errorf("%w; %w", failed, described)
		}
		failed = described
	}
	if failed == nil {
		return ctx.Err()
	}
	return failed
}

// try calls f with a connection to one server. A connection that was idle may have been closed by the server; then another one is tried.
func (p *pool) try(ctx context.Context, s *server, patience time.Duration, f func(*conn, time.Duration) error) error {
	end := time.Now().Add(patience)
	for {
		c, err := p.take(s)
		if err != nil {
			return err
		}
		fresh := c == nil
		if fresh {
			if c, err = p.dialer.dial(ctx, s, time.Until(end)); err != nil {
				return err
			}
		}
		c.raw.SetDeadline(end) // fails for a closed connection only, as f does then
		err = f(c, time.Until(end))
		if err == nil || !isFatal(err) {
			c.raw.SetDeadline(time.Time{})
			p.put(c)
			return err
		}
		c.close()
		if fresh || isTimeout(err) || time.Now().After(end) {
			return err
		}
	}
}

// order returns the servers that are asked, in this order: those that work, then those that are left out, in case none works.
func (p *pool) order(now time.Time) []*server {
	p.mu.Lock()
	defer p.mu.Unlock()
	ordered := slices.Clone(p.servers)
	slices.SortStableFunc(ordered, func(a, b *server) int {
		switch outA, outB := now.Before(a.until), now.Before(b.until); {
		case outA == outB:
			return 0
		case outA:
			return 1
		}
		return -1
	})
	return ordered
}

func (p *pool) works(s *server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.pause, s.until = 0, time.Time{}
}

func (p *pool) fails(s *server, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.pause = min(max(2*s.pause, pauseFirst), pauseLongest)
	s.until = now.Add(s.pause)
}

// take returns the connection to a server that was used last, or nil if there is none. It closes those that are too old.
func (p *pool) take(s *server) (taken *conn, err error) {
	now := time.Now()
	var old []*conn
	p.mu.Lock()
	p.idle = slices.DeleteFunc(p.idle, func(c *conn) bool {
		if now.Sub(c.used) < maxIdle && now.Sub(c.since) < maxAge && !c.IsClosing() {
			return false
		}
		old = append(old, c)
		return true
	})
	for i := len(p.idle) - 1; i >= 0 && taken == nil; i-- {
		if p.idle[i].server == s {
			taken = p.idle[i]
			p.idle = slices.Delete(p.idle, i, i+1)
		}
	}
	if p.closed {
		err = errClosed
	}
	p.mu.Unlock()
	for _, c := range old {
		c.close()
	}
	return taken, err
}

func (p *pool) put(c *conn) {
	c.used = time.Now()
	p.mu.Lock()
	keep := !p.closed
	if keep {
		p.idle = append(p.idle, c)
	}
	p.mu.Unlock()
	if !keep {
		c.close()
	}
}

func (p *pool) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, c := range idle {
		c.close()
	}
}

// isTimeout reports whether an error means that there was no answer in time.
func isTimeout(err error) bool {
	var of *ldap.Error
	if errors.As(err, &of) && of.Err != nil && of.Err.Error() == "ldap: connection timed out" { // the library has no value for it
		return true
	}
	return os.IsTimeout(err) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}
