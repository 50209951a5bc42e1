package server

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"

	"mailhint/certs"
	"mailhint/listen"
)

// errNoACME means that the program has a bug.
var errNoACME = errors.New(`[server] tls = "acme", but the server was made without ACME certificates`)

// tlsConfig is what the https listeners use; nil if there are none.
func (s *Server) tlsConfig() *tls.Config {
	if s.config.TLS == "off" {
		return nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if s.acme == nil {
		config.GetCertificate = s.certificates.GetCertificate
		return config
	}
	config.GetCertificate = s.acmeCertificate
	config.NextProtos = append(config.NextProtos, certs.ChallengeProtocol)
	return config
}

// acmeCertificate returns the certificate from a file that covers the name, or else that of ACME. A CA's own handshakes are about orders.
func (s *Server) acmeCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	host := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	if s.HasFileFor(host) && !slices.Contains(hello.SupportedProtos, certs.ChallengeProtocol) {
		return s.certificates.GetCertificate(hello)
	}
	return s.acme.GetCertificate(hello)
}

// answerChallenges answers the requests of a CA on the http listeners, before the guard: they do not come from mail programs.
func (s *Server) answerChallenges(purpose listen.Purpose, h http.Handler) http.Handler {
	if s.acme == nil || purpose != listen.HTTP {
		return h
	}
	return s.acme.HTTPChallenge(h)
}

// setReachable tells the certificates how a CA can reach this server.
func (s *Server) setReachable() {
	if s.acme == nil {
		return
	}
	addrs := s.listeners.Addrs()
	s.acme.ReachableBy(slices.ContainsFunc(addrs.HTTP, isTCP), slices.ContainsFunc(addrs.HTTPS, isTCP))
}

func isTCP(a net.Addr) bool { _, tcp := a.(*net.TCPAddr); return tcp }
