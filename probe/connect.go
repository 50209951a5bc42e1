package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
)

// How much a server may send over one connection. The longest legitimate part of what a mail server sends is its certificate chain.
const (
	maxMailOctets = 64 << 10
	maxWebOctets  = maxBody + 2*maxMailOctets // certificates and the head of the answer besides
)

// connect opens a connection to an address that may be probed, over which the server may send so many octets. The connection is closed
// when ctx is done: a deadline would not be enough, because other code may move it. An error comes with the State that it stands for, or
// with none if nothing was found out.
func (p *Prober) connect(ctx context.Context, to netip.AddrPort, octets int) (net.Conn, State, error) {
	if !p.allowed(to.Addr()) || p.Refuse != nil && p.Refuse(to) {
		return nil, Forbidden, ErrForbidden
	}
	connecting, cancel := context.WithTimeout(ctx, p.step())
	defer cancel()
	conn, err := p.dialer()(connecting, "tcp", to.String())
	if err != nil {
		if contextErr(ctx) != nil {
			return nil, 0, contextErr(ctx)
		}
		return nil, stateOf(err), err
	}
	c := &limitedConn{Conn: conn, left: octets}
	c.stop = context.AfterFunc(ctx, func() { conn.Close() })
	return c, Reached, nil
}

func (p *Prober) dialer() func(ctx context.Context, network, address string) (net.Conn, error) {
	if p.Dial != nil {
		return p.Dial
	}
	return new(net.Dialer).DialContext
}

// stateOf returns what an error of connecting says about the server. It is zero for errors of this machine, such as no free file descriptor.
func stateOf(err error) State {
	is := func(codes ...syscall.Errno) bool {
		return slices.ContainsFunc(codes, func(c syscall.Errno) bool { return errors.Is(err, c) })
	}
	switch {
	case is(syscall.ECONNREFUSED, syscall.ECONNRESET):
		return Refused
	case is(syscall.ETIMEDOUT), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return Silent
	case isNoRoute(err), is(syscall.EHOSTUNREACH, syscall.EACCES, syscall.EPERM, syscall.EHOSTDOWN, syscall.ENETDOWN):
		return Unreachable // EACCES and EPERM come from firewalls, on the way or on this machine
	}
	return 0
}

// isNoRoute reports whether an error means that this machine has no route to a network.
func isNoRoute(err error) bool {
	return errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
}

// hasRoute reports whether this machine has a route to an address. It sends nothing: connecting a UDP socket only looks up the route.
func hasRoute(to netip.AddrPort) bool {
	conn, err := net.Dial("udp", to.String())
	if err != nil {
		return !isNoRoute(err)
	}
	conn.Close()
	return true
}

// limitedConn is a connection that reads only so much.
type limitedConn struct {
	net.Conn
	left int
	stop func() bool
}

func (c *limitedConn) Read(into []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTooMuch
	}
	n, err := c.Conn.Read(into[:min(len(into), c.left)])
	c.left -= n
	return n, err
}

func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.stop()
	return err
}
