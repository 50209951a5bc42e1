// Package mobileconfig makes Apple configuration profiles: files that set up mail, calendar and contacts on an iPhone, iPad or Mac
// when a person opens them. It is the only way to set up Apple Mail from outside, which asks nobody for IMAP settings.
//
// People come by a link, by the form of a page of ours, or by the QR code of the link:
//
//	GET  https://autoconfig.D/mobileconfig?emailaddress=A
//	POST https://autoconfig.D/mobileconfig                  with emailaddress=A as HTML forms send it
//	GET  https://autoconfig.D/mobileconfig/qr.png?emailaddress=A, or qr.svg
//
// The format is Apple's: the files TopLevel, CommonPayloadKeys, com.apple.mail.managed, com.apple.caldav.account and
// com.apple.carddav.account below mdm/profiles in github.com/apple/device-management. A profile is signed where there is a
// certificate, and holds no password: the device asks for it.
package mobileconfig

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"howett.net/plist"

	"mailhint/settings"
)

// Why there is no profile. The edge tells people so in its own words.
var (
	// ErrAddress means that no profile can be made for this address: it is missing, or its local part can be none. Ask for
	// another.
	ErrAddress = errors.New("no address that a profile can be made for")
	// ErrNoServers means that the domain offers no IMAP and POP3 server, or no submission server. Apple requires both.
	ErrNoServers = fmt.Errorf("an Apple profile %w: it needs a server to read mail from and one to send it through", settings.ErrNotExpressible)
	// ErrNoPassword means that there are servers, but in one direction all want a token, a ticket or a client certificate. Profiles
	// have no key for OAuth or Kerberos.
	ErrNoPassword = fmt.Errorf("an Apple profile %w: it can only describe logins with a password", settings.ErrNotExpressible)
)

// Answer returns the profile for an address, unsigned. It returns ErrAddress, ErrNoServers or ErrNoPassword if there can be none.
func Answer(found settings.Found, a settings.Address) ([]byte, error) {
	p, err := newProfile(found, a)
	if err != nil {
		return nil, err
	}
	return p.encode()
}

// encode writes the profile as an XML property list. The library sorts the keys of a dictionary; their order means nothing.
func (p *profile) encode() ([]byte, error) {
	document, err := plist.MarshalIndent(p, plist.XMLFormat, "  ")
	return append(document, '\n'), err
}

// choose returns the one server of a kind that a profile can hold, from a list in order of preference. Of those it can express it
// is the first with the best encryption: implicit TLS is all that the format can say for certain.
func choose(servers []settings.Server) (settings.Server, error) {
	if len(servers) == 0 {
		return settings.Server{}, ErrNoServers
	}
	var possible []settings.Server
	for _, s := range servers {
		if emailAuth(s) != "" {
			possible = append(possible, s)
		}
	}
	if len(possible) == 0 {
		return settings.Server{}, ErrNoPassword
	}
	return slices.MinFunc(possible, func(a, b settings.Server) int { return cmp.Compare(a.Security, b.Security) }), nil
}

// chooseIncoming prefers IMAP, and takes POP3 where there is no IMAP that a profile can express.
func chooseIncoming(s *settings.Settings) (settings.Server, error) {
	server, err := choose(s.Of(settings.IMAP))
	if err == nil {
		return server, nil
	}
	if pop3, popErr := choose(s.Of(settings.POP3)); popErr == nil || errors.Is(err, ErrNoServers) {
		return pop3, popErr
	}
	return settings.Server{}, err
}

// emailAuths are the spellings of login methods. OAuth, Kerberos and client certificates (but for S/MIME) have none.
//
// password-encrypted is CRAM-MD5, of all challenges and responses the only one that Apple has a word for.
var emailAuths = map[settings.Auth]string{
	settings.Password:          "EmailAuthPassword",
	settings.PasswordEncrypted: "EmailAuthCRAMMD5",
	settings.NTLM:              "EmailAuthNTLM",
}

// emailAuth returns the method that a profile tells for a server, or "" if there is none.
//
// Inside TLS a server that takes the password gets it, even if it likes a challenge better: that may mean SCRAM, and then the
// device would insist on the CRAM-MD5 that the server does not have.
func emailAuth(s settings.Server) string {
	if s.Security != settings.Plaintext && s.Allows(settings.Password) {
		return emailAuths[settings.Password]
	}
	for _, a := range s.Auth {
		if spelled := emailAuths[a]; spelled != "" {
			return spelled
		}
	}
	return ""
}
