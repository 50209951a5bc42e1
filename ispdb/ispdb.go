// Package ispdb reads and writes provider files as Mozilla publishes them in its database of mail providers, the ISPDB
// (https://github.com/thunderbird/autoconfig): one XML document for each provider, in the format of config-v1.1.xml, with all the
// domains that share its servers.
//
// Reading turns a file into the words of package settings and remarks on everything that it says differently from what will be
// answered: an element that domains.toml has no key for, a value that programs would not understand. Nothing is dropped silently.
// Writing is the way back, so that a file that was read and written again means the same.
//
// The format is draft-ietf-mailmaint-autoconfig-06; what Mozilla published before and Thunderbird still reads is version 1.1,
// described at https://wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat.
package ispdb

import (
	"fmt"

	"mailhint/settings"
)

// Provider is what one provider file says.
type Provider struct {
	// Domains are the mail domains in the order of the file, but for the main one, which is first. There is at least one.
	Domains []settings.Domain
	// Settings hold for each of the domains. Hosts, URLs and names may hold %EMAILDOMAIN%.
	Settings *settings.Settings
	// Comments are what people wrote between the elements, each on one line.
	Comments []Comment
}

// Comment is an XML comment.
type Comment struct {
	Line int
	Text string
}

// Plaintext reports whether the file publishes a server without encryption.
func (p *Provider) Plaintext() bool {
	for _, s := range p.Settings.Servers {
		if s.Security == settings.Plaintext {
			return true
		}
	}
	return false
}

// Remark is one difference between a file and what will be answered for its domains.
type Remark struct {
	Line int
	Kind Kind
	Text string // what, and why
}

// Kind sorts remarks. Its text is stable.
type Kind string

// The kinds of remarks. Those before Descr change what a mail program does.
const (
	Domain    Kind = "domain"        // a domain that is not answered for
	Server    Kind = "server"        // a server that is left out
	Order     Kind = "order"         // servers that are answered in another order
	Login     Kind = "login"         // another login name
	Auth      Kind = "auth"          // other login methods
	Docs      Kind = "documentation" // a help page that is left out or shortened
	OAuth2    Kind = "oauth2"        // an authorization server that is left out
	Webmail   Kind = "webmail"       // web mail that is left out, or how to log in there
	Service   Kind = "service"       // calendar, contacts and the like that are left out
	Name      Kind = "name"          // a display name that is left out
	Plaintext Kind = "plaintext"     // carried as it is: a server without encryption
	Port      Kind = "port"          // carried as it is: a port that is known to speak something else
	Descr     Kind = "descr"         // the titles of a help page
	Enable    Kind = "enable"        // where people switch mail programs on
	Option    Kind = "option"        // what only Thunderbird reads about a server
	Update    Kind = "update"        // where the file is updated from
	ID        Kind = "id"            // the provider's id
	Spelling  Kind = "spelling"      // white space, letter case, old words
	Unknown   Kind = "unknown"       // an element that no program reads
)

// Error says why a file cannot be carried at all.
type Error struct {
	Line int // 0 if the whole file is meant
	Text string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Text
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Text)
}

func fault(line int, format string, args ...any) *Error {
	return &Error{line, fmt.Sprintf(format, args...)}
}

// word is a word of the format and what it means.
type word[T any] struct {
	spelling string
	means    T
	// old marks words that are read but never written.
	old bool
}

// The enumerations (draft-ietf-mailmaint-autoconfig-06 section 3). Of several words
// with one meaning the first is the one we write.
var (
	incomingTypes = []word[settings.Protocol]{{spelling: "imap", means: settings.IMAP}, {spelling: "pop3", means: settings.POP3}}
	outgoingTypes = []word[settings.Protocol]{{spelling: "smtp", means: settings.Submission}}
	setupTypes    = []word[settings.Protocol]{{spelling: "managesieve", means: settings.ManageSieve}}

	socketTypes = []word[settings.Security]{
		{spelling: "SSL", means: settings.ImplicitTLS},
		{spelling: "STARTTLS", means: settings.STARTTLS},
		{spelling: "plain", means: settings.Plaintext},
	}

	tcpAuths = []word[settings.Auth]{
		{spelling: "password-cleartext", means: settings.Password},
		{spelling: "password-encrypted", means: settings.PasswordEncrypted},
		{spelling: "OAuth2", means: settings.OAuth2Token},
		{spelling: "GSSAPI", means: settings.GSSAPI},
		{spelling: "NTLM", means: settings.NTLM},
		{spelling: "TLS-client-cert", means: settings.ClientCert},
		{spelling: "none", means: settings.NoAuth},
		{spelling: "plain", means: settings.Password, old: true},
		{spelling: "secure", means: settings.PasswordEncrypted, old: true},
		{spelling: "OAuth", means: settings.OAuth2Token, old: true},
		{spelling: "client-IP-address", means: settings.NoAuth, old: true}, // Thunderbird: no login, like none
		{spelling: "smtp-after-pop", means: settings.NoAuth, old: true},    // the same
	}

	urlAuths = []word[settings.Auth]{
		{spelling: "Basic", means: settings.Password},
		{spelling: "Digest", means: settings.PasswordEncrypted},
		{spelling: "OAuth2", means: settings.OAuth2Token},
		{spelling: "http-basic", means: settings.Password, old: true},
		{spelling: "http-digest", means: settings.PasswordEncrypted, old: true},
	}
)

// spell returns the word for a meaning; "" if there is none.
func spell[T comparable](words []word[T], meaning T) string {
	for _, w := range words {
		if w.means == meaning {
			return w.spelling
		}
	}
	return ""
}
