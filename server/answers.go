package server

import (
	"context"
	"crypto/tls"
	"hash/fnv"
	"io"
	"net/http"
	"os"

	"mailhint/autoconfig"
	"mailhint/autodiscover"
	"mailhint/domains"
	"mailhint/mobileconfig"
	"mailhint/pacc"
	"mailhint/settings"
	"mailhint/wellknown"
)

// Answers are what the server needs for one state of the domains: the handlers, which live as long as the server, and what changes
// with a reload. A nil handler answers 404.
type Answers struct {
	Autoconfig       http.Handler
	Autodiscover     http.Handler
	AutodiscoverJSON http.Handler
	Mobileconfig     http.Handler
	PACC             http.Handler
	WellKnown        http.Handler

	// Lookup finds the settings for a request. The handlers ask the one of the Answers in use.
	Lookup settings.Lookup

	// Covers reports whether a host name in lower case may have a certificate; nil for none.
	Covers func(host string) bool

	// Domains and Profiles are how many there are, for /-/readyz and the metrics.
	Domains, Profiles int
}

// Prepare returns the Answers for a state of the domains. Documents are prepared when they are first asked for.
func (s *Server) Prepare(d *domains.Snapshot) *Answers {
	a := s.handlers()
	a.Lookup, a.Covers, a.Domains, a.Profiles = d.Lookup, d.Covers, d.Domains(), d.Profiles
	return &a
}

// newHandlers makes the handlers for the life of the server.
func (s *Server) newHandlers() Answers {
	outlook := autodiscover.New(s.lookup, s.log)
	outlook.ID = hostID()
	return Answers{
		Autoconfig:       autoconfig.New(s.lookup, s.log),
		Autodiscover:     outlook,
		AutodiscoverJSON: outlook.JSON(),
		Mobileconfig:     mobileconfig.New(s.lookup, s.signer(), s.log),
		PACC:             pacc.New(s.lookup, s.log),
		WellKnown:        wellknown.New(s.lookup, s.log),
	}
}

// lookup finds settings in the state of the domains now in use.
func (s *Server) lookup(ctx context.Context, q settings.Question) (settings.Found, error) {
	a := s.answers.Load()
	if a == nil || a.Lookup == nil {
		return settings.Found{}, settings.ErrUnavailable
	}
	return a.Lookup(ctx, q)
}

// signer returns what signs Apple profiles: the pair configured for it, else the certificate of the name that was asked; nil for
// nothing.
func (s *Server) signer() mobileconfig.Signer {
	from := s.signing
	switch {
	case from != nil:
	case s.acme != nil:
		return s.storedSigner
	case s.certificates != nil:
		from = s.certificates
	default:
		return nil
	}
	return func(host string) (*tls.Certificate, error) {
		return from.GetCertificate(&tls.ClientHelloInfo{ServerName: host})
	}
}

// hostID numbers this machine for Autodiscover's error answers.
func hostID() uint32 {
	name, _ := os.Hostname() // without a name the number is that of the empty one, which does no harm
	h := fnv.New32a()
	io.WriteString(h, name)
	return h.Sum32()
}
