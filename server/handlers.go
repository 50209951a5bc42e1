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
	"mailhint/mobileconfig"
	"mailhint/pacc"
	"mailhint/settings"
	"mailhint/wellknown"
)

// handlers answer the requests of clients. They live as long as the server, and look settings up in what it serves at the moment. A nil
// handler answers 404.
type handlers struct {
	autoconfig       http.Handler
	autodiscover     http.Handler
	autodiscoverJSON http.Handler
	mobileconfig     http.Handler
	pacc             http.Handler
	wellKnown        http.Handler
}

func (s *Server) newHandlers() *handlers {
	outlook := autodiscover.New(s.lookup, s.log)
	outlook.ID = hostID()
	return &handlers{
		autoconfig:       autoconfig.New(s.lookup, s.log),
		autodiscover:     outlook,
		autodiscoverJSON: outlook.JSON(),
		mobileconfig:     mobileconfig.New(s.lookup, s.signer(), s.log),
		pacc:             pacc.New(s.lookup, s.log),
		wellKnown:        wellknown.New(s.lookup, s.log),
	}
}

// lookup finds settings in the domains that are served now.
func (s *Server) lookup(ctx context.Context, q settings.Question) (settings.Found, error) {
	state := s.state.Load()
	if state == nil || state.Domains == nil {
		return settings.Found{}, settings.ErrUnavailable
	}
	return state.Domains.Lookup(ctx, q)
}

// signer returns what signs Apple profiles: the pair configured for it, or else the certificate of the name that was asked for; nil if
// there is neither.
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

// hostID is a number for this machine in Autodiscover's error answers.
func hostID() uint32 {
	name, _ := os.Hostname() // without a name it is the number of the empty name, which does no harm
	h := fnv.New32a()
	io.WriteString(h, name)
	return h.Sum32()
}
