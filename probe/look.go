package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"mailhint/settings"
)

// What Look.Err wraps, so that a program can tell the causes apart.
var (
	// ErrNoGreeting means that a server accepts connections and says nothing, with TLS or without. It is stuck or overloaded.
	ErrNoGreeting = errors.New("it says nothing")
	// ErrProtocol means that something else answers, or that a server of the right kind refuses to talk.
	ErrProtocol = errors.New("it does not answer as it should")
	// ErrHandshake means that TLS was begun and failed.
	ErrHandshake = errors.New("the TLS handshake fails")
)

// lookAt looks at one port at one address: first as the port is meant, and if that shows the other TLS mode, once more like that. The
// time runs from when there is a place at the address: waiting for others says nothing about the server.
func (p *Prober) lookAt(ctx context.Context, host string, l *Look) {
	leave, err := p.gates.enter(ctx, l.Address)
	if err != nil {
		l.Err = err
		return
	}
	defer leave()
	start := time.Now()
	defer func() { l.Took = time.Since(start) }()
	limited, cancel := context.WithTimeout(ctx, lookSteps*p.step())
	defer cancel()
	l.look(limited, p, host, l.Port.Security == settings.ImplicitTLS)
	if l.Err != nil && l.otherWay() && limited.Err() == nil {
		again := Look{Port: l.Port, Address: l.Address}
		again.look(limited, p, host, l.Port.Security != settings.ImplicitTLS)
		if again.Speaks != 0 || again.TLS != nil || again.State == Reached && l.Port.Security == settings.ImplicitTLS {
			*l = again
			if errors.Is(l.Err, ErrNoGreeting) && l.Port.Security == settings.ImplicitTLS { // as a web server, which speaks second
				l.Err = fmt.Errorf("%w: it answers TLS in plain text, and greets nobody", ErrProtocol)
			}
		}
	}
	switch {
	case ctx.Err() != nil && l.Err != nil:
		*l = Look{Port: l.Port, Address: l.Address, Err: ctx.Err()} // nothing is known that could be told
	case l.Err != nil && limited.Err() != nil && l.State == Reached:
		l.Err = fmt.Errorf("it takes longer than %s altogether: %w", lookSteps*p.step(), l.Err)
	}
	if l.State == Unreachable {
		l.NoRoute = !hasRoute(netip.AddrPortFrom(l.Address, l.Port.Number))
	}
}

// otherWay reports whether a failed look leaves it possible that the port speaks the other TLS mode.
func (l *Look) otherWay() bool {
	if l.Port.Security == settings.ImplicitTLS {
		plain := tls.RecordHeaderError{} // a server that speaks first, in plain text
		return l.TLS == nil && errors.As(l.Err, &plain)
	}
	// A server with implicit TLS waits for the client's first message; some soon lose patience.
	return errors.Is(l.Err, ErrNoGreeting) || errors.Is(l.Err, errIsTLS)
}

// look uses one connection.
func (l *Look) look(ctx context.Context, p *Prober, host string, implicit bool) {
	conn, state, err := p.connect(ctx, netip.AddrPortFrom(l.Address, l.Port.Number), maxMailOctets)
	l.State = state
	if err != nil {
		if state == 0 {
			l.Err = err
		}
		return
	}
	defer conn.Close()
	defer func() {
		if l.Err != nil {
			l.Err = printable(l.Err)
		}
	}()
	speak := dialects[l.Port.Protocol]
	d := newDialogue(conn, p.step())
	if implicit {
		var inside *tls.Conn
		if inside, l.TLS, l.Err = p.encrypt(ctx, host, conn); l.Err != nil {
			return
		}
		d = newDialogue(inside, p.step())
	}
	if l.Err = speak.greeting(d); l.Err != nil {
		return
	}
	if implicit {
		if l.After, l.Err = speak.ask(d); l.Err == nil {
			l.Speaks = settings.ImplicitTLS
			d.leave(speak.bye)
		}
		return
	}
	l.upgrade(ctx, p, host, d, speak)
}

// upgrade goes on where a server has greeted in plain text.
func (l *Look) upgrade(ctx context.Context, p *Prober, host string, d *dialogue, speak dialect) {
	if l.Before, l.Err = speak.ask(d); l.Err != nil {
		return
	}
	if !l.Before.STARTTLS {
		l.Speaks = settings.Plaintext
		d.leave(speak.bye)
		return
	}
	if l.Err = speak.startTLS(d); l.Err != nil {
		return
	}
	if d.in.Buffered() > 0 {
		// Whoever sits on the line can append to the last plain answer; a careless program takes that for what the server says inside
		// TLS (CVE-2011-0411 and its many sisters).
		l.Err = fmt.Errorf("%w: it sends more plain text after its answer to STARTTLS", ErrProtocol)
		return
	}
	var inside *tls.Conn
	if inside, l.TLS, l.Err = p.encrypt(ctx, host, d.conn); l.Err != nil {
		return
	}
	apop := d.apop
	d = newDialogue(inside, p.step())
	d.apop = apop
	if l.After, l.Err = speak.ask(d); l.Err != nil {
		return
	}
	l.Speaks = settings.STARTTLS
	d.leave(speak.bye)
}
