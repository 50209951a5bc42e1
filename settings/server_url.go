package settings

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// anyPort ends a scheme whose port is intended although it is known for something else: providers publish POP3 on port 993 and
// submission on port 25, and their settings must be kept as they are.
const anyPort = "+anyport"

// URL returns the server in the spelling of domains.toml, without a port that the scheme implies.
func (s Server) URL() string {
	for _, k := range kinds {
		if k.protocol != s.Protocol || k.security != s.Security {
			continue
		}
		if k.port == s.Port {
			return k.scheme + "://" + string(s.Host)
		}
		scheme := k.scheme
		if s.UnusualPort() {
			scheme += anyPort
		}
		return scheme + "://" + string(s.Host) + ":" + strconv.Itoa(int(s.Port))
	}
	return ""
}

// UnusualPort reports whether the port is known for something other than the server's protocol and TLS mode.
func (s Server) UnusualPort() bool {
	for _, k := range kinds {
		if k.protocol == s.Protocol && k.security == s.Security {
			return k.checkPort(s.Port, s.Host) != nil
		}
	}
	return false
}

// kind is one way to offer a service: what a URL scheme of domains.toml means.
type kind struct {
	scheme   string
	protocol Protocol
	security Security
	port     uint16
}

// kinds is the order of preference of the whole product (RFC 8314 sections 3 and 5.1): for each protocol implicit TLS, then
// STARTTLS. Of two schemes with the same meaning, the first is the one we write.
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
	{"sieve", ManageSieve, STARTTLS, 4190}, // ManageSieve has no implicit TLS (RFC 5804 section 1.8)
	{"sieve+plain", ManageSieve, Plaintext, 4190},
}

// Schemes returns the schemes of URLs of a protocol's servers, in the order of preference.
func Schemes(p Protocol) []string {
	var schemes []string
	for _, k := range kinds {
		if k.protocol == p {
			schemes = append(schemes, k.scheme)
		}
	}
	return schemes
}

// OtherPorts returns the ports that are known for something other than what a protocol's scheme means, in ascending order. ParseServer
// refuses them there.
func OtherPorts(p Protocol, scheme string) []uint16 {
	var ports []uint16
	for _, k := range kinds {
		if k.protocol != p || k.scheme != scheme {
			continue
		}
		for _, port := range knownPorts() {
			if k.checkPort(port, "") != nil {
				ports = append(ports, port)
			}
		}
	}
	return ports
}

// knownPorts are all ports that are known for something.
func knownPorts() []uint16 {
	ports := []uint16{25}
	for _, k := range kinds {
		ports = append(ports, k.port)
	}
	slices.Sort(ports)
	return slices.Compact(ports)
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

// ParseServer reads a server of domains.toml for a protocol: a bare host name, which stands for the recommended pair of entries, or a
// URL, which stands for exactly one. The servers have no login yet. Errors say how to write it.
func ParseServer(p Protocol, text string) ([]Server, error) {
	scheme, rest, isURL := strings.Cut(text, "://")
	if !isURL {
		if url := repairURL(text); url != "" {
			if _, err := ParseServer(p, url); err != nil {
				return nil, err
			}
			return nil, fmt.Errorf("%q: the scheme must be followed by ://; write %q", text, url)
		}
		return parseBareHost(p, text)
	}
	scheme, intended := strings.CutSuffix(strings.ToLower(scheme), anyPort)
	k, err := kindOf(p, scheme, rest)
	if err != nil {
		return nil, err
	}
	hostText, portText, hasPort := cutPort(rest)
	host, err := ParseHost(hostText)
	if err != nil {
		return nil, fmt.Errorf("%q: %w; write %s://host or %s://host:port", text, err, k.scheme, k.scheme)
	}
	port := k.port
	if hasPort {
		if port, err = parsePort(portText); err != nil {
			return nil, err
		}
	}
	if err := k.checkPort(port, host); err != nil && !intended {
		return nil, err
	} else if err == nil && intended {
		return nil, fmt.Errorf("%q does not need %s; write %q", text, anyPort, k.scheme+"://"+rest)
	}
	return []Server{{Protocol: p, Host: host, Port: port, Security: k.security}}, nil
}

// repairURL returns the URL that "imaps:/host" and "imap//host" are meant to be; "" for anything else.
func repairURL(text string) string {
	i := strings.IndexAny(text, ":/")
	if i < 0 || !strings.Contains(text[i+1:], ".") && !strings.Contains(text, "/") { // h.example:imap has a host first
		return ""
	}
	scheme := strings.ToLower(text[:i])
	known := slices.ContainsFunc(kinds, func(k kind) bool { return k.scheme == strings.TrimSuffix(scheme, anyPort) })
	if _, other := otherSchemes[scheme]; !known && !other {
		return ""
	}
	return strings.TrimSuffix(scheme, "+plain") + "://" + strings.TrimLeft(text[i:], ":/")
}

// otherSchemes are what other programs call the TLS modes.
var otherSchemes = map[string]Security{"ssl": ImplicitTLS, "tls": ImplicitTLS, "starttls": STARTTLS}

func parseBareHost(p Protocol, text string) ([]Server, error) {
	pair := recommended(p)
	hostText, port, hasPort := cutPort(text)
	host, err := ParseHost(hostText)
	if err != nil {
		return nil, fmt.Errorf("%q: %w; write a host name such as %q", text, err, "mail.example.com")
	}
	if hasPort {
		return nil, bareHostPort(pair, host, port)
	}
	servers := make([]Server, len(pair))
	for i, k := range pair {
		servers[i] = Server{Protocol: p, Host: host, Port: k.port, Security: k.security}
	}
	return servers, nil
}

// bareHostPort says how to write a bare host with a port.
func bareHostPort(pair []kind, host Pattern, text string) error {
	port, err := parsePort(text)
	if err != nil {
		return err
	}
	var usable []string
	for _, k := range pair {
		if k.port == port {
			return fmt.Errorf("a port needs a scheme; write %q for %s on %d only, or %q for the recommended servers",
				k.url(host), k.security, port, host)
		}
		if k.checkPort(port, host) == nil {
			usable = append(usable, fmt.Sprintf("\"%s:%d\" for %s", k.url(host), port, k.security))
		}
	}
	if usable == nil {
		return notForBareHost(pair[0], host, port)
	}
	return fmt.Errorf("a port needs a scheme, which says what TLS mode port %d uses; write %s", port, strings.Join(usable, " or "))
}

// notForBareHost refuses a port that is known for another service, where there is no scheme whose meaning it could contradict.
func notForBareHost(k kind, host Pattern, port uint16) error {
	for _, other := range kinds {
		if other.port == port && other.protocol != k.protocol {
			return fmt.Errorf("port %d is for %s, not for %s; write %q", port, other.protocol, k.protocol, host)
		}
	}
	return k.checkPort(port, host)
}

func parsePort(text string) (uint16, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not a valid port; write a number from 1 to 65535", text)
	}
	return uint16(n), nil
}

