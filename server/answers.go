package server

import (
	"crypto/tls"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"os"

	"mailhint/autoconfig"
	"mailhint/autodiscover"
	"mailhint/domains"
	"mailhint/mobileconfig"
	"mailhint/pacc"
	"mailhint/wellknown"
)

// Answers are the handlers for one state of the domains. A reload makes new ones and swaps them; a request is served wholly by
// one. A nil handler answers 404.
type Answers struct {
	Autoconfig       http.Handler
	Autodiscover     http.Handler
	AutodiscoverJSON http.Handler
	Mobileconfig     http.Handler
	PACC             http.Handler
	WellKnown        http.Handler

	// Covers reports whether a host name in lower case may have a certificate; nil for none.
	Covers func(host string) bool

	// Domains and Profiles are how many there are, for /-/readyz and the metrics.
	Domains, Profiles int
}

// Prepare makes the handlers for a state of the domains: all documents are rendered here and not when somebody asks.
func (s *Server) Prepare(d *domains.Snapshot) (*Answers, error) {
	mozilla, err := autoconfig.New(d.Lookup, d.All())
	if err != nil {
		return nil, fmt.Errorf("preparing autoconfig answers: %w", err)
	}
	outlook, err := autodiscover.New(d.Lookup, d.All())
	if err != nil {
		return nil, fmt.Errorf("preparing Autodiscover answers: %w", err)
	}
	outlook.ID = hostID()
	json, err := pacc.New(d.Lookup, d.All())
	if err != nil {
		return nil, fmt.Errorf("preparing PACC answers: %w", err)
	}
	return &Answers{
		Autoconfig:       mozilla,
		Autodiscover:     outlook,
		AutodiscoverJSON: outlook.JSON(),
		Mobileconfig:     mobileconfig.New(d.Lookup, s.signer(), s.log),
		PACC:             json,
		WellKnown:        wellknown.New(d.Lookup),
		Covers:           d.Covers,
		Domains:          d.Domains(),
		Profiles:         d.Profiles,
	}, nil
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
