package listen

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

// connTracker keeps track of the public connections that are open and limits their number, because each costs memory that a client can
// make us keep: 30 KB for an idle one with TLS, ten times as much for one busy with HTTP/2 requests that do not end.
//
// No new connection is refused. When there are too many, from one client or in total, the one that has waited longest for its next
// request is closed; when too many are busy, the one that has been busy longest. Holding connections open therefore keeps no one else
// out. A well-behaved client simply opens another one.
type connTracker struct {
	maxConns, maxPerClient, maxBusy int
	proxies                         []netip.Prefix // these may bring any number of clients
	silent                          time.Duration  // how long a new connection may take to send its first request
	tooLong                         time.Duration  // after which a busy connection may have to make room
	evicted                         atomic.Uint64  // connections closed to make room

	busy     atomic.Int64 // number of busy connections; kept separately so that a request takes no lock
	recheck  atomic.Int64 // when one may have been busy for too long, in nanoseconds; before that there is nothing to look for
	mu       sync.Mutex
	conns    map[*conn]struct{}
	byClient map[netip.Prefix][]*conn
}

func newConnTracker(l Limits, proxies []netip.Prefix) *connTracker {
	return &connTracker{maxConns: l.Connections, maxPerClient: l.PerClient, maxBusy: l.Busy, proxies: proxies, silent: l.ReadHeader, tooLong: time.Second, // longer than a well-behaved client's request ever takes
		conns: make(map[*conn]struct{}), byClient: make(map[netip.Prefix][]*conn)}
}

// add adds a connection that has just been accepted.
func (t *connTracker) add(c *conn, from net.Addr) {
	c.tracker, c.client = t, t.clientOf(from)
	c.since.Store(time.Now().UnixNano())
	t.mu.Lock()
	evicted := t.tooMany(c.client)
	if evicted == nil && len(t.conns) >= t.maxConns {
		evicted = longestWaiting(t.sample(func(*conn) bool { return true }))
	}
	t.delete(evicted)
	t.conns[c] = struct{}{}
	t.count(c)
	t.mu.Unlock()
	t.evict(evicted)
}

// assign counts a connection of a trusted proxy for the client that the PROXY header names.
func (t *connTracker) assign(c *conn, client net.Addr) {
	t.mu.Lock()
	_, open := t.conns[c]
	if !open || c.client.IsValid() {
		t.mu.Unlock()
		return
	}
	c.client = t.clientOf(client)
	evicted := t.tooMany(c.client)
	t.delete(evicted)
	t.count(c)
	t.mu.Unlock()
	t.evict(evicted)
}

// tooMany returns the connection that must make room for another one of its client, or nil. The caller holds mu.
func (t *connTracker) tooMany(client netip.Prefix) *conn {
	if same := t.byClient[client]; client.IsValid() && len(same) >= t.maxPerClient {
		return longestWaiting(same)
	}
	return nil
}

// count counts a connection for its client. The caller holds mu.
func (t *connTracker) count(c *conn) {
	if c.client.IsValid() {
		t.byClient[c.client] = append(t.byClient[c.client], c)
	}
}

// evict closes a connection that has been deleted from the maps; nil is ignored.
func (t *connTracker) evict(c *conn) {
	if c == nil {
		return
	}
	t.evicted.Add(1)
	t.setBusy(c, false)
	c.Conn.Close() // net/http sees it end, and closes what is above it
}

// setBusy records that a connection has become busy with requests, or is now waiting for one.
func (t *connTracker) setBusy(c *conn, busy bool) {
	if !busy {
		if since := c.since.Load(); since < 0 && c.since.CompareAndSwap(since, -since) {
			t.busy.Add(-1)
		}
		return
	}
	now := time.Now().UnixNano()
	if c.since.Swap(-now) < 0 || t.busy.Add(1) <= int64(t.maxBusy) || now < t.recheck.Load() {
		return
	}
	t.mu.Lock()
	evicted := t.busyTooLong(now)
	t.delete(evicted)
	t.mu.Unlock()
	t.evict(evicted)
}