// kindOf finds what a scheme means for a protocol.
func kindOf(p Protocol, scheme, rest string) (kind, error) {
	var own []string
	for _, k := range kinds {
		if k.scheme == scheme && k.protocol == p {
			return k, nil
		}
		if k.protocol == p && k.security != Plaintext { // which is never recommended
			own = append(own, k.scheme+"://")
		}
	}
	if security, other := otherSchemes[scheme]; other {
		host, port, _ := cutPort(rest)
		for _, k := range recommended(p) {
			if strconv.Itoa(int(k.port)) == port { // the port says what is meant: many programs call STARTTLS "TLS", too
				security = k.security
			}
		}
		for _, k := range recommended(p) {
			if k.security == security || p == ManageSieve {
				return kind{}, fmt.Errorf("the scheme names the protocol, and not only %s; write %q", security, k.onPort(host, port))
			}
		}
	}
	for _, k := range kinds {
		if k.scheme == scheme {
			host, _, _ := cutPort(rest) // the port belongs to the wrong scheme
			return kind{}, fmt.Errorf("%s:// is for %s, not for %s; write %q", scheme, k.protocol, p, recommended(p)[0].url(Pattern(host)))
		}
	}
	return kind{}, fmt.Errorf("unknown scheme %q; for %s use %s", scheme+"://", p, strings.Join(own, ", "))
}

// url returns the kind's server on a host, on the port that the scheme implies.
func (k kind) url(host Pattern) string { return k.scheme + "://" + string(host) }

// onPort is url, with the port if it is not the scheme's own or known for something else.
func (k kind) onPort(host, text string) string {
	if port, err := parsePort(text); err == nil && port != k.port && k.checkPort(port, Pattern(host)) == nil {
		return k.url(Pattern(host)) + ":" + text
	}
	return k.url(Pattern(host))
}

// checkPort refuses a port that is known for something other than the scheme says: the most common mistake of all.
func (k kind) checkPort(port uint16, host Pattern) error {
	if port == 25 {
		return fmt.Errorf("port 25 is for mail between servers and rejects clients; write %q", recommended(k.protocol)[0].url(host))
	}
	for _, other := range kinds {
		if other.port != port {
			continue
		}
		if other.protocol == k.protocol && (other.security == k.security || k.security == Plaintext && other.security == STARTTLS) {
			return nil
		}
		advice := k // never a scheme without encryption
		if k.security == Plaintext {
			advice = recommended(k.protocol)[0]
		}
		if other.protocol != k.protocol {
			return fmt.Errorf("port %d is for %s, but %s:// means %s; write %q", port, other.protocol, k.scheme, k.protocol, advice.url(host))
		}
		if k.security == Plaintext {
			return fmt.Errorf("port %d uses %s, but %s:// means %s; write %q", port, other.security, k.scheme, k.security, other.url(host))
		}
		return fmt.Errorf("port %d uses %s, but %s:// means %s; write %q or %q", port, other.security, k.scheme, k.security,
			other.url(host), k.url(host))
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
