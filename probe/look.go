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
	at := netip.AddrPortFrom(l.Address, l.Port.Number)
	done, err := p.greetings.await(ctx, at)
	if err != nil {
		if ctx.Err() == nil {
			l.State = Reached
		}
		l.Err = err
		return
	}
	defer func() { done(l.Err) }()
	release, err := p.limit.acquire(ctx, l.Address)
	if err != nil {
		l.Err = err
		return
	}
	defer release()
	start := time.Now()
	defer func() { l.Took = time.Since(start) }()
	wait := p.greeting()
	limit := wait + maxSteps*p.step()
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	p.lookInBothModes(limited, host, l, wait)
	switch {
	case ctx.Err() != nil && l.Err != nil:
		*l = Look{Port: l.Port, Address: l.Address, Err: ctx.Err()} // interrupted: nothing is known
	case l.Err != nil && limited.Err() != nil && l.State == Reached:
		l.Err = fmt.Errorf("not finished within %s: %w", limit, l.Err)
	}
	if l.State == Unreachable {
		l.NoRoute = !hasRoute(at)
	}
}

// lookInBothModes looks in the TLS mode that the port is for, and in the other one if that fails.
//
// A server with implicit TLS on a port for STARTTLS waits for the client, as one does that greets late. Few wait for longer than two steps
// before they greet, so then TLS is tried, and after that the late greeting is waited for. A server may take a TLS handshake before its
// greeting for an attack, so it must not be tried sooner.
func (p *Prober) lookInBothModes(ctx context.Context, host string, l *Look, wait time.Duration) {
	implicit := l.Port.Security == settings.ImplicitTLS
	first := wait
	if !implicit {
		first = min(wait, 2*p.step())
	}
	l.look(ctx, p, host, implicit, first)
	if l.Err == nil || !l.mayUseOtherMode() || ctx.Err() != nil {
		return
	}
	again := Look{Port: l.Port, Address: l.Address}
	other := wait
	if implicit { // the server has answered already, in plain text
		other = min(wait, 2*p.step())
	}
	again.look(ctx, p, host, !implicit, other)
	switch {
	case again.Speaks != 0 || again.TLS != nil || again.State == Reached && implicit:
		*l = again
		if errors.Is(l.Err, ErrNoGreeting) && implicit { // such as a web server, where the client speaks first
			l.Err = fmt.Errorf("%w: the server answers a TLS handshake in plain text, and sends no greeting", ErrProtocol)
		}
	case first < wait && errors.Is(l.Err, ErrNoGreeting) && isTimeout(l.Err):
		*l = Look{Port: l.Port, Address: l.Address}
		l.look(ctx, p, host, implicit, wait)
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

// look uses one connection, on which the server greets within wait.
func (l *Look) look(ctx context.Context, p *Prober, host string, implicit bool, wait time.Duration) {
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
	connected := time.Now()
	d := newDialogue(conn, p.step(), wait)
	if implicit {
		handshake := wait
		if l.Port.Security != settings.ImplicitTLS {
			handshake = p.step() // only tried
		}
		var inside *tls.Conn
		if inside, l.TLS, l.Err = p.encrypt(ctx, host, conn, handshake); l.Err != nil {
			return
		}
		d = newDialogue(inside, p.step(), wait)
	}
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
	if inside, l.TLS, l.Err = p.encrypt(ctx, host, d.conn, p.step()); l.Err != nil {
		return
	}
	apop := d.apop
	d = newDialogue(inside, p.step(), p.step())
	d.apop = apop
	if l.After, l.Err = speak.ask(d); l.Err != nil {
		return
	}
	l.Speaks = settings.STARTTLS
	d.leave(speak.bye)
}
