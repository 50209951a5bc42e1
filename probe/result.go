package probe

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"time"

	"mailhint/settings"
)

// Port is what a mail server may listen on, and how it ought to be spoken to there.
type Port struct {
	Protocol settings.Protocol
	Number   uint16
	// Security is what the port is for: implicit TLS on 993, STARTTLS on 143. A look finds out whether the server agrees.
	Security settings.Security
}

// Ports are those that mail programs use, in the order of settings: IMAP first, implicit TLS before STARTTLS.
var Ports = []Port{
	{settings.IMAP, 993, settings.ImplicitTLS},
	{settings.IMAP, 143, settings.STARTTLS},
	{settings.POP3, 995, settings.ImplicitTLS},
	{settings.POP3, 110, settings.STARTTLS},
	{settings.Submission, 465, settings.ImplicitTLS},
	{settings.Submission, 587, settings.STARTTLS},
	{settings.ManageSieve, 4190, settings.STARTTLS},
}

// State is how far a look at a port came. They have different causes: a service that does not run refuses, a firewall is silent.
type State uint8

const (
	Reached     State = iota + 1 // it accepts connections
	Refused                      // the machine is there and nothing listens at the port
	Silent                       // nothing came back: a firewall, or no machine
	Unreachable                  // no way to the address from here
	Forbidden                    // the address is private and was not looked at, see Prober.Private
)

// Host is what was found out about a host.
type Host struct {
	Name string
	// Addresses that the name has, IPv4 first.
	Addresses []netip.Addr
	// Err says why there are no addresses, or, if there are some, why others may be missing. It wraps resolver.ErrNone or
	// resolver.ErrFailed.
	Err error
	// Looks has one for every port and address, in the order of the ports that were asked for and then of Addresses.
	Looks []Look
}

// Look is what was found out about a port at one address.
type Look struct {
	Port    Port
	Address netip.Addr
	// State is zero if nothing was found out, because the look was cancelled or this machine could not connect at all, see Err.
	State State
	// NoRoute says of an Unreachable address that this machine has no way to it, as is usual for IPv6 in many networks: nothing is
	// known about the server.
	NoRoute bool
	// Speaks is the way the service can be used: with ImplicitTLS, STARTTLS, or Plaintext where it offers neither. Zero if it was not
	// reached or speaks another protocol, see Err.
	Speaks settings.Security
	// TLS is the encrypted connection; nil if none came about.
	TLS *TLS
	// Before and After are what the server offers before and after TLS. Before is empty with implicit TLS.
	Before, After Capabilities
	// Err says what went wrong after the connection was accepted: no greeting in time, a greeting of something else, a failed
	// handshake. It is nil if all went well, whatever was found.
	Err error
	// Took is how long the look took.
	Took time.Duration
}

// TLS is what was seen of an encrypted connection. The certificate is taken as it comes and judged afterwards.
type TLS struct {
	Version uint16 // as tls.VersionTLS12
	Cipher  uint16
	// Chain is what the server sent, its own certificate first.
	Chain []*x509.Certificate
	// NameErr says that the certificate does not cover the host; nil if it does.
	NameErr error
	// ChainErr says that the certificate is not one that mail programs trust: expired, self-signed, an intermediate missing. It is
	// nil if it is, whatever its names.
	ChainErr error
}

// Leaf is the server's own certificate.
func (t *TLS) Leaf() *x509.Certificate { return t.Chain[0] }

// VersionName is the name of the TLS version, such as "TLS 1.3".
func (t *TLS) VersionName() string { return tls.VersionName(t.Version) }

// Capabilities are what a server says that it can do.
type Capabilities struct {
	// All as the server spells them, in its order: IMAP's capabilities, POP3's, the keywords of EHLO, ManageSieve's.
	All []string
	// Mechanisms are the SASL mechanisms for logging in, in capitals: "PLAIN", "LOGIN", "XOAUTH2". An IMAP server without
	// LOGINDISABLED takes the LOGIN command, and a POP3 server with USER takes user name and password; both count as "LOGIN".
	Mechanisms []string
	// STARTTLS is offered (STLS for POP3).
	STARTTLS bool
}

// Auths are the login methods of settings that the mechanisms stand for, in the order of settings.Auths.
func (c Capabilities) Auths() []settings.Auth {
	found := make(map[settings.Auth]bool)
	for _, m := range c.Mechanisms {
		if a, ok := authOf[m]; ok {
			found[a] = true
		}
	}
	var auths []settings.Auth
	for _, a := range settings.Auths {
		if found[a] {
			auths = append(auths, a)
		}
	}
	return auths
}

// authOf lists the SASL mechanisms that mail programs know.
var authOf = map[string]settings.Auth{
	"PLAIN":              settings.Password,
	"LOGIN":              settings.Password,
	"CRAM-MD5":           settings.PasswordEncrypted,
	"DIGEST-MD5":         settings.PasswordEncrypted,
	"APOP":               settings.PasswordEncrypted,
	"SCRAM-SHA-1":        settings.PasswordEncrypted,
	"SCRAM-SHA-1-PLUS":   settings.PasswordEncrypted,
	"SCRAM-SHA-256":      settings.PasswordEncrypted,
	"SCRAM-SHA-256-PLUS": settings.PasswordEncrypted,
	"SCRAM-SHA-512":      settings.PasswordEncrypted,
	"SCRAM-SHA-512-PLUS": settings.PasswordEncrypted,
	"XOAUTH2":            settings.OAuth2Token,
	"OAUTHBEARER":        settings.OAuth2Token,
	"GSSAPI":             settings.GSSAPI,
	"GSS-SPNEGO":         settings.GSSAPI,
	"NTLM":               settings.NTLM,
	"EXTERNAL":           settings.ClientCert,
}
