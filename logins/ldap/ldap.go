// Package ldap finds login names in a directory (RFC 4511): it searches for the entry of an address and takes the value of one attribute.
//
// Connections are always encrypted: ldaps: is TLS from the first octet, ldap: is STARTTLS, without which nothing is sent. ldapi: is a socket of
// this machine. A bind is anonymous, with a name and a password, or with a client certificate (SASL EXTERNAL). Several servers with the same content are asked in their order; one that fails is left out for a while. Referrals to other servers
// are not followed.
//
// Read ldap.go first, then pool.go (the connections) and dial.go (how one is made).
package ldap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"mailhint/logins"
	"mailhint/settings"
)

// Config says where and how to search. It has been checked as domains.toml checks it.
type Config struct {
	URLs         []string // of servers, in the order in which they are asked
	CA           string   // file with the certificates of the only CAs that are trusted; empty for those of the system
	BindDN       string   // empty for an anonymous bind
	PasswordFile string   // for BindDN
	Cert, Key    string   // files with a client certificate and its private key; empty for none. Without BindDN, it is what to bind with
	Base         string   // below which entries are searched for
	Filter       string   // with placeholders for the person
	Attribute    string   // the login name
}

const (
	// maxEntries is how many entries a server is asked for: with a second one it is not clear whose login name is wanted.
	maxEntries = 2
	// maxPacket is the largest packet that is read from a server, in octets. Login names are far smaller.
	maxPacket = 256 << 10
	// serverLimit is how long a server may search, in whole seconds, as the protocol wants it.
	serverLimit = 3
)

// limitPackets sets the limit of the library, which has one for the whole process.
var limitPackets = sync.OnceFunc(func() { ber.MaxPacketLengthBytes = maxPacket })

// Source is a logins.Source. Use Open.
type Source struct {
	config Config
	pool   *pool
}

// Open returns a Source. It checks everything that can be checked without a connection: the filter and the files.
func Open(c Config) (*Source, error) {
	limitPackets()
	if err := checkFilter(c.Filter); err != nil {
		return nil, err
	}
	d, err := newDialer(c)
	if err != nil {
		return nil, err
	}
	return &Source{c, newPool(d, c.URLs)}, nil
}

// checkFilter refuses filters that are not valid, and those in which a placeholder is anything but a part of a value: what somebody enters would
// change what is searched for.
func checkFilter(filter string) error {
	for _, local := range []string{"ann", "*)(uid=*", `a\b`} {
		text := fill(filter, logins.Question{Address: settings.Address{Local: local, Domain: "a.example"}, Primary: "b.example"})
		if _, err := ldap.CompileFilter(text); err != nil {
			return fmt.Errorf("filter %q is not a valid LDAP filter; write it like \"(mail=%s)\", with placeholders only behind an equals sign", filter, settings.EmailAddress)
		}
	}
	for depth, rest := 0, filter; rest != ""; { // a placeholder before the equals sign compiles, if it is filled with letters
		i := strings.IndexAny(rest, "()=%")
		if i < 0 {
			break
		}
		switch rest[i] {
		case '(':
			depth = 0
		case '=':
			depth = 1
		case '%':
			if depth == 0 && (strings.HasPrefix(rest[i:], "%EMAIL") || strings.HasPrefix(rest[i:], settings.PrimaryDomain)) {
				return fmt.Errorf("filter %q has a placeholder before an equals sign; write it like \"(mail=%s)\"", filter, settings.EmailAddress)
			}
		}
		rest = rest[i+1:]
	}
	return nil
}

// fill puts a person into a filter, escaped so that it is always a value (RFC 4515 section 3).
func fill(filter string, q logins.Question) string {
	return strings.NewReplacer(
		settings.EmailAddress, ldap.EscapeFilter(q.Address.String()),
		settings.EmailLocalPart, ldap.EscapeFilter(q.Address.Local),
		settings.EmailDomain, ldap.EscapeFilter(string(q.Address.Domain)),
		settings.PrimaryDomain, ldap.EscapeFilter(string(q.Primary)),
	).Replace(filter)
}

// request is the search for a person.
func (s *Source) request(q logins.Question) *ldap.SearchRequest {
	r := ldap.NewSearchRequest(s.config.Base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, maxEntries, serverLimit, false,
		fill(s.config.Filter, q), []string{s.config.Attribute}, nil)
	r.EnforceSizeLimit = true
	return r
}

// Find returns the values of the attribute in the entries of an address.
//
// An address beyond ASCII is not searched for: directories compare by rules that make different letters equal (RFC 4518), and the attribute mail
// cannot have such an address anyway.
func (s *Source) Find(ctx context.Context, q logins.Question) ([]string, error) {
	if strings.ContainsFunc(q.Address.Local, func(r rune) bool { return r > '~' }) {
		return nil, nil
	}
	request := s.request(q)
	var found []string
	err := s.pool.do(ctx, func(c *conn, patience time.Duration) error {
		c.SetTimeout(patience)
		result, err := c.Search(request)
		found = nil
		switch {
		case ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded), errors.Is(err, ldap.ErrSizeLimitExceeded):
			found = make([]string, maxEntries) // of which none is used
			return nil
		case err != nil:
			return err
		case len(result.Entries) > 1:
			found = make([]string, len(result.Entries))
			return nil
		}
		for _, entry := range result.Entries { // references to other servers are ignored
			found = append(found, entry.GetEqualFoldAttributeValues(s.config.Attribute)...)
		}
		return nil
	})
	return found, err
}

// Close closes the connections.
func (s *Source) Close() error {
	s.pool.close()
	return nil
}

// describe says what went wrong, in our own words: what a server says about an error may repeat what was asked.
func describe(server string, err error) error {
	var of *ldap.Error
	switch {
	case errors.Is(err, errExternal) && errors.As(err, &of) && of.ResultCode < ldap.ErrorNetwork:
		return fmt.Errorf("%s refuses to bind with the certificate in cert (SASL EXTERNAL, error %d)", server, of.ResultCode)
	case errors.As(err, &of) && of.ResultCode == ldap.LDAPResultInvalidCredentials:
		return fmt.Errorf("%s refuses bind_dn or its password", server)
	case errors.As(err, &of) && of.ResultCode == ldap.LDAPResultNoSuchObject:
		return fmt.Errorf("%s has no base that this bind_dn may see; check base, and what bind_dn may read", server)
	case errors.As(err, &of) && of.ResultCode == ldap.LDAPResultReferral:
		return fmt.Errorf("%s refers to another server for this base, which is not followed; write the other one in url", server)
	case errors.As(err, &of) && of.ResultCode < ldap.ErrorNetwork:
		return fmt.Errorf("%s answers with error %d (%s)", server, of.ResultCode, ldap.LDAPResultCodeMap[of.ResultCode])
	case isTimeout(err):
		return fmt.Errorf("%s does not answer in time", server)
	}
	return fmt.Errorf("%s: %w", server, err)
}

// isFatal reports whether an error says that a server cannot be used, now or with this connection, rather than that it refuses one request.
func isFatal(err error) bool {
	var of *ldap.Error
	if !errors.As(err, &of) {
		return true
	}
	switch of.ResultCode {
	case ldap.LDAPResultBusy, ldap.LDAPResultUnavailable, ldap.LDAPResultUnwillingToPerform, ldap.LDAPResultOther, ldap.LDAPResultTimeLimitExceeded,
		ldap.LDAPResultInvalidCredentials, ldap.LDAPResultOperationsError, ldap.LDAPResultProtocolError:
		return true
	}
	return of.ResultCode >= ldap.ErrorNetwork || of.ResultCode == ldap.LDAPResultTimeout
}
