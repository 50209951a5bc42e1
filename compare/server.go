package compare

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"mailhint/choices"
	"mailhint/probe"
	"mailhint/settings"
)

// Server is an old server that is asked for its answers. Its methods may be called concurrently.
//
// All requests go to one host and port, whatever name they are for: a client that looks for autoconfig.example.com connects there because of
// a DNS record, and sends that name in the Host header and as the name of TLS (SNI).
type Server struct {
	// Roots are the trusted certificate authorities; nil for the system's.
	Roots *x509.CertPool
	// AnyCertificate accepts every certificate. Otherwise one is accepted that is valid for the name that the client asks or for that of
	// the server.
	AnyCertificate bool
	// Elsewhere follows redirects to other servers, which must not be private; nil to follow none.
	Elsewhere *probe.Prober
	// Timeout limits each request; 0 for 10 seconds, as patient clients wait.
	Timeout time.Duration

	base     *url.URL
	answered atomic.Bool
	silent   atomic.Int32 // requests without an answer, since the last that had one
}

var (
	// ErrURL means that the URL of the server cannot be used. Its error says how to write it.
	ErrURL = errors.New("not a valid URL of a server")
	// ErrSilent means that the server has not answered any of many requests, so that it is not asked again.
	ErrSilent = errors.New("the server does not answer")
)

const (
	maxBody    = 256 << 10 // of an answer, in octets
	maxHeader  = 64 << 10  // of the head of an answer, in octets
	maxHops    = 5         // redirects that are followed for one request
	maxSilence = 24        // requests without an answer after which the server is given up, if it has not answered any
	maxOutage  = 240       // the same if it has
	maxTries   = 3         // of a request that the server puts off
	maxPause   = 10 * time.Second
	usualWait  = 10 * time.Second
)

// NewServer reads the URL of a server: scheme, host and port.
func NewServer(text string) (*Server, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%q is %w; write it like https://old.example.com", clip(text), ErrURL)
	case u.User != nil:
		return nil, fmt.Errorf("it is %w: it has a user name; write it like https://old.example.com", ErrURL)
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%q is %w: each client has its own path; write only https://%s", clip(text), ErrURL, clip(u.Host))
	}
	return &Server{base: &url.URL{Scheme: u.Scheme, Host: u.Host}}, nil
}

// String returns the URL of the server.
func (s *Server) String() string { return s.base.String() }

// defaultPorts are those of URLs without a port.
var defaultPorts = map[string]string{"http": "80", "https": "443"}

// address is where a connection goes that a client would open to an address of the form "host:port". A redirect may lead to another port.
func (s *Server) address(asked string) string {
	_, port, err := net.SplitHostPort(asked)
	if err != nil || port == defaultPorts[s.base.Scheme] {
		port = cmp.Or(s.base.Port(), defaultPorts[s.base.Scheme])
	}
	return net.JoinHostPort(s.base.Hostname(), port)
}

func (s *Server) timeout() time.Duration {
	if s.Timeout > 0 {
		return s.Timeout
	}
	return usualWait
}

// client returns a client whose connections all go to the server, for the names of one domain. Connections are kept for these names only.
func (s *Server) client() *http.Client {
	dialer := &net.Dialer{Timeout: s.timeout()}
	return &http.Client{
		Timeout:       s.timeout(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, asked string) (net.Conn, error) {
				return dialer.DialContext(ctx, network, s.address(asked))
			},
			TLSClientConfig: &tls.Config{
				InsecureSkipVerify: true, // VerifyConnection checks it, for either of two names
				VerifyConnection:   s.verify,
			},
			TLSHandshakeTimeout:    s.timeout(),
			DisableCompression:     true, // a small answer cannot become a large one
			MaxResponseHeaderBytes: maxHeader,
		},
	}
}

// verify accepts a certificate that is valid for the name that was asked, or for the server's own.
func (s *Server) verify(c tls.ConnectionState) error {
	if s.AnyCertificate {
		return nil
	}
	o := x509.VerifyOptions{Roots: s.Roots, Intermediates: x509.NewCertPool(), DNSName: c.ServerName}
	for _, intermediate := range c.PeerCertificates[1:] {
		o.Intermediates.AddCert(intermediate)
	}
	leaf := c.PeerCertificates[0]
	_, err := leaf.Verify(o)
	if err == nil {
		return nil
	}
	o.DNSName = s.base.Hostname()
	if _, other := leaf.Verify(o); other == nil {
		return nil
	}
	return fmt.Errorf("its certificate is not valid: %w", err)
}

// Ask asks the server as each client of a person's domain would. The error is ErrSilent or that of ctx.
func (s *Server) Ask(ctx context.Context, who settings.Address) (Answers, error) {
	client := s.client()
	defer client.CloseIdleConnections()
	a := Answers{Web: make(map[choices.Place]Page)}
	for _, q := range questions(who) {
		p := s.page(ctx, client, q)
		if err := ctx.Err(); err != nil {
			return Answers{}, err
		}
		if s.isSilent() {
			return Answers{}, fmt.Errorf("%w: %w", ErrSilent, p.Err)
		}
		a.Web[q.place] = p
	}
	return a, nil
}

// isSilent reports whether it is pointless to go on.
func (s *Server) isSilent() bool {
	silent := s.silent.Load()
	return silent >= maxOutage || silent >= maxSilence && !s.answered.Load()
}

// page asks one question: under the name that the client asks, under other paths where servers differ, and then under the server's own name,
// where clients arrive that follow the MX record of a domain, or a redirect.
func (s *Server) page(ctx context.Context, client *http.Client, q question) Page {
	var first Page
	for i, r := range q.requests {
		p := s.ask(ctx, client, r, q.final)
		if i == 0 || p.isAnswer(q.place) {
			first = p
		}
		if first.isAnswer(q.place) || first.Err != nil {
			return first
		}
	}
	if !q.ownName {
		return first
	}
	own := q.requests[0]
	own.URL.Host = s.base.Host
	if p := s.ask(ctx, client, own, q.final); p.isAnswer(q.place) {
		p.OwnName = true
		return p
	}
	return first
}

// isAnswer reports whether a page is one that a client can read.
func (p Page) isAnswer(place choices.Place) bool {
	if p.Err != nil || p.Status != http.StatusOK {
		return p.Status == http.StatusUnauthorized || len(p.Via) > 0 && p.Status/100 == 3
	}
	_, err := choices.Read(place, p.Body)
	return err == nil || !isDocument(place)
}

// ask sends a request to the server and follows redirects. If the server puts the request off, it is repeated.
func (s *Server) ask(ctx context.Context, client *http.Client, r settings.Request, final bool) Page {
	var p Page
	for try := range maxTries {
		var pause time.Duration
		if p, pause = s.follow(ctx, client, r, final); pause == 0 || try == maxTries-1 {
			break
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return Page{Err: ctx.Err()}
		}
	}
	switch {
	case p.Err != nil && ctx.Err() == nil:
		s.silent.Add(1)
	case p.Err == nil:
		s.answered.Store(true)
		s.silent.Store(0)
	}
	if p.Err == nil && (p.Status == http.StatusTooManyRequests || p.Status/100 == 5) {
		p.Err = fmt.Errorf("the server answers with status %d (%s)", p.Status, http.StatusText(p.Status))
	}
	return p
}
