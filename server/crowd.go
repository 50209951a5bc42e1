package server

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"mailhint/settings"
)

// crowd are the public connections that are open. It bounds them, because each costs memory that a client can make us keep: 30 KB
// for an idle one with TLS, ten times that for one that is busy with HTTP/2 requests that do not end.
//
// Nobody new is turned away. When there are too many, of one client or of all, the one that has waited longest for its next request
// is closed, and when too many are busy, the one that has been so longest; so holding connections keeps nobody else out. A mail program
// opens another one.
type crowd struct {
	most, mostOfOne, mostBusy int
	proxies                   []netip.Prefix // who may bring any number of clients
	silent                    time.Duration  // how long a new connection may be before its first request
	evicted                   func()

	busy atomic.Int64 // how many are; counted apart, so that a request costs no lock
	calm atomic.Int64 // until when none can have been so for too long, in nanoseconds

	mu  sync.Mutex
	all map[*conn]struct{}
	of  map[netip.Prefix][]*conn // by client
}

func newCrowd(l limits, proxies []netip.Prefix, evicted func()) *crowd {
	return &crowd{most: l.connections, mostOfOne: l.perClient, mostBusy: l.busy, proxies: proxies, silent: l.readHeader,
		evicted: evicted, all: make(map[*conn]struct{}), of: make(map[netip.Prefix][]*conn)}
}

// enter adds a connection that has just been accepted.
func (w *crowd) enter(c *conn, from net.Addr) {
	c.crowd, c.client = w, w.clientOf(from)
	c.since.Store(time.Now().UnixNano())
	w.mu.Lock()
	var evicted *conn
	if same := w.of[c.client]; c.client.IsValid() && len(same) >= w.mostOfOne {
		evicted = longestWaiting(same)
	} else if len(w.all) >= w.most {
		evicted = longestWaiting(w.some(func(*conn) bool { return true }))
	}
	w.remove(evicted)
	w.all[c] = struct{}{}
	if c.client.IsValid() {
		w.of[c.client] = append(w.of[c.client], c)
	}
	w.mu.Unlock()
	w.evict(evicted)
}

// evict closes a connection that has been removed; nil is none.
func (w *crowd) evict(c *conn) {
	if c == nil {
		return
	}
	w.evicted()
	w.isBusy(c, false)
	c.Conn.Close() // net/http sees it end, and closes what is above it
}

// tooLong is how long a good client's request never takes, however much there is to do for the others.
const tooLong = time.Second

// isBusy notes that a connection has become busy with requests, or waits for one from now on.
func (w *crowd) isBusy(c *conn, busy bool) {
	now := time.Now().UnixNano()
	if !busy {
		if c.since.Swap(now) < 0 {
			w.busy.Add(-1)
		}
		return
	}
	if c.since.Swap(-now) < 0 || w.busy.Add(1) <= int64(w.mostBusy) || now < w.calm.Load() {
		return
	}
	w.mu.Lock()
	evicted := w.busyTooLong(now)
	w.remove(evicted)
	w.mu.Unlock()
	w.evict(evicted)
}

// busyTooLong returns one of the connections that have been busy for too long. If there is none it notes when there may be one, because
// many good requests at a time are no reason to look at all connections for each of them.
func (w *crowd) busyTooLong(now int64) *conn {
	first := now
	few := w.some(func(c *conn) bool {
		since := c.since.Load()
		if since < 0 {
			first = min(first, -since)
		}
		return since < 0 && -since < now-int64(tooLong)
	})
	if len(few) == 0 {
		w.calm.Store(first + int64(tooLong))
	}
	return longestWaiting(few)
}

// leave removes a connection that is closed. It may have been removed already.
func (w *crowd) leave(c *conn) {
	w.isBusy(c, false)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.remove(c)
}

// remove removes a connection; nil is none.
func (w *crowd) remove(c *conn) {
	if c == nil {
		return
	}
	delete(w.all, c)
	if !c.client.IsValid() {
		return
	}
	same := w.of[c.client]
	if i := slices.Index(same, c); i >= 0 {
		same[i] = same[len(same)-1]
		same[len(same)-1] = nil
		w.of[c.client] = same[:len(same)-1]
	}
	if len(w.of[c.client]) == 0 {
		delete(w.of, c.client)
	}
}

// size returns how many connections are open.
func (w *crowd) size() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.all)
}

// settled reports whether all connections have had a request that a handler has seen, except those that have been silent for so long
// that they are not about to send one.
func (w *crowd) settled() bool {
	const surely = 100 * time.Millisecond // from the end of a header to the handler
	now := time.Now().UnixNano()
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.all {
		since := c.since.Load()
		if since >= 0 && !c.served.Load() && now-since < int64(w.silent) || since < 0 && now+since < int64(surely) {
			return false
		}
	}
	return true
}

// some returns a few connections of a kind at random: among them is one that has waited about the longest, and looking at all of them
// each time would cost more than the attack.
func (w *crowd) some(of func(*conn) bool) []*conn {
	const enough = 100
	few := make([]*conn, 0, enough)
	for c := range w.all {
		if !of(c) {
			continue
		}
		if few = append(few, c); len(few) == enough {
			break
		}
	}
	return few
}

// clientOf returns whom a connection counts for: an address, or the network of 64 bits in which one customer can have any number of
// them. It is the zero Prefix for this machine and for trusted proxies, which bring other people's connections.
func (w *crowd) clientOf(from net.Addr) netip.Prefix {
	tcp, ok := from.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	if addr.IsLoopback() || settings.Networks(w.proxies).Contain(addr) {
		return netip.Prefix{}
	}
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	client, _ := addr.Prefix(bits) // fails for lengths that addresses do not have
	return client
}

// longestWaiting returns the connection that has waited longest for a request, or, if all are busy, the one that has been so longest.
func longestWaiting(conns []*conn) *conn {
	var waiting, busy *conn
	var waitingSince, busySince int64
	for _, c := range conns {
		switch since := c.since.Load(); {
		case since >= 0 && (waiting == nil || since < waitingSince):
			waiting, waitingSince = c, since
		case since < 0 && (busy == nil || -since < busySince):
			busy, busySince = c, -since
		}
	}
	if waiting != nil {
		return waiting
	}
	return busy
}

// noteState is http.Server's ConnState: it keeps since when a connection waits for a request or is busy with one.
func noteState(above net.Conn, state http.ConnState) {
	below := above
	if t, ok := above.(*tls.Conn); ok {
		below = t.NetConn()
	}
	c, ok := below.(*conn)
	if !ok || c.crowd == nil {
		return
	}
	switch state {
	case http.StateActive:
		c.crowd.isBusy(c, true)
	case http.StateIdle:
		c.crowd.isBusy(c, false)
		if !c.greeted.Swap(true) && isHTTP2(above) { // net/http says so once before the first request (Go 1.26)
			return
		}
		c.served.Store(true)
	}
}

func isHTTP2(c net.Conn) bool {
	t, ok := c.(*tls.Conn)
	return ok && t.ConnectionState().NegotiatedProtocol == "h2"
}
