package certs

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// AnswerChallenges answers the CA's challenges at the addresses of a server that is not running, for the process that orders a
// certificate on its behalf. Addresses where something answers already are left to it. Call stop when the order is done.
func (c *Certificates) AnswerChallenges(httpAddresses, httpsAddresses []string) (stop func(), err error) {
	var servers []*http.Server
	stop = func() {
		for _, s := range servers {
			s.Close()
		}
	}
	begin := func(address string, serve func(*http.Server, net.Listener) error) error {
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			return conn.Close()
		}
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("nothing answers at %s, and the CA's challenges cannot be answered there: %w", address, err)
		}
		s := &http.Server{Handler: c.HTTPChallenge(http.NotFoundHandler()), TLSConfig: c.challengeConfig(),
			ReadTimeout: orderTime, ErrorLog: log.New(io.Discard, "", 0)}
		servers = append(servers, s)
		go serve(s, listener) // it ends with Close
		return nil
	}
	for _, address := range httpAddresses {
		if err := begin(address, (*http.Server).Serve); err != nil {
			stop()
			return nil, err
		}
	}
	for _, address := range httpsAddresses {
		err := begin(address, func(s *http.Server, l net.Listener) error { return s.ServeTLS(l, "", "") })
		if err != nil {
			stop()
			return nil, err
		}
	}
	return stop, nil
}

// challengeConfig answers TLS-ALPN-01, and serves no other handshakes.
func (c *Certificates) challengeConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{ChallengeProtocol},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			name := nameOf(hello.ServerName)
			if !c.allowed(name) || !isChallenge(hello) {
				return nil, nil
			}
			return c.challengeCertificate(hello.Context(), name)
		}}
}
