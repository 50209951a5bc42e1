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

// lookAt looks at one port at one address: first in the TLS mode that the port is for, and if the server turns out to use the other mode,
// a second time in that one. The time to wait for a slot at the address does not count: it says nothing about the server.
func (p *Prober) lookAt(ctx context.Context, host string, l *Look) {
	release, err := p.limit.acquire(ctx, l.Address)
	if err != nil {
		l.Err = err
		return
	}
	defer release()
	start := time.Now()
	defer func() { l.Took = time.Since(start) }()
	limited, cancel := context.WithTimeout(ctx, maxSteps*p.step())
	defer cancel()
	l.look(limited, p, host, l.Port.Security == settings.ImplicitTLS)
	if l.Err != nil && l.mayUseOtherMode() && limited.Err() == nil {
		again := Look{Port: l.Port, Address: l.Address}
		again.look(limited, p, host, l.Port.Security != settings.ImplicitTLS)
		if again.Speaks != 0 || again.TLS != nil || again.State == Reached && l.Port.Security == settings.ImplicitTLS {
			*l = again
			if errors.Is(l.Err, ErrNoGreeting) && l.Port.Security == settings.ImplicitTLS { // such as a web server, where the client speaks first
				l.Err = fmt.Errorf("%w: the server answers a TLS handshake in plain text, and sends no greeting", ErrProtocol)
			}
		}
	}
	switch {
	case ctx.Err() != nil && l.Err != nil:
		*l = Look{Port: l.Port, Address: l.Address, Err: ctx.Err()} // interrupted: nothing is known
	case l.Err != nil && limited.Err() != nil && l.State == Reached:
		l.Err = fmt.Errorf("not finished within %s: %w", maxSteps*p.step(), l.Err)
	}
	if l.State == Unreachable {
		l.NoRoute = !hasRoute(netip.AddrPortFrom(l.Address, l.Port.Number))
	}
}

// mayUseOtherMode reports whether the port may use the other TLS mode than the one in which the look failed.
func (l *Look) mayUseOtherMode() bool {
	if l.Port.Security == settings.ImplicitTLS {
		plain := tls.RecordHeaderError{} // a server that speaks first, in plain text
		return l.TLS == nil && errors.As(l.Err, &plain)
	}
	// A server with implicit TLS waits for the client's first message, and some close the connection soon.
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
	defer func() { l.Err = printable(l.Err) }()
	speak := dialects[l.Port.Protocol]
	d := newDialogue(conn, p.step())
	if implicit {
		var inside *tls.Conn
		if inside, l.TLS, l.Err = p.encrypt(ctx, host, conn); l.Err != nil {
			return
		}
		d = newDialogue(inside, p.step())
	}
	connected := time.Now()
	if l.Err = speak.greeting(d); l.Err != nil {
		return
	}
	l.Greeted = time.Since(connected)
	if !implicit {
		l.upgrade(ctx, p, host, d, speak)
		return
	}
	if l.After, l.Err = speak.ask(d); l.Err == nil {
		l.Speaks = settings.ImplicitTLS
		d.leave(speak.bye)
	}
}

// upgrade continues with STARTTLS after a server has sent its greeting in plain text.
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
		// An attacker on the way can append text to the last plain answer, and a careless client takes it for what the server says inside
		// TLS (CVE-2011-0411 and many like it).
		l.Err = fmt.Errorf("%w: more plain text after the answer to STARTTLS", ErrProtocol)
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
