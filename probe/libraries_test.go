package probe

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"mailhint/settings"
)

// TestIndependentServers looks at servers of other projects.
func TestIndependentServers(t *testing.T) {
	ca := newAuthority(t, "Test CA", nil)
	config := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, time.Time{}, "mail.example.com")}}
	servers := map[settings.Protocol]func(net.Listener) error{
		settings.IMAP:       func(l net.Listener) error { return imapServer(config).Serve(l) },
		settings.Submission: func(l net.Listener) error { return smtpServer(config).Serve(l) },
	}
	for protocol, serve := range servers {
		for _, security := range []settings.Security{settings.ImplicitTLS, settings.STARTTLS} {
			for _, expected := range []settings.Security{settings.ImplicitTLS, settings.STARTTLS} {
				inBubble(t, protocol.String()+" with "+security.String()+" probed as "+expected.String(), func(t *testing.T) {
					accepting := make(memoryListener)
					var l net.Listener = accepting
					if security == settings.ImplicitTLS {
						l = tls.NewListener(l, config)
					}
					ended := make(chan error)
					go func() { ended <- serve(l) }()
					defer func() { l.Close(); <-ended }()
					p := &Prober{
						Resolver: hostsFile{"mail.example.com": {netip.MustParseAddr("192.0.2.1")}}, Roots: ca.pool(), Dial: accepting.dial,
						Step: testStep, Now: func() time.Time { return testTime },
					}
					got := p.Look(t.Context(), "mail.example.com", Port{protocol, 1, expected}).Looks[0]
					if got.Speaks != security || got.Err != nil {
						t.Fatalf("speaks %s, error %v; want %s", got.Speaks, got.Err, security)
					}
					if got.TLS.NameErr != nil || got.TLS.ChainErr != nil || got.TLS.Version != tls.VersionTLS13 {
						t.Errorf("got %+v", got.TLS)
					}
					if got.Before.STARTTLS != (security == settings.STARTTLS) || len(got.Before.Mechanisms) > 0 || got.After.STARTTLS {
						t.Errorf("before %+v, after %+v", got.Before, got.After)
					}
					if auths := got.After.Auths(); !slices.Contains(auths, settings.Password) {
						t.Errorf("login methods %v, capabilities %v", auths, got.After)
					}
				})
			}
		}
	}
}

func imapServer(config *tls.Config) *imapserver.Server {
	memory := imapmemserver.New()
	return imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return memory.NewSession(), nil, nil
		},
		Caps:      imap.CapSet{imap.CapIMAP4rev1: {}},
		TLSConfig: config,
		Logger:    log.New(io.Discard, "", 0), // it logs every connection that the client closes
	})
}

func smtpServer(config *tls.Config) *smtp.Server {
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return smtpSession{}, nil }))
	s.Domain = "mail.example.com"
	s.TLSConfig = config
	s.ErrorLog = log.New(io.Discard, "", 0)
	return s
}

type smtpSession struct{}

func (smtpSession) Reset()                               {}
func (smtpSession) Logout() error                        { return nil }
func (smtpSession) Mail(string, *smtp.MailOptions) error { return smtp.ErrAuthRequired }
func (smtpSession) Rcpt(string, *smtp.RcptOptions) error { return smtp.ErrAuthRequired }
func (smtpSession) Data(io.Reader) error                 { return smtp.ErrAuthRequired }
func (smtpSession) AuthMechanisms() []string             { return []string{sasl.Plain} }
func (smtpSession) Auth(string) (sasl.Server, error)     { return nil, smtp.ErrAuthUnknownMechanism }
