package choices

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"mailhint/autoconfig"
	"mailhint/settings"
)

// Choose picks the servers that a client takes from a document.
func (c Client) Choose(d Document, s Source) (incoming, outgoing *Entry, err error) {
	pox := s.Place.IsAutodiscover()
	if !s.SRV && !pox && c.needsDomain && !d.isNamed() {
		return nil, nil, errors.New("its id or domain is not a host name")
	}
	hidden := false
	for i := range d.Servers {
		e := d.Servers[i]
		if e.Kind == autoconfig.EWS && c.knowsEWS && incoming == nil && e.URL != "" && len(e.Auths) > 0 {
			incoming = &e
			continue
		}
		isMail := e.Kind == "imap" || e.Kind == "pop3" && !c.imapOnly || e.Kind == "smtp"
		if e.Kind != "smtp" && e.Kind != "imap" && c.imapFirst && incoming == nil {
			hidden = true
		}
		if !isMail || e.Kind == "imap" && hidden {
			continue
		}
		if c.rejectsPlain && !s.SRV && !pox && (e.Security == 0 || e.Security == settings.Plaintext || len(e.Auths) == 0 || !e.HasLogin) {
			return nil, nil, errors.New("the client rejects the document because of a server without encryption or user name, or with an unknown value")
		}
		if !c.canUse(&e) || c.skipsPlain && e.Security == settings.Plaintext {
			continue
		}
		if !s.SRV && !pox && !e.HasLogin && c.needsDomain {
			e.Login = "undefined"
		}
		c.take(&incoming, &outgoing, e, c.takesLast && !s.SRV)
	}
	switch {
	case incoming == nil:
		return nil, nil, errors.New("no incoming server that the client can use")
	case outgoing == nil && c.needsSMTP && !pox:
		return nil, nil, errors.New("no outgoing server that the client can use")
	}
	return incoming, outgoing, nil
}

// take keeps a server if the client would take it among those of its kind. A client that takes the last one still prefers IMAP to POP3.
func (c Client) take(incoming, outgoing **Entry, e Entry, last bool) {
	place := incoming
	if e.Kind == "smtp" {
		place = outgoing
	}
	if *place == nil || last && ((*place).Kind == e.Kind || e.Kind == "imap") {
		*place = &e
	}
}

// isNamed reports whether a document has the names that Thunderbird requires.
func (d Document) isNamed() bool {
	return hostName.MatchString(d.ID) && slices.ContainsFunc(d.Domains, hostName.MatchString)
}

// hostName matches what Thunderbird takes for a host name. One label is enough: automx2 has ids such as automx2-1.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\.?$`)

// Fill returns a document as a client reads it for a person: many servers write placeholders for the domain into host names, which only
// some clients fill in. Others take them literally, and Evolution replaces them by nothing.
func (c Client) Fill(d Document, a settings.Address) Document {
	domain := strings.NewReplacer("%EMAILDOMAIN%", string(a.Domain), "%emaildomain%", string(a.Domain))
	switch {
	case c.emptiesHosts:
		domain = strings.NewReplacer("%EMAILDOMAIN%", "", "%emaildomain%", "")
	case !c.fillsHosts:
		return d
	}
	d.Servers = slices.Clone(d.Servers)
	for i := range d.Servers {
		d.Servers[i].Host = domain.Replace(d.Servers[i].Host)
	}
	if c.fillsID {
		d.ID, d.Domains = domain.Replace(d.ID), slices.Clone(d.Domains)
		for i := range d.Domains {
			d.Domains[i] = domain.Replace(d.Domains[i])
		}
	}
	return d
}

// canUse reports whether a client can log in to a server, removes the login methods that it would not use, and sets the TLS mode
// that it would use.
func (c Client) canUse(e *Entry) bool {
	if e.Host == "" || e.Port == 0 {
		return false
	}
	switch {
	case c.ignoresAuth:
		e.Auths = []settings.Auth{settings.Password}
	case c.password:
		e.Auths = keepAuths(e.Auths, settings.Password, settings.NTLM, settings.NoAuth)
		if e.encryption != 0 {
			e.Security = e.encryption
		}
	case c.knownOAuth2 && !settings.OAuth2BuiltIn(e.Host):
		e.Auths = slices.DeleteFunc(slices.Clone(e.Auths), func(a settings.Auth) bool { return a == settings.OAuth2Token })
		if e.Kind != "smtp" {
			e.Auths = slices.DeleteFunc(e.Auths, func(a settings.Auth) bool { return a == settings.NoAuth })
		}
	}
	return len(e.Auths) > 0 && e.Security != 0
}

func keepAuths(list []settings.Auth, kept ...settings.Auth) []settings.Auth {
	return slices.DeleteFunc(slices.Clone(list), func(a settings.Auth) bool { return !slices.Contains(kept, a) })
}

// Has reports whether a document has a server of one of these kinds.
func (d Document) Has(kinds ...string) bool {
	return slices.ContainsFunc(d.Servers, func(e Entry) bool { return slices.Contains(kinds, e.Kind) })
}

// isXML reports whether Thunderbird takes a media type for XML: only in lower case.
func isXML(kind string) bool {
	return strings.HasPrefix(kind, "text/xml") || strings.HasPrefix(kind, "application/xml")
}
