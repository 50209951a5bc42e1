package listen

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// handshakeListener does the TLS handshakes of its connections, and its Accept returns those whose handshake has ended.
//
// http.Server would do them on a *tls.Conn, and then write to it what a client must not get: 5xx for a mistake of its own (see
// isClientFault), which has to be replaced before it is encrypted. So a connection with HTTP/1 is passed on as an http1Conn. Every other one
// stays a *tls.Conn: http.Server needs that for HTTP/2, closes it after a challenge of a CA (acme-tls/1), and logs a failed handshake,
// because a *tls.Conn remembers how its handshake ended.
//
// When the listener below is closed, Accept still returns the connections whose handshake is running, until Close is called.
type handshakeListener struct {
	net.Listener
	server *http.Server
	last   func() // called when nothing more is accepted below

	start, stop sync.Once
	ended       chan accepted
	closed      chan struct{}
}

// accepted is what Accept returns.
type accepted struct {
	conn net.Conn
	err  error
}

func newHandshakeListener(below net.Listener, server *http.Server, last func()) *handshakeListener {
	return &handshakeListener{Listener: below, server: server, last: last, ended: make(chan accepted), closed: make(chan struct{})}
}

func (l *handshakeListener) Accept() (net.Conn, error) {
	l.start.Do(func() { go l.acceptBelow() })
	select {
	case a := <-l.ended:
		return a.conn, a.err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close also gives up the connections whose handshake is still running. That the listener below is closed already is not an error.
func (l *handshakeListener) Close() error {
	l.stop.Do(func() { close(l.closed) })
	if err := l.Listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// acceptBelow starts a handshake for each connection until the listener below is closed. Other errors are for http.Server: when there are
// too many open files, it waits before it calls Accept again.
func (l *handshakeListener) acceptBelow() {
	for {
		raw, err := l.Listener.Accept()
		switch {
		case err == nil:
			go l.handshake(raw)
		case errors.Is(err, net.ErrClosed):
			l.last()
			return
		default:
			l.pass(accepted{err: err})
		}
	}
}

// handshake does one handshake and passes the connection to Accept, unless the handshake panics.
func (l *handshakeListener) handshake(raw net.Conn) {
	defer func() {
		if fault := recover(); fault != nil {
			l.server.ErrorLog.Printf("http: panic serving %v: %v", raw.RemoteAddr(), fault) // http.Server's words
			raw.Close()
		}
	}()
	raw.RemoteAddr() // reads the header of the PROXY protocol, which has a limit of its own
	c := tls.Server(raw, l.server.TLSConfig)
	c.SetDeadline(time.Now().Add(l.server.ReadHeaderTimeout)) // as http.Server does
	if c.Handshake() == nil && isHTTP1(c) {
		c.SetDeadline(time.Time{})
		l.pass(accepted{conn: http1Conn{c}})
		return
	}
	l.pass(accepted{conn: c})
}

// pass makes Accept return something, or closes the connection if Close has been called.
func (l *handshakeListener) pass(a accepted) {
	select {
	case l.ended <- a:
	case <-l.closed:
		if a.conn != nil {
			a.conn.Close()
		}
	}
}

func isHTTP1(c *tls.Conn) bool {
	protocol := c.ConnectionState().NegotiatedProtocol
	return protocol == "" || protocol == "http/1.1"
}

// http1Conn is a connection with TLS and HTTP/1.
type http1Conn struct{ *tls.Conn }

func (c http1Conn) Write(p []byte) (int, error) {
	if isClientFault(p) {
		return writeBadRequest(c.Conn, p)
	}
	return c.Conn.Write(p)
}
