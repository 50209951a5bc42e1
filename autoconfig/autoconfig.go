// Package autoconfig answers Mozilla's autoconfig request: Thunderbird, Evolution, KMail, Delta Chat, FairEmail, Nextcloud and
// others fetch an XML document, config-v1.1.xml, that lists a mail domain's servers, best first.
//
// They send GET requests to
//
//	https://autoconfig.D/mail/config-v1.1.xml?emailaddress=A
//	https://D/.well-known/autoconfig/mail/config-v1.1.xml
//
// and to the same places over plain http, with or without the address. The format is draft-ietf-mailmaint-autoconfig-06. Where clients
// accept less than the draft allows, the answers are written for the clients.
package autoconfig

import (
	"fmt"
	"slices"
	"sync"

	"mailhint/settings"
	"mailhint/templates"
)

// errNoMail is settings.ErrNotExpressible for a domain that offers no mail, though perhaps a calendar or a redirect.
var errNoMail = fmt.Errorf("autoconfig %w: no mail server is configured", settings.ErrNotExpressible)

// Answer returns the document for an address, or for a domain if the address is zero, as a client that lists all servers gets
// it; evolution asks for the one that Evolution gets. It returns settings.ErrNotExpressible for a domain without mail.
func Answer(found settings.Found, a settings.Address, evolution bool) ([]byte, error) {
	p, err := prepare(found.Common())
	if err != nil {
		return nil, err
	}
	document, err := p.forClient(evolution)
	if err != nil {
		return nil, err
	}
	values, _ := p.values(found, a)
	return document.Fill(values), nil
}

// prepared is what can be made of a set of settings in advance of any request.
type prepared struct {
	// all lists every server. single lists only the best of each type, for Evolution (3.46.4): it keeps the last one it reads, which
	// would be the fallback. Few clients ask for it, so it is made at its first call.
	all    *templates.Document
	single func() (*templates.Document, error)
	logins []settings.Login // the login forms in use, usually one
}

// Holes in the documents, in the order of prepared.values. Behind the logins are those of a template.
const (
	holeDomain = iota
	holePrimary
	holeLogin
)

func prepare(s *settings.Settings) (*prepared, error) {
	if !offersMail(s) {
		return nil, errNoMail
	}
	p := &prepared{logins: logins(s)}
	holes := holeLogin + len(p.logins) + s.Holes()
	all, err := p.clientConfig(s, s.Servers).Prepare(holes)
	if err != nil {
		return nil, err
	}
	p.all = &all
	p.single = sync.OnceValues(func() (*templates.Document, error) {
		best := settings.FirstOfEach(s.Servers)
		if len(best) == len(s.Servers) {
			return p.all, nil
		}
		single, err := p.clientConfig(s, best).Prepare(holes)
		return &single, err
	})
	return p, nil
}

// clientConfig puts settings into the elements of the format, with the given selection of their servers. Domains and logins become
// holes.
func (p *prepared) clientConfig(s *settings.Settings, servers []settings.Server) *ClientConfig {
	domain, primary := templates.Hole(holeDomain), templates.Hole(holePrimary)
	return NewClientConfig(s, servers, domain, Spelling{
		Expand: func(text settings.Pattern) string {
			if i, ok := text.Hole(); ok {
				return templates.Hole(holeLogin + len(p.logins) + i)
			}
			return text.Expand(domain, primary)
		},
		Username: func(l settings.Login, _ []settings.Auth) string {
			return templates.Hole(holeLogin + slices.Index(p.logins, l))
		},
	})
}

// offersMail reports whether there is anything to set up an account with. A document without a server would do harm: Evolution (3.46.4)
// and Delta Chat (core 2.57.0) accept it as the answer and stop looking.
func offersMail(s *settings.Settings) bool {
	return len(s.Incoming()) > 0 || len(s.Outgoing()) > 0 || s.JMAP != ""
}

// logins returns the distinct login forms of the services.
func logins(s *settings.Settings) []settings.Login {
	forms := []settings.Login{s.Login}
	for _, server := range s.Servers {
		if !slices.Contains(forms, server.Login) {
			forms = append(forms, server.Login)
		}
	}
	return forms
}

func (p *prepared) forClient(evolution bool) (*templates.Document, error) {
	if evolution {
		return p.single()
	}
	return p.all, nil
}

// values returns the values for the holes, and whether something personal is among them.
//
// The two login forms that every client fills in itself remain placeholders, so that the answer repeats nothing of the request. Any
// other form, such as "%EMAILLOCALPART%@firm.example", is filled in if the address is known, because FairEmail would use it literally. So is what
// comes from a look-up, found or not, because an answer must not show whether it was found.
func (p *prepared) values(found settings.Found, a settings.Address) (values []string, personal bool) {
	values = make([]string, holeLogin, holeLogin+len(p.logins)+len(found.Values))
	values[holeDomain] = string(found.Domain)
	values[holePrimary] = string(found.Primary)
	for _, form := range p.logins {
		login := form.For(found.Domain, found.Primary)
		text := string(login.Form())
		if !login.IsPlain() && a.Plausible() {
			text = found.LoginName(form, a)
			personal = personal || login.Lookup() != "" || text != string(login.Form())
		}
		values = append(values, text)
	}
	return found.AppendValues(values), personal
}
