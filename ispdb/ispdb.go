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
	Text string // what, and why
	kind kind
}

// kind sorts remarks. Its text is stable.
type kind string

// The kinds of remarks. Those before kindDescr change what a mail program does.
const (
	kindDomain    kind = "domain"        // a domain that is not answered for
	kindServer    kind = "server"        // a server that is left out
	kindOrder     kind = "order"         // servers that are answered in another order
	kindLogin     kind = "login"         // another login name
	kindAuth      kind = "auth"          // other login methods
	kindDocs      kind = "documentation" // a help page that is left out or shortened
	kindOAuth2    kind = "oauth2"        // an authorization server that is left out
	kindWebmail   kind = "webmail"       // web mail that is left out, or how to log in there
	kindService   kind = "service"       // calendar, contacts and the like that are left out
	kindName      kind = "name"          // a display name that is left out
	kindPlaintext kind = "plaintext"     // carried as it is: a server without encryption
	kindPort      kind = "port"          // carried as it is: a port that is known to speak something else
	kindDescr     kind = "descr"         // the titles of a help page
	kindEnable    kind = "enable"        // where people switch mail programs on
	kindOption    kind = "option"        // what only Thunderbird reads about a server
	kindUpdate    kind = "update"        // where the file is updated from
	kindID        kind = "id"            // the provider's id
	kindSpelling  kind = "spelling"      // white space, letter case, old words
	kindUnknown   kind = "unknown"       // an element that no program reads
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
