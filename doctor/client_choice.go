package doctor

import (
	"errors"
	"slices"
	"strings"

	"mailhint/autoconfig"
	"mailhint/settings"
)

// choose picks the servers that a client takes from a document.
func (m clientModel) choose(d document, s source) (incoming, outgoing *entry, err error) {
	pox := isPOX(s.place)
	if !s.srv && !pox && m.needsDomain && !d.isNamed() {
		return nil, nil, errors.New("its id or domain is not a host name")
	}
	hidden := false
	for i := range d.servers {
		e := d.servers[i]
		if e.kind == autoconfig.EWS && m.knowsEWS && incoming == nil && e.url != "" && len(e.auths) > 0 {
			incoming = &e
			continue
		}
		isMail := e.kind == "imap" || e.kind == "pop3" && !m.imapOnly || e.kind == "smtp"
		if e.kind != "smtp" && e.kind != "imap" && m.imapFirst && incoming == nil {
			hidden = true
		}
		if !isMail || e.kind == "imap" && hidden {
			continue
		}
		if m.rejectsPlain && !s.srv && !pox && (e.security == 0 || e.security == settings.Plaintext || len(e.auths) == 0 || !e.hasLogin) {
			return nil, nil, errors.New("the client rejects the document because of a server without encryption or user name, or with an unknown value")
		}
		if !m.canUse(&e) || m.skipsPlain && e.security == settings.Plaintext {
			continue
		}
		if !s.srv && !pox && !e.hasLogin && m.needsDomain {
			e.login = "undefined"
		}
		m.take(&incoming, &outgoing, e, m.takesLast && !s.srv)
	}
	switch {
	case incoming == nil:
		return nil, nil, errors.New("no incoming server that the client can use")
	case outgoing == nil && m.needsSMTP && !pox:
		return nil, nil, errors.New("no outgoing server that the client can use")
	}
	return incoming, outgoing, nil
}

// take keeps a server if the client would take it among those of its kind. A client that takes the last one still prefers IMAP to POP3.
func (m clientModel) take(incoming, outgoing **entry, e entry, last bool) {
	place := incoming
	if e.kind == "smtp" {
		place = outgoing
	}
	if *place == nil || last && ((*place).kind == e.kind || e.kind == "imap") {
		*place = &e
	}
}

// isNamed reports whether a document has the names that Thunderbird requires.
func (d document) isNamed() bool {
	isName := func(s string) bool { _, err := settings.ParseDomain(s); return err == nil }
	return isName(d.id) && slices.ContainsFunc(d.domains, isName)
}

// canUse reports whether a client can log in to a server, and removes the login methods that it would not use.
func (m clientModel) canUse(e *entry) bool {
	if e.host == "" || e.port == 0 {
		return false
	}
	switch {
	case m.ignoresAuth:
		e.auths = []settings.Auth{settings.Password}
	case m.password:
		e.auths = keepAuths(e.auths, settings.Password, settings.NTLM, settings.NoAuth)
	case m.knownOAuth2 && !builtInOAuth2(e.host):
		e.auths = slices.DeleteFunc(slices.Clone(e.auths), func(a settings.Auth) bool { return a == settings.OAuth2Token })
		if e.kind != "smtp" {
			e.auths = slices.DeleteFunc(e.auths, func(a settings.Auth) bool { return a == settings.NoAuth })
		}
	}
	return len(e.auths) > 0 && e.security != 0
}

func keepAuths(list []settings.Auth, kept ...settings.Auth) []settings.Auth {
	return slices.DeleteFunc(slices.Clone(list), func(a settings.Auth) bool { return !slices.Contains(kept, a) })
}

func (d document) has(kinds ...string) bool {
	return slices.ContainsFunc(d.servers, func(e entry) bool { return slices.Contains(kinds, e.kind) })
}

// isXML reports whether Thunderbird takes a media type for XML: only in lower case.
func isXML(kind string) bool {
	return strings.HasPrefix(kind, "text/xml") || strings.HasPrefix(kind, "application/xml")
}
