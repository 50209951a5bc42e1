package pacc

import (
	"bytes"
	"encoding/json"
	"net/url"

	"mailhint/settings"
)

// maxName is the limit of info.provider.name, in characters. That of shortName is checked where domains.toml is read.
const maxName = 60

// configuration is the document. Here and below, fields are in the order of their names: that is the one form we write.
type configuration struct {
	Authentication authentication `json:"authentication"`
	Info           info           `json:"info"`
	Protocols      protocols      `json:"protocols"`
}

// authentication says how to log in to every protocol.
type authentication struct {
	OAuthPublic oauthPublic `json:"oauth-public,omitzero"`
	Password    bool        `json:"password"` // inside TLS, or by challenge-response
}

// oauthPublic names an authorization server. Mail clients read its metadata and register there as public OAuth clients.
type oauthPublic struct {
	Issuer string `json:"issuer"`
}

type info struct {
	Help     help     `json:"help,omitzero"`
	Provider provider `json:"provider"`
}

type help struct {
	Contact       []string `json:"contact,omitempty"`
	Documentation string   `json:"documentation,omitempty"`
}

type provider struct {
	Name      string `json:"name"`
	ShortName string `json:"shortName,omitempty"`
}

// protocols contains the services of the domain. Revision -02 of the draft wrote "smtp" for submit and had a managesieve, which -03 does
// not have: there is no port for it that could be implied.
type protocols struct {
	CalDAV  service `json:"caldav,omitzero"`
	CardDAV service `json:"carddav,omitzero"`
	IMAP    server  `json:"imap,omitzero"`
	JMAP    service `json:"jmap,omitzero"`
	POP3    server  `json:"pop3,omitzero"`
	Submit  server  `json:"submit,omitzero"`
	WebDAV  service `json:"webdav,omitzero"`
}

// server is a mail server.
type server struct {
	Host string `json:"host"`
}

// service is a service named by URL.
type service struct {
	URL string `json:"url"`
}

// nameURLs reports whether there is a service named by URL.
func (p protocols) nameURLs() bool {
	return p.CalDAV.URL+p.CardDAV.URL+p.JMAP.URL+p.WebDAV.URL != ""
}

// newConfiguration puts the settings into the format, with the chosen servers and without the authentication. Domains are left open.
func newConfiguration(s *settings.Settings, servers []settings.Server) configuration {
	var c configuration
	c.Info.Provider = newProvider(s)
	c.Info.Help.Documentation = string(s.Docs)
	if s.Support != "" {
		c.Info.Help.Contact = []string{string(s.Support)}
	}
	for _, chosen := range servers {
		switch spelled := (server{string(chosen.Host)}); chosen.Protocol {
		case settings.IMAP:
			c.Protocols.IMAP = spelled
		case settings.POP3:
			c.Protocols.POP3 = spelled
		case settings.Submission:
			c.Protocols.Submit = spelled
		}
	}
	c.Protocols.JMAP = newService(s.JMAP)
	c.Protocols.CalDAV = newDAV(s.CalDAV)
	c.Protocols.CardDAV = newDAV(s.CardDAV)
	c.Protocols.WebDAV = newDAV(s.WebDAV)
	return c
}

func newProvider(s *settings.Settings) provider {
	p := provider{Name: string(s.Name)}
	if p.Name == "" {
		p.Name = settings.EmailDomain
	}
	if s.ShortName.Expand("", "") == string(s.ShortName) { // one that contains a domain is seldom short
		p.ShortName = string(s.ShortName)
	}
	return p
}

// newService returns the zero service for a URL with a port, which the format does not allow.
func newService(p settings.Pattern) service {
	if u, err := url.Parse(p.Expand("d", "d")); err != nil || u.Port() != "" {
		return service{}
	}
	return service{string(p)}
}

// newDAV returns the zero service for a URL without a path as well.
func newDAV(p settings.Pattern) service {
	if u, err := url.Parse(p.Expand("d", "d")); err != nil || u.Path == "" {
		return service{}
	}
	return newService(p)
}

// newAuthentication returns the login methods that all servers accept.
func newAuthentication(servers []settings.Server, oauth2 *settings.OAuth2) authentication {
	a := authentication{Password: true}
	if oauth2 != nil {
		a.OAuthPublic.Issuer = oauth2.IssuerURL()
	}
	for _, s := range servers {
		if !s.Allows(settings.Password) && !s.Allows(settings.PasswordEncrypted) {
			a.Password = false
		}
		if !s.Allows(settings.OAuth2Token) {
			a.OAuthPublic = oauthPublic{}
		}
	}
	return a
}

// encode encodes the document in its one form: without white space, and without escapes that JSON does not require.
func (c configuration) encode() (settings.Pattern, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(c); err != nil {
		return "", err
	}
	return settings.Pattern(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}
