// Package autodiscover answers Microsoft's Autodiscover request. Its first form is "plain old XML" (POX), which classic Outlook,
// Thunderbird, FairEmail, Delta Chat and phones with an Exchange account request, mostly with
//
//	POST https://autodiscover.D/autodiscover/autodiscover.xml
//
// in any letter case. The formats are [MS-OXDSCLI] for Outlook's schema and [MS-ASCMD] section 2.2.1.1 for ActiveSync's. With its second
// form, JSON, newer clients find out where the first form, or an Exchange server, is (json.go).
package autodiscover

import (
	"fmt"
	"slices"

	"mailhint/settings"
	"mailhint/templates"
)

var (
	outlookTemplate    = templates.XML("autodiscover.xml.tmpl")
	mobilesyncTemplate = templates.XML("mobilesync.xml.tmpl")
	plainError         = prepareError("")
	mobilesyncError    = prepareError(schemaPrefix + schemaMobilesync)
)

// errNoServer is settings.ErrNotExpressible for a domain without an IMAP or POP3 server that takes a password.
var errNoServer = fmt.Errorf("the Autodiscover format %w: no IMAP or POP3 server takes a password", settings.ErrNotExpressible)

// Answer returns Outlook's document for an address, or for a domain if the address is zero. It returns settings.ErrNotExpressible for
// a domain without an IMAP or POP3 server that takes a password.
func Answer(found settings.Found, a settings.Address) ([]byte, error) {
	p, err := prepare(found.Common())
	if err != nil {
		return nil, err
	}
	document := p.forAddress(a, false)
	if document == nil {
		return nil, errNoServer
	}
	return document.Fill(p.values(found, a)), nil
}

// prepared is what can be made of a set of settings in advance of any request. A document that the settings do not allow is nil.
type prepared struct {
	personal   *templates.Document // with the person's address and login name
	single     *templates.Document // the same with only the best server of each type, for FairEmail
	anonymous  *templates.Document // without them, for requests without an address
	mobilesync *templates.Document // for ActiveSync's schema, if such a server is configured
	logins     []settings.Login    // the login forms in use
	texts      int                 // holes of a template
}

// Holes in the documents, in the order of prepared.values. Behind the texts of a template are the address and the logins.
const (
	holeDomain = iota
	holePrimary
	holeText
)

func (p *prepared) address() int { return holeText + p.texts }
func (p *prepared) login() int   { return p.address() + 1 }

func prepare(s *settings.Settings) (*prepared, error) {
	p := &prepared{texts: s.Holes()}
	for _, server := range s.Servers {
		if !slices.Contains(p.logins, server.Login) {
			p.logins = append(p.logins, server.Login)
		}
	}
	protocols := p.newProtocols(s)
	var err error
	if len(protocols) > 0 {
		if p.personal, err = render(outlookTemplate, outlook{User: hole(p.address()), Protocols: protocols}, p.login()+len(p.logins)); err != nil {
			return nil, err
		}
		if p.single, err = render(outlookTemplate, outlook{User: hole(p.address()), Protocols: firstOfEach(protocols)}, p.login()+len(p.logins)); err != nil {
			return nil, err
		}
		if p.anonymous, err = render(outlookTemplate, outlook{Protocols: withoutLogin(protocols)}, p.address()); err != nil {
			return nil, err
		}
	}
	if s.ActiveSync != "" {
		if p.mobilesync, err = render(mobilesyncTemplate, mobilesync{User: hole(p.address()), URL: p.expand(s.ActiveSync)}, p.login()); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func render(t *templates.Template, data any, holes int) (*templates.Document, error) {
	d, err := t.Prepare(data, holes)
	return &d, err
}

// forAddress returns Outlook's document, or the one for FairEmail. An implausible address is not repeated in it.
func (p *prepared) forAddress(a settings.Address, fairEmail bool) *templates.Document {
	switch {
	case !a.Plausible():
		return p.anonymous
	case fairEmail:
		return p.single
	}
	return p.personal
}

// values returns the values for the holes. Without an address there are only the domains and texts, which are the only holes of an anonymous
// document.
func (p *prepared) values(found settings.Found, a settings.Address) []string {
	values := make([]string, 0, holeText+len(found.Values)+1+len(p.logins))
	values = append(values, string(found.Domain), string(found.Primary))
	values = found.AppendValues(values)[:p.address()] // settings for outside of some networks need not have all of them
	if !a.Plausible() {
		return values
	}
	values = append(values, a.String())
	for _, form := range p.logins {
		values = append(values, found.LoginName(form, a))
	}
	return values
}
