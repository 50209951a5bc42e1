package certs

import (
	"errors"
	"net"
	"net/netip"
	"sync"
)

// Each handshake that waits for a certificate holds a connection open. The bounds keep one client, and names that clients have made up,
// from taking the places of all others. A client is an IPv4 address or a /64 of IPv6.
const (
	maxWaiting           = 1000 // handshakes that wait
	maxWaitingClient     = 200  // of them, of one client; many people may be behind one address
	maxUnlisted          = 100  // of them, for names that are not listed
	maxUnlistedForClient = 5    // of these, of one client
)

var (
	errManyWaiting  = errors.New("too many handshakes are waiting for a certificate")
	errManyUnlisted = errors.New("too many names that are not listed in the configuration are waiting for a certificate")
)

// waiting counts the handshakes that wait for a certificate.
type waiting struct {
	mu              sync.Mutex
	total, unlisted int
	clients         map[netip.Prefix]clientWaiting
}

type clientWaiting struct{ total, unlisted int }

// enter counts a handshake until leave is called, or returns why it must not wait.
func (w *waiting) enter(client netip.Prefix, listed bool) (leave func(), err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	mine := w.clients[client]
	unlisted := 0
	if !listed {
		unlisted = 1
	}
	switch {
	case w.total >= maxWaiting || mine.total >= maxWaitingClient:
		return nil, errManyWaiting
	case !listed && (w.unlisted >= maxUnlisted || mine.unlisted >= maxUnlistedForClient):
		return nil, errManyUnlisted
	}
	w.add(client, 1, unlisted)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.add(client, -1, -unlisted)
	}, nil
}

func (w *waiting) add(client netip.Prefix, total, unlisted int) {
	if w.clients == nil {
		w.clients = make(map[netip.Prefix]clientWaiting)
	}
	w.total, w.unlisted = w.total+total, w.unlisted+unlisted
	mine := w.clients[client]
	mine.total, mine.unlisted = mine.total+total, mine.unlisted+unlisted
	if mine == (clientWaiting{}) {
		delete(w.clients, client)
		return
	}
	w.clients[client] = mine
}

// clientOf returns the client at the other end of a connection; the zero Prefix if that is not known.
func clientOf(conn net.Conn) netip.Prefix {
	if conn == nil || conn.RemoteAddr() == nil {
		return netip.Prefix{}
	}
	at, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Prefix{}
	}
	address, bits := at.Addr().Unmap(), 64
	if address.Is4() {
		bits = 32
	}
	client, _ := address.WithZone("").Prefix(bits) // fails for no address
	return client
}
