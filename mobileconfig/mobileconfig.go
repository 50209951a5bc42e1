// Package mobileconfig makes Apple configuration profiles: files that set up mail, calendars and contacts on an iPhone, iPad or Mac
// when a person opens them. A profile is the only way to set up Apple Mail from outside, since it does not look for IMAP settings itself.
//
// People follow a link, submit a form on one of our pages, or scan the QR code of the link:
//
//	GET  https://autoconfig.D/mobileconfig?emailaddress=A
//	POST https://autoconfig.D/mobileconfig                  with emailaddress=A as an HTML form sends it
//	GET  https://autoconfig.D/mobileconfig/qr.png?emailaddress=A, or qr.svg
//
// The format is Apple's: see the files TopLevel, CommonPayloadKeys, com.apple.mail.managed, com.apple.caldav.account and
// com.apple.carddav.account in mdm/profiles of github.com/apple/device-management. A profile contains no password: the device asks for
// it.
//
// A profile is signed if there is a certificate. The signature says that this server published the settings for the domain of the address.
// There are no profiles for addresses of domains that are not configured here: any customer of a hoster could otherwise have the hoster's
// signature below their own servers and somebody else's address.
package mobileconfig

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"howett.net/plist"

	"mailhint/settings"
	"mailhint/texts"
)

// Why there is no profile. The edge explains it to people in other words.
var (
	// ErrAddress means that the address is missing or that its local part is implausible. Ask for another address.
	ErrAddress = errors.New("not an address that a profile can be made for")
	// ErrOtherDomain means that the address is not of the domain that the settings are for. With a signature, a profile would claim that
	// the server's owner stands behind these servers for that address.
	ErrOtherDomain = errors.New("the address is not of the domain whose settings these are")
	// ErrNoServers means that the domain has no incoming server or no submission server. Apple requires both.
	ErrNoServers = fmt.Errorf("an Apple profile %w: it needs an incoming and an outgoing server", settings.ErrNotExpressible)
	// ErrNoPassword means that there are servers, but that all the incoming ones, or all the outgoing ones, require a token, a ticket or
	// a client certificate. Profiles have no key for OAuth or Kerberos.
	ErrNoPassword = fmt.Errorf("an Apple profile %w: it can only describe logins with a password", settings.ErrNotExpressible)
)

// Answer returns the unsigned profile for an address, in English. It returns ErrAddress, ErrOtherDomain, ErrNoServers or ErrNoPassword if there
// is none.
func Answer(found settings.Found, a settings.Address) ([]byte, error) {
	p, err := newProfile(found, a, texts.For(texts.English))
	if err != nil {
		return nil, err
	}
	return p.encode()
}

// Check returns ErrNoServers or ErrNoPassword if no profile can be made from the settings, whatever the address.
func Check(s *settings.Settings) error {
	if _, err := chooseIncoming(s); err != nil {
		return err
	}
	_, err := choose(s.Outgoing())
	return err
}

// encode writes the profile as an XML property list. The library sorts the keys of dictionaries, whose order has no meaning.
func (p *profile) encode() ([]byte, error) {
	document, err := plist.MarshalIndent(p, plist.XMLFormat, "  ")
	return append(document, '\n'), err
}

// choose returns the one server of its kind that goes into the profile, from a list in order of preference: among those that the format
// can express, the first with the best encryption. Implicit TLS is the only kind that the format expresses unambiguously.
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

// chooseIncoming prefers IMAP, and falls back to POP3 if there is no IMAP server that a profile can express.
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

// emailAuths are the format's words for login methods. It has none for OAuth, Kerberos and client certificates (except for S/MIME).
//
// password-encrypted becomes CRAM-MD5, the only challenge-response method that Apple has a word for.
var emailAuths = map[settings.Auth]string{
	settings.Password:          "EmailAuthPassword",
	settings.PasswordEncrypted: "EmailAuthCRAMMD5",
	settings.NTLM:              "EmailAuthNTLM",
}

// emailAuth returns the login method in the profile for a server, or "" if the format cannot express any.
//
// Inside TLS, the password is used if the server accepts it, even if it prefers challenge-response: that may mean SCRAM, and the device
// would insist on CRAM-MD5, which the server may not have.
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
