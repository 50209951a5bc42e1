// Package ispdb reads and writes provider files as Mozilla publishes them in its database of mail providers, the ISPDB
// (https://github.com/thunderbird/autoconfig): one XML document for each provider, in the format of config-v1.1.xml, with all the
// domains that share its servers.
//
// Read converts a file into settings, with a remark on every difference between the file and the later answers: an element that domains.toml
// has no key for, a value that clients would not understand. Nothing is dropped silently. Write is the reverse; a file that is read and
// written again means the same.
//
// The format is draft-ietf-mailmaint-autoconfig-06. Mozilla has published version 1.1 so far, which Thunderbird still reads; it is described
// at https://wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat. Package autoconfig has its words and elements.
package ispdb

import (
	"fmt"

	"mailhint/settings"
)

// Provider is a provider in a provider file. There is usually one in a file, but an owner of several domains may have one for each.
type Provider struct {
	// Domains are the mail domains in the order of the file, except that the main one is first. There is at least one.
	Domains []settings.Domain
	// Settings apply to each of the domains. Hosts, URLs and names may contain %EMAILDOMAIN%.
	Settings *settings.Settings
	// Comments are the comments between the elements, each on one line; those of the whole file for the first provider, nil for the others.
	Comments []Comment
}

// Comment is an XML comment.
type Comment struct {
	Line int
	Text string
}

// Plaintext reports whether the file has a server without encryption.
func (p *Provider) Plaintext() bool {
	for _, s := range p.Settings.Servers {
		if s.Security == settings.Plaintext {
			return true
		}
	}
	return false
}

// Remark is a difference between a file and the later answers for its domains.
type Remark struct {
	Line int
	Text string // what is different, and why
	Lost bool   // a domain, a server or a provider is not converted
	kind kind
}

// AffectsClients reports whether some client behaves differently because of the difference.
func (r Remark) AffectsClients() bool {
	switch r.kind {
	case kindDescr, kindEnable, kindOption, kindUpdate, kindID, kindSpelling, kindUnknown:
		return false
	}
	return true
}

// kind classifies remarks, for the tests: it says which differences in meaning a remark explains.
type kind string

// The kinds of remarks. Those before kindDescr affect what a client does.
const (
	kindDomain    kind = "domain"        // a domain that is left out
	kindServer    kind = "server"        // a server that is left out
	kindOrder     kind = "order"         // servers whose order changes
	kindLogin     kind = "login"         // a different login name
	kindAuth      kind = "auth"          // different login methods
	kindDocs      kind = "documentation" // a help page that is left out or shortened
	kindOAuth2    kind = "oauth2"        // an authorization server that is left out
	kindWebmail   kind = "webmail"       // web mail that is left out, or how to log in there
	kindService   kind = "service"       // calendar, contacts and the like that are left out
	kindName      kind = "name"          // a display name that is left out
	kindPlaintext kind = "plaintext"     // converted as it is: a server without encryption
	kindPort      kind = "port"          // converted as it is: a port that is known for another protocol
	kindDescr     kind = "descr"         // the titles of a help page
	kindEnable    kind = "enable"        // where people enable access for mail clients
	kindOption    kind = "option"        // an option of a server that only Thunderbird reads
	kindUpdate    kind = "update"        // where the file is updated from
	kindID        kind = "id"            // the provider's id
	kindSpelling  kind = "spelling"      // white space, letter case, old words
	kindUnknown   kind = "unknown"       // an element that no client reads
)

// Error says why a file cannot be converted at all.
type Error struct {
	Line int // 0 for the whole file
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
