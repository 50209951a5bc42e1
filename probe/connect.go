package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// ErrForbidden means that an address was not looked at, because it is private. See Prober.Private.
var ErrForbidden = errors.New("the address is private")

// errBabble means that a server sent more than any answer can need.
var errBabble = errors.New("it sends without end")

// How much a server may send over one connection. The longest honest part of a mail server's is a chain of certificates.
const (
	maxMailOctets = 64 << 10
	maxWebOctets  = MaxBody + 2*maxMailOctets // and certificates, and the head of the answer
)

// connect opens a connection to an address that may be looked at, and may send so many octets. It is closed when ctx is done, because
// deadlines do not hold where other code may move them. An error comes with the State that it stands for, or with none if nothing was
// found out.
func (p *Prober) connect(ctx context.Context, to netip.AddrPort, octets int) (net.Conn, State, error) {
	if !p.allowed(to.Addr()) {
		return nil, Forbidden, ErrForbidden
	}
	connecting, cancel := context.WithTimeout(ctx, p.step())
	defer cancel()
	conn, err := p.dialer()(connecting, "tcp", to.String())
	if err != nil {
		if over(ctx) != nil {
			return nil, 0, over(ctx)
		}
		return nil, stateOf(err), err
	}
	b := &bounded{Conn: conn, left: octets}
	b.stop = context.AfterFunc(ctx, func() { conn.Close() })
	return b, Reached, nil
}

func (p *Prober) dialer() func(ctx context.Context, network, address string) (net.Conn, error) {
	if p.Dial != nil {
		return p.Dial
	}
	return new(net.Dialer).DialContext
}

// over returns why ctx is done. A connection may notice that the deadline has passed before the context does.
func over(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// stateOf tells what an error of connecting means. It is zero for errors of this machine, such as no free file descriptor.
func stateOf(err error) State {
	is := func(codes ...syscall.Errno) bool {
		for _, c := range codes {
			if errors.Is(err, c) {
				return true
			}
		}
		return false
	}
	var timeout net.Error
	switch {
	case is(syscall.ECONNREFUSED, syscall.ECONNRESET):
		return Refused
	case is(syscall.ETIMEDOUT), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return Silent
	case noRoute(err), is(syscall.EHOSTUNREACH, syscall.EACCES, syscall.EPERM, syscall.EHOSTDOWN, syscall.ENETDOWN):
		return Unreachable // EACCES and EPERM are what firewalls on the way, or here, make of it
	}
	return 0
}

// noRoute reports whether an error says that this machine has no way to a network.
func noRoute(err error) bool {
	return errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
}

// hasRoute reports whether this machine has a way to an address at all. It sends nothing: connecting a UDP socket only looks at the
// routes.
func hasRoute(to netip.AddrPort) bool {
	conn, err := net.Dial("udp", to.String())
	if err != nil {
		return !noRoute(err)
	}
	conn.Close()
	return true
}

// bounded is a connection that reads only so much.
type bounded struct {
	net.Conn
	left int
	stop func() bool
}

func (b *bounded) Read(into []byte) (int, error) {
	if b.left <= 0 {
		return 0, errBabble
	}
	n, err := b.Conn.Read(into[:min(len(into), b.left)])
	b.left -= n
	return n, err
}

func (b *bounded) Close() error {
	err := b.Conn.Close()
	b.stop()
	return err
}

// ended reports whether a server closed the connection.
func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// late reports whether time ran out.
func late(err error) bool {
	var timeout net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}