// busyTooLong returns one of the connections that have been busy for too long. If there is none, it records when there may be one:
// with many good requests at a time, looking at all connections for each of them would be too expensive.
func (t *connTracker) busyTooLong(now int64) *conn {
	first := now
	sample := t.sample(func(c *conn) bool {
		since := c.since.Load()
		if since < 0 {
			first = min(first, -since)
		}
		return since < 0 && -since < now-int64(t.tooLong)
	})
	if len(sample) == 0 {
		t.recheck.Store(first + int64(t.tooLong))
	}
	return longestWaiting(sample)
}

// remove removes a connection that is being closed. It may have been removed before.
func (t *connTracker) remove(c *conn) {
	t.setBusy(c, false)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.delete(c)
}

// delete deletes a connection from the maps; nil is ignored. The caller holds mu.
func (t *connTracker) delete(c *conn) {
	if c == nil {
		return
	}
	delete(t.conns, c)
	if !c.client.IsValid() {
		return
	}
	same := t.byClient[c.client]
	if i := slices.Index(same, c); i >= 0 {
		same[i] = same[len(same)-1]
		same[len(same)-1] = nil
		t.byClient[c.client] = same[:len(same)-1]
	}
	if len(t.byClient[c.client]) == 0 {
		delete(t.byClient, c.client)
	}
}

// size returns the number of open connections.
func (t *connTracker) size() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.conns)
}

// settled reports whether a handler has seen a request on every connection, except on those that have been silent for so long that
// none is to be expected.
func (t *connTracker) settled() bool {
	const dispatch = 100 * time.Millisecond // more than enough from the end of a header to the handler
	now := time.Now().UnixNano()
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.conns {
		since := c.since.Load()
		if since >= 0 && !c.served.Load() && now-since < int64(t.silent) || since < 0 && now+since < int64(dispatch) {
			return false
		}
	}
	return true
}

// sample returns a few random connections of a kind. One of them has waited nearly the longest, and looking at all of them each time
// would cost more than the attack does. The caller holds mu.
func (t *connTracker) sample(of func(*conn) bool) []*conn {
	const enough = 100
	few := make([]*conn, 0, enough)
	for c := range t.conns {
		if !of(c) {
			continue
		}
		if few = append(few, c); len(few) == enough {
			break
		}
	}
	return few
}

// clientOf returns the client that a connection is counted for: an address, or the IPv6 network of 64 bits in which one customer can
// have any number of addresses. It is the zero Prefix, which has no limit, for this machine and for trusted proxies, which bring other
// people's connections; those with the PROXY protocol are counted for the clients in their headers.
func (t *connTracker) clientOf(from net.Addr) netip.Prefix {
	tcp, ok := from.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	if addr.IsLoopback() || settings.Networks(t.proxies).Contain(addr) {
		return netip.Prefix{}
	}
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	client, _ := addr.Prefix(bits) // fails only for lengths that addresses do not have
	return client
}

// longestWaiting returns the connection that has waited longest for a request, or, if all are busy, the one that has been busy longest.
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

// connState is the ConnState of every http.Server: it records since when a connection has been waiting for a request or busy with one.
func connState(above net.Conn, state http.ConnState) {
	below := above
	if t, ok := above.(interface{ NetConn() net.Conn }); ok { // *tls.Conn or http1Conn
		below = t.NetConn()
	}
	c, ok := below.(*conn)
	if !ok || c.tracker == nil {
		return
	}
	switch state {
	case http.StateActive:
		c.tracker.setBusy(c, true)
	case http.StateIdle:
		c.tracker.setBusy(c, false)
		if !c.greeted.Swap(true) && isHTTP2(above) { // net/http reports idle once before the first request (Go 1.26)
			return
		}
		c.served.Store(true)
	}
}

func isHTTP2(c net.Conn) bool {
	t, ok := c.(*tls.Conn)
	return ok && t.ConnectionState().NegotiatedProtocol == "h2"
}
