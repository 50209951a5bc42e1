// Package probetest starts mail servers of other projects for tests of what looks at mail servers.
package probetest

import (
	"crypto/tls"
	"io"
	"log"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// NewIMAPServer returns an IMAP server without mailboxes. It offers STARTTLS on connections without TLS. It ends when its listener is
// closed.
func NewIMAPServer(config *tls.Config) *imapserver.Server {
	mailboxes := imapmemserver.New()
	return imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return mailboxes.NewSession(), nil, nil
		},
		Caps:      imap.CapSet{imap.CapIMAP4rev1: {}},
		TLSConfig: config,
		Logger:    log.New(io.Discard, "", 0), // it logs every connection that the client closes
	})
}

// NewSubmissionServer returns a submission server that offers the login method PLAIN and accepts no login. It offers STARTTLS on connections
// without TLS. It ends when its listener is closed.
func NewSubmissionServer(config *tls.Config) *smtp.Server {
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return session{}, nil }))
	s.Domain = "mail.example.com"
	s.TLSConfig = config
	s.ErrorLog = log.New(io.Discard, "", 0)
	return s
}

// session accepts nothing.
type session struct{}

func (session) Reset()                               {}
func (session) Logout() error                        { return nil }
func (session) Mail(string, *smtp.MailOptions) error { return smtp.ErrAuthRequired }
func (session) Rcpt(string, *smtp.RcptOptions) error { return smtp.ErrAuthRequired }
func (session) Data(io.Reader) error                 { return smtp.ErrAuthRequired }
func (session) AuthMechanisms() []string             { return []string{sasl.Plain} }
func (session) Auth(string) (sasl.Server, error)     { return nil, smtp.ErrAuthUnknownMechanism }
