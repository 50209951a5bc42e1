// Package pacc answers PACC, the IETF's method of setting up mail clients: one JSON document for each mail domain, which names hosts and
// little else. The ports are those of implicit TLS, and the login is the address.
//
// Clients send
//
//	GET https://ua-auto-config.D/.well-known/user-agent-configuration.json
//
// without an address, and may compare the digest of the document with a TXT record at _ua-auto-config.D. The document of a domain is
// therefore the same, octet for octet, for every client and on every replica.
//
// The format is that of draft-ietf-mailmaint-pacc-03, which may still change. A domain that it cannot express has no document, and clients
// find its servers in other ways.
package pacc

import (
	"fmt"
	"unicode/utf8"

	"mailhint/settings"
)

// Answer returns the document for a domain. It returns settings.ErrNotExpressible, with the reason, if the format cannot express it.
// That is not a mistake: the domain has no document, and no TXT record is to be published.
func Answer(found settings.Found) ([]byte, error) {
	p, err := prepare(found.Settings)
	if err != nil {
		return nil, err
	}
	return p.answer(found)
}

// prepared is what can be made of a set of settings in advance of any request.
type prepared struct {
	document settings.Pattern // the JSON text with the domains left open; no domain needs escaping
	name     settings.Pattern // the provider's name in it
	logins   []settings.Login // each must amount to the whole address
}

// prepare makes the document, or says why no domain with these settings can have one.
func prepare(s *settings.Settings) (*prepared, error) {
	if s.NoPACC {
		return nil, notExpressible("it is switched off with pacc = false")
	}
	incoming, err := choose(s.Incoming())
	if err != nil {
		return nil, err
	}
	outgoing, err := choose(s.Outgoing())
	if err != nil {
		return nil, err
	}
	servers := append(incoming, outgoing...)
	c := newConfiguration(s, servers)
	if c.Protocols == (protocols{}) {
		return nil, notExpressible("no service that the format knows is offered")
	}
	if c.Protocols.nameURLs() {
		servers = append(servers, settings.Server{Login: s.Login, Auth: s.Auth})
	}
	p := &prepared{name: settings.Pattern(c.Info.Provider.Name)}
	for _, server := range servers {
		p.logins = append(p.logins, server.Login)
	}
	c.Authentication = newAuthentication(servers, s.OAuth2)
	if c.Authentication == (authentication{}) {
		return nil, notExpressible("neither a password nor OAuth2 is accepted by all services")
	}
	p.document, err = c.encode()
	return p, err
}

// standardPorts are the ports that the format implies.
var standardPorts = map[settings.Protocol]uint16{settings.IMAP: 993, settings.POP3: 995, settings.Submission: 465}

// choose returns the best server of each protocol among those that the format can name: implicit TLS on the standard port. If servers
// are offered and none of them qualifies, clients would end up with half an account.
func choose(offered []settings.Server) ([]settings.Server, error) {
	var named []settings.Server
	for _, s := range offered {
		if s.Security == settings.ImplicitTLS && s.Port == standardPorts[s.Protocol] {
			named = append(named, s)
		}
	}
	if len(offered) > 0 && len(named) == 0 {
		p := offered[0].Protocol
		return nil, notExpressible("%s is not offered with implicit TLS on port %d", p, standardPorts[p])
	}
	return settings.FirstOfEach(named), nil
}

// answer returns the document for one domain.
func (p *prepared) answer(found settings.Found) ([]byte, error) {
	for _, l := range p.logins {
		if login := l.For(found.Domain, found.Primary); login != settings.EmailAddress {
			return nil, notExpressible("the login is %q instead of the address", login)
		}
	}
	domain, primary := string(found.Domain), string(found.Primary)
	if name := p.name.Expand(domain, primary); utf8.RuneCountInString(name) > maxName {
		return nil, notExpressible("the name %q has more than %d characters; set name to a shorter one", name, maxName)
	}
	return []byte(p.document.Expand(domain, primary)), nil
}

func notExpressible(format string, args ...any) error {
	return fmt.Errorf("PACC %w: %s", settings.ErrNotExpressible, fmt.Sprintf(format, args...))
}
