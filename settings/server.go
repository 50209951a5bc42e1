package settings

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Protocol is a service with a host and a port that a mail program speaks to.
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
	STARTTLS                        // a plain connection upgraded before login, and given up if it cannot be
	Plaintext                       // no encryption; only ever told to named networks
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
)

// Auths lists all login methods.
var Auths = []Auth{Password, PasswordEncrypted, OAuth2Token, GSSAPI, NTLM, ClientCert}

// Server is one entry of an answer: a host, how to speak to it, and how to log in.
type Server struct {
	Protocol Protocol
	Host     Pattern // host name; may hold %EMAILDOMAIN% or %PRIMARYDOMAIN%
	Port     uint16
	Security Security
	Login    Login
	Auth     []Auth // best first, never empty
}

// Allows reports whether the server accepts a login method.
func (s Server) Allows(a Auth) bool { return slices.Contains(s.Auth, a) }

// URL returns the server in the spelling of domains.toml, without a port that the scheme implies.
func (s Server) URL() string {
	for _, k := range kinds {
		if k.protocol == s.Protocol && k.security == s.Security {
			if k.port == s.Port {
				return k.scheme + "://" + string(s.Host)
			}
			return k.scheme + "://" + string(s.Host) + ":" + strconv.Itoa(int(s.Port))
		}
	}
	return ""
}

// kind is one way to offer a service: what a URL scheme of domains.toml means.
type kind struct {
	scheme   string
	protocol Protocol
	security Security
	port     uint16
}

// kinds holds the order of preference of the whole product (RFC 8314 sections 3 and 5.1): for each protocol implicit TLS, then
// STARTTLS. Of two schemes with one meaning the first is the one we write.
var kinds = []kind{
	{"imaps", IMAP, ImplicitTLS, 993},
	{"imap", IMAP, STARTTLS, 143},
	{"imap+plain", IMAP, Plaintext, 143},
	{"pop3s", POP3, ImplicitTLS, 995},
	{"pop3", POP3, STARTTLS, 110},
	{"pop3+plain", POP3, Plaintext, 110},
	{"submissions", Submission, ImplicitTLS, 465},
	{"smtps", Submission, ImplicitTLS, 465},
	{"submission", Submission, STARTTLS, 587},
	{"smtp", Submission, STARTTLS, 587},
	{"submission+plain", Submission, Plaintext, 587},
	{"smtp+plain", Submission, Plaintext, 587},
	{"sieve", ManageSieve, STARTTLS, 4190}, // ManageSieve knows no implicit TLS (RFC 5804 section 1.8)
	{"sieve+plain", ManageSieve, Plaintext, 4190},
}

// recommended returns what a bare host name stands for: implicit TLS first, STARTTLS as the fallback.
func recommended(p Protocol) []kind {
	var pair []kind
	for _, security := range []Security{ImplicitTLS, STARTTLS} {
		for _, k := range kinds {
			if k.protocol == p && k.security == security {
				pair = append(pair, k)
				break
			}
		}
	}
	return pair
}

// ParseServer reads one server of domains.toml for a protocol: a bare host name, which stands for the recommended pair of
// entries, or a URL, which stands for exactly one. The servers have no login yet. Errors say how to write it.
func ParseServer(p Protocol, text string) ([]Server, error) {
	scheme, rest, isURL := strings.Cut(text, "://")
	if !isURL {
		return parseBareHost(p, text)
	}
	k, err := kindOf(p, strings.ToLower(scheme), rest)
	if err != nil {
		return nil, err
	}
	hostText, portText, hasPort := cutPort(rest)
	host, err := ParseHost(hostText)
	if err != nil {
		return nil, fmt.Errorf("%q names no host: %w; write %s://host or %s://host:port", text, err, k.scheme, k.scheme)
	}
	port := k.port
	if hasPort {
		n, err := strconv.ParseUint(portText, 10, 16)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("%q is no port; write a number from 1 to 65535", portText)
		}
		port = uint16(n)
		if err := k.checkPort(port, host); err != nil {
			return nil, err
		}
	}
	return []Server{{Protocol: p, Host: host, Port: port, Security: k.security}}, nil
}

func parseBareHost(p Protocol, text string) ([]Server, error) {
	pair := recommended(p)
	host, port, hasPort := cutPort(text)
	name, err := ParseHost(host)
	if err != nil {
		return nil, fmt.Errorf("%q names no host: %w; write a host name such as %q", text, err, "mail.example.com")
	}
	if hasPort {
		for _, k := range pair {
			if strconv.Itoa(int(k.port)) == port {
				return nil, fmt.Errorf("a bare host takes no port; write %q for %s on %s only, or %q for the recommended servers",
					k.scheme+"://"+host, k.security, port, host)
			}
		}
		return nil, fmt.Errorf("a bare host takes no port, because it does not say which TLS mode port %s speaks; write %q", port,
			pair[0].scheme+"://"+text)
	}
	servers := make([]Server, len(pair))
	for i, k := range pair {
		servers[i] = Server{Protocol: p, Host: name, Port: k.port, Security: k.security}
	}
	return servers, nil
}

// kindOf finds what a scheme means for a protocol.
func kindOf(p Protocol, scheme, rest string) (kind, error) {
	var own []string
	for _, k := range kinds {
		if k.scheme == scheme && k.protocol == p {
			return k, nil
		}
		if k.protocol == p {
			own = append(own, k.scheme+"://")
		}
	}
	for _, k := range kinds {
		if k.scheme == scheme {
			return kind{}, fmt.Errorf("%s:// is %s, not %s; write %s", scheme, k.protocol, p, recommended(p)[0].scheme+"://"+rest)
		}
	}
	return kind{}, fmt.Errorf("unknown scheme %q; %s takes %s", scheme+"://", p, strings.Join(own, ", "))
}

// checkPort refuses a port that is known to speak something else than the scheme says: the commonest wrong entry there is.
func (k kind) checkPort(port uint16, host Pattern) error {
	if port == 25 {
		return fmt.Errorf("port 25 is for mail between servers, programs are refused there; write %q", recommended(Submission)[0].scheme+"://"+string(host))
	}
	for _, other := range kinds {
		if other.port != port {
			continue
		}
		if other.protocol == k.protocol && (other.security == k.security || k.security == Plaintext && other.security == STARTTLS) {
			return nil
		}
		if other.protocol != k.protocol {
			return fmt.Errorf("port %d is %s, but %s:// is %s; write %q", port, other.protocol, k.scheme, k.protocol, k.scheme+"://"+string(host))
		}
		return fmt.Errorf("port %d speaks %s, but %s:// means %s; write %q or %q", port, other.security, k.scheme, k.security,
			other.scheme+"://"+string(host), k.scheme+"://"+string(host))
	}
	return nil
}

// cutPort cuts the port off "host:port".
func cutPort(s string) (host, port string, found bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.Count(s, ":") > 1 { // an IPv6 address: ParseHost refuses it as a whole
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
