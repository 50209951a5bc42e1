package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"time"
)

// tlsConfig accepts everything: the certificate is judged after the handshake, and versions and ciphers are accepted that mail clients
// refuse, so that what a server uses can be reported.
func tlsConfig(host string) *tls.Config {
	config := &tls.Config{ServerName: host, InsecureSkipVerify: true, MinVersion: tls.VersionTLS10}
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		config.CipherSuites = append(config.CipherSuites, s.ID)
	}
	return config
}

// encrypt does the handshake over a connection, within a limit, and judges the certificate.
func (p *Prober) encrypt(ctx context.Context, host string, conn net.Conn, limit time.Duration) (*tls.Conn, *TLS, error) {
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return nil, nil, err
	}
	inside := tls.Client(conn, tlsConfig(host))
	if err := inside.HandshakeContext(ctx); err != nil {
		if isTimeout(err) {
			return nil, nil, fmt.Errorf("%w: no answer within %s: %w", ErrHandshake, limit, err)
		}
		return nil, nil, fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	return inside, p.judge(inside.ConnectionState(), host), nil
}

// judge judges the certificate of a connection as a mail client does that connects to the host.
func (p *Prober) judge(state tls.ConnectionState, host string) *TLS {
	t := &TLS{Version: state.Version, Cipher: state.CipherSuite, Chain: state.PeerCertificates}
	leaf := t.Leaf() // a TLS server always sends one
	t.NameErr = printable(leaf.VerifyHostname(host))
	intermediates := x509.NewCertPool()
	for _, c := range t.Chain[1:] {
		intermediates.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: p.Roots, Intermediates: intermediates, CurrentTime: p.now()})
	t.ChainErr = printable(err)
	return t
}
