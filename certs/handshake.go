package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/mholt/acmez/v3"
)

// ChallengeProtocol is what tls.Config.NextProtos must offer, besides those of HTTP, for TLS-ALPN-01.
const ChallengeProtocol = acmez.ACMETLS1Protocol

// maxWaiting bounds the handshakes that wait for a certificate; each costs a connection.
const maxWaiting = 1000

// GetCertificate is for tls.Config. A name that may have no certificate, or none at all, gets the alert unrecognized_name. One
// that has none yet gets one now, if that does not take longer than Wait. An old certificate is better than none: what a client
// says about it leads the admin to the cause.
func (c *Certificates) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := nameOf(hello.ServerName)
	if !c.allowed(name) {
		return nil, nil
	}
	if slices.Equal(hello.SupportedProtos, []string{ChallengeProtocol}) {
		return c.challenge(hello)
	}
	if cert := c.loaded.get(name); cert != nil {
		return cert, nil
	}
	cert, err := c.Stored(hello.Context(), name)
	if cert != nil || err != nil {
		return cert, err
	}
	if c.failures.wait(name, c.clock.Now()) > 0 {
		return nil, errors.New("there is no certificate for this name yet; an attempt has failed")
	}
	if !c.roomFor(name) {
		return nil, errWildcardsFull
	}
	return c.wait(hello, name)
}

// Stored returns a name's certificate without asking a CA, or nil if there is none. It is for signing in the name's name.
func (c *Certificates) Stored(ctx context.Context, name string) (*tls.Certificate, error) {
	if !c.allowed(name) {
		return nil, nil
	}
	if cert := c.loaded.get(name); cert != nil {
		return cert, nil
	}
	s, err := c.read(ctx, name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errBroken) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a certificate: %w", err)
	}
	c.keep(s)
	return s.cert, nil
}

// challenge answers the CA's TLS-ALPN-01 question, also about orders of other processes on the same storage.
func (c *Certificates) challenge(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	var last error
	for _, ca := range c.cas {
		cert, err := ca.config.GetCertificate(hello)
		if err == nil {
			return cert, nil
		}
		last = err
	}
	return nil, last
}

// wait orders a certificate and waits for it, for a while.
func (c *Certificates) wait(hello *tls.ClientHelloInfo, name string) (*tls.Certificate, error) {
	defer c.waiting.Add(-1)
	if c.waiting.Add(1) > maxWaiting {
		return nil, errors.New("too many handshakes wait for a certificate")
	}
	j := c.queue.add(name, forHandshake)
	if j == nil {
		return nil, errors.New("too many names wait for a certificate")
	}
	if c.pace() > c.config.Wait {
		return nil, errLater
	}
	// net/http has given the handshake a few seconds, which is for clients that are slow, and not for us.
	hello.Conn.SetDeadline(time.Now().Add(c.config.Wait + 5*time.Second)) // if it fails, only the wait is shorter
	timer := time.NewTimer(c.config.Wait)
	defer timer.Stop()
	select {
	case <-hello.Context().Done():
		return nil, hello.Context().Err()
	case <-timer.C:
		return nil, errors.New("the certificate is being ordered; it is there at the next attempt")
	case <-j.done:
	}
	if j.err != nil {
		return nil, j.err
	}
	return c.Stored(hello.Context(), name)
}
