package settings

import "slices"

// Protocol is a service with a host and a port that a mail program connects to.
type Protocol uint8

// The protocols, in the order in which answers list them.
const (
	IMAP        Protocol = iota + 1 // RFC 9051
	POP3                            // RFC 1939
	Submission                      // RFC 6409
	ManageSieve                     // RFC 5804
)

var protocolNames = [...]string{IMAP: "IMAP", POP3: "POP3", Submission: "submission", ManageSieve: "ManageSieve"}

// String returns the protocol's name as a person writes it.
func (p Protocol) String() string { return protocolNames[p] }

// Security is how a connection is encrypted (RFC 8314).
type Security uint8

// The ways, best first.
const (
	ImplicitTLS Security = iota + 1 // TLS from the first byte
	STARTTLS                        // a plain connection that is upgraded before login, or given up if it cannot be
	Plaintext                       // no encryption; only for named networks
)

var securityNames = [...]string{ImplicitTLS: "implicit TLS", STARTTLS: "STARTTLS", Plaintext: "no encryption"}

// String returns the standard's name of the TLS mode.
func (s Security) String() string { return securityNames[s] }

// Auth is a login method.
type Auth string

// The login methods, as domains.toml spells them.
const (
	Password          Auth = "password"           // PLAIN or LOGIN, inside TLS
	PasswordEncrypted Auth = "password-encrypted" // CRAM, SCRAM: challenge and response
	OAuth2Token       Auth = "oauth2"             // XOAUTH2 or OAUTHBEARER
	GSSAPI            Auth = "gssapi"             // Kerberos
	NTLM              Auth = "ntlm"               //
	ClientCert        Auth = "client-cert"        // TLS client certificate
	NoAuth            Auth = "none"               // none: a submission server that accepts the clients of its own network
)

// Auths lists all login methods.
var Auths = []Auth{Password, PasswordEncrypted, OAuth2Token, GSSAPI, NTLM, ClientCert, NoAuth}

// Server is one entry of an answer: a host, how to speak to it, and how to log in.
type Server struct {
	Protocol Protocol
	Host     Pattern // host name; may contain %EMAILDOMAIN% or %PRIMARYDOMAIN%
	Port     uint16
	Security Security
	Login    Login
	Auth     []Auth // best first, never empty
}

// Allows reports whether the server accepts a login method.
func (s Server) Allows(a Auth) bool { return slices.Contains(s.Auth, a) }
