package ispdb

import (
	"fmt"
	"slices"

	"mailhint/autoconfig"
	"mailhint/settings"
)

// Write returns the provider file. Its id is the first domain. Placeholders stay as they are, because clients fill them in; primary
// replaces %PRIMARYDOMAIN%, which they do not know, and is empty if each domain stands for itself. lost says which settings the format
// cannot express. It returns settings.ErrNotExpressible if there is no server that it can.
func Write(p *Provider, primary settings.Domain) (file []byte, lost []string, err error) {
	s := p.Settings
	if len(s.Incoming()) == 0 && len(s.Outgoing()) == 0 && s.JMAP == "" {
		return nil, nil, fmt.Errorf("a provider file %w: no mail server is configured", settings.ErrNotExpressible)
	}
	if primary == "" {
		primary = settings.EmailDomain
	}
	c := newClientConfig(p, primary)
	document, err := c.Prepare(0)
	if err != nil {
		return nil, nil, err
	}
	return document.Fill(nil), lostBy(c, s), nil
}

func newClientConfig(p *Provider, primary settings.Domain) *autoconfig.ClientConfig {
	s := p.Settings
	expand := func(text settings.Pattern) string { return text.Expand(settings.EmailDomain, string(primary)) }
	c := autoconfig.NewClientConfig(s, s.Servers, string(p.Domains[0]), autoconfig.Spelling{
		Expand: expand,
		// What amounts to the whole address is written as %EMAILADDRESS%, which every client understands.
		Username: func(l settings.Login, accepted []settings.Auth) string {
			if slices.Equal(accepted, []settings.Auth{settings.NoAuth}) {
				return ""
			}
			return string(l.For(settings.EmailDomain, primary).Form())
		},
	})
	c.Webmail = expand(s.Webmail)
	c.Domains = nil
	for _, d := range p.Domains {
		c.Domains = append(c.Domains, string(d))
	}
	if s.Name == "" && len(p.Domains) > 1 { // answers show the domain that was asked for
		c.DisplayName = settings.EmailDomain
	}
	return c
}

// lostBy says which settings are not in a provider file.
func lostBy(c *autoconfig.ClientConfig, s *settings.Settings) []string {
	const noMethod, noElement = "provider files have no word for its login methods", "provider files have no element for it"
	var lost []string
	for _, field := range []struct {
		key, reason string
		lost        bool
	}{
		{"jmap", noMethod, s.JMAP != "" && !c.HasService(autoconfig.JMAP)},
		{"ews", noMethod, s.EWS != "" && !c.HasService(autoconfig.EWS)},
		{"activesync", noMethod, s.ActiveSync != "" && !c.HasService(autoconfig.ActiveSync)},
		{"carddav", noMethod, s.CardDAV != "" && c.AddressBook == nil},
		{"caldav", noMethod, s.CalDAV != "" && c.Calendar == nil},
		{"webdav", noMethod, s.WebDAV != "" && c.FileShare == nil},
		{"support", noElement, s.Support != ""},
		{"login", "provider files have no login names that are looked up, so that the form for unknown addresses is written", len(s.Lookups) > 0},
		{"autodiscover", noElement, s.AutodiscoverRedirect != ""},
	} {
		if field.lost {
			lost = append(lost, field.key+" is left out: "+field.reason)
		}
	}
	return lost
}
