package probe

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"time"

	"mailhint/settings"
)

// Port is a port that a mail server may listen on, and the protocol and TLS mode that it should use there.
type Port struct {
	Protocol settings.Protocol
	Number   uint16
	// Security is the TLS mode that the port is for: implicit TLS on 993, STARTTLS on 143. A look finds out whether the server uses it.
	Security settings.Security
}

// mailPorts are those that mail clients use, in the order of settings: IMAP first, implicit TLS before STARTTLS.
var mailPorts = []Port{
	{settings.IMAP, 993, settings.ImplicitTLS},
	{settings.IMAP, 143, settings.STARTTLS},
	{settings.POP3, 995, settings.ImplicitTLS},
	{settings.POP3, 110, settings.STARTTLS},
	{settings.Submission, 465, settings.ImplicitTLS},
	{settings.Submission, 587, settings.STARTTLS},
	{settings.ManageSieve, 4190, settings.STARTTLS},
}

// State is how far a look at a port got. The states have different causes: where no service runs the connection is refused, and behind a
// firewall there is no answer.
type State uint8

const (
	Reached     State = iota + 1 // it accepts connections
	Refused                      // the machine answers, but nothing listens on the port
	Silent                       // no answer: a firewall, or no machine
	Unreachable                  // no route to the address from here
	Forbidden                    // the address is private and was not probed, see Prober.Private
)

// Host is what was found out about a host.
type Host struct {
	Name string
	// Addresses that the name has, IPv4 first.
	Addresses []netip.Addr
	// Err is why there are no addresses, or, if there are some, why others may be missing. It wraps resolver.ErrNone or resolver.ErrFailed.
	Err error
	// Looks has one for every port and address, in the order of the given ports and then of Addresses.
	Looks []Look
}

// Look is what was found out about a port at one address.
type Look struct {
	Port    Port
	Address netip.Addr
	// State is zero if nothing was found out, because the look was interrupted or this machine could not connect at all, see Err.
	State State
	// NoRoute means that an address is Unreachable because this machine has no route to it, as is common for IPv6 in many networks: nothing
	// is known about the server.
	NoRoute bool
	// Speaks is the TLS mode of the service: ImplicitTLS, STARTTLS, or Plaintext if it offers neither. It is zero if the service was not
	// reached or speaks another protocol, see Err.
	Speaks settings.Security
	// TLS is the TLS connection; nil if none could be established.
	TLS *TLS
	// Before and After are what the server offers before and after TLS. Before is empty with implicit TLS.
	Before, After Capabilities
	// Err is what went wrong after the connection was accepted: no greeting in time, the greeting of another protocol, a failed handshake.
	// It wraps ErrNoGreeting, ErrProtocol or ErrHandshake. It is nil if nothing went wrong, whatever was found.
	Err error
	// Greeted is how long the server took to greet after it accepted the connection, with the handshake if that comes first; zero if it
	// did not.
	Greeted time.Duration
	// Took is how long the look took.
	Took time.Duration
}

// TLS describes a TLS connection. Any certificate is accepted, and judged afterwards.
type TLS struct {
	Version uint16 // as tls.VersionTLS12
	Cipher  uint16
	// Chain is what the server sent, its own certificate first; never empty.
	Chain []*x509.Certificate
	// NameErr is not nil if the certificate does not cover the host.
	NameErr error
	// ChainErr is not nil if mail clients do not trust the certificate, whatever its names: expired, self-signed, an intermediate missing.
	ChainErr error
}

// Leaf returns the server's own certificate.
func (t *TLS) Leaf() *x509.Certificate { return t.Chain[0] }

// VersionName returns the name of the TLS version, such as "TLS 1.3".
func (t *TLS) VersionName() string { return tls.VersionName(t.Version) }

// Capabilities are what a server says it supports.
type Capabilities struct {
	// All capabilities as the server spells them, in its order; for SMTP the keywords of EHLO.
	All []string
	// Mechanisms are the SASL mechanisms for logging in, in capitals: "PLAIN", "LOGIN", "XOAUTH2". An IMAP server without
	// LOGINDISABLED accepts the LOGIN command, and a POP3 server with USER a user name and password; both count as "LOGIN".
	Mechanisms []string
	// STARTTLS is offered (STLS for POP3).
	STARTTLS bool
}

// Auths returns the login methods that the mechanisms stand for, in the order of settings.Auths.
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

// authOf lists the SASL mechanisms that mail clients know.
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
