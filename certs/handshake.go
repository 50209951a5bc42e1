package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// GetCertificate is for tls.Config. A name that may not have a certificate, or no name at all, gets the alert unrecognized_name. A
// name that has none yet gets one now, if that takes no longer than Config.Wait. An expired certificate is better than none: what
// the client says about it shows the admin the cause.
func (c *Certificates) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := nameOf(hello.ServerName)
	if isWildcard(name) || !c.serves(name) {
		return nil, nil
	}
	if isChallenge(hello) {
		cert, err := c.challengeCertificate(hello.Context(), name)
		if err != nil {
			c.refusals.add(refusedChallenge)
		}
		return cert, err
	}
	name = c.certificateFor(name)
	if cert := c.loaded.get(name); cert != nil {
		return cert, nil
	}
	cert, err := c.stored(hello.Context(), name)
	if cert != nil || err != nil {
		return cert, err
	}
	cert, why, err := c.waitFor(hello, name)
	if err != nil {
		c.refusals.add(why)
	}
	return cert, err
}

// waitFor orders a certificate and waits for it, if a client may wait for this name now.
func (c *Certificates) waitFor(hello *tls.ClientHelloInfo, name string) (*tls.Certificate, reason, error) {
	now := c.clock.Now()
	if c.failures.waitAsked(name, now) > 0 || c.health.holds(name, now) {
		return nil, refusedFailed, errors.New("there is no certificate for this name yet; the last attempt failed")
	}
	listed := c.listed(name)
	if !listed {
		if err := c.roomFor(name); err != nil {
			return nil, refusedUnlisted, err
		}
		if !c.unlistedFree(name, now) {
			return nil, refusedUnlisted, errUnlistedSpent
		}
	}
	leave, err := c.waiting.enter(clientOf(hello.Conn), listed)
	if errors.Is(err, errManyUnlisted) {
		return nil, refusedUnlisted, err
	}
	if err != nil {
		return nil, refusedWaiting, err
	}
	defer leave()
	cert, err := c.wait(hello, name)
	return cert, refusedFailed, err
}

// Stored returns a name's certificate without asking a CA, or nil if there is none. It is for signatures made under the name.
func (c *Certificates) Stored(ctx context.Context, name string) (*tls.Certificate, error) {
	if !c.serves(name) {
		return nil, nil
	}
	return c.stored(ctx, c.certificateFor(name))
}

// stored is Stored for the name of a certificate.
func (c *Certificates) stored(ctx context.Context, name string) (*tls.Certificate, error) {
	if cert := c.loaded.get(name); cert != nil {
		return cert, nil
	}
	s, err := c.read(ctx, name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errDamaged) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a certificate: %w", err)
	}
	c.keep(s)
	return s.cert, nil
}

// wait orders a certificate and waits for it, for a while.
func (c *Certificates) wait(hello *tls.ClientHelloInfo, name string) (*tls.Certificate, error) {
	j := c.queue.join(name, c.unlistedDomain(name), c.rankFor(name, forHandshake))
	if j == nil {
		return nil, errors.New("too many names are waiting for a certificate")
	}
	defer c.queue.leave(j)
	if c.pace() > c.config.Wait {
		return nil, errNoCA
	}
	// net/http allows the handshake a few seconds, which are meant for slow clients.
	hello.Conn.SetDeadline(time.Now().Add(c.config.Wait + 5*time.Second)) // if it fails, the wait is only shorter
	timer := time.NewTimer(c.config.Wait)
	defer timer.Stop()
	select {
	case <-hello.Context().Done():
		return nil, hello.Context().Err()
	case <-timer.C:
		return nil, errors.New("the certificate is being ordered; try again shortly")
	case <-j.done:
	}
	if j.err != nil {
		return nil, j.err
	}
	return c.stored(hello.Context(), name)
}
