package pacc

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"

	"mailhint/settings"
)

// Limits of the names in info.provider.
const (
	maxName      = 60
	maxShortName = 20
)

// configuration is the document. Fields stand in the order of their names, here and below: that is the one form we write.
type configuration struct {
	Authentication authentication `json:"authentication"`
	Info           info           `json:"info"`
	Protocols      protocols      `json:"protocols"`
}

// authentication says how to log in to all of the protocols.
type authentication struct {
	OAuthPublic oauthPublic `json:"oauth-public,omitzero"`
	Password    bool        `json:"password"` // inside TLS, or by challenge and response
}

// oauthPublic names an authorization server. Programs read its metadata and register there as public clients.
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

// protocols holds what the domain offers. The draft's revision -02 wrote "smtp" for submit, and had a managesieve, for which -03
// has no port that could be implied.
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

// service is what a URL names.
type service struct {
	URL string `json:"url"`
}

// nameURLs reports whether there is a service named by URL.
func (p protocols) nameURLs() bool {
	return p.CalDAV.URL+p.CardDAV.URL+p.JMAP.URL+p.WebDAV.URL != ""
}

// newConfiguration spells the settings with the chosen servers, but for the authentication. Domains are left open.
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
	if s.ShortName.Expand("", "") == string(s.ShortName) { // one made of a domain is seldom short
		p.ShortName = string(s.ShortName)
	}
	return p
}

// newService returns the zero service for a URL with an explicit port, which the format does not allow.
func newService(p settings.Pattern) service {
	if u, err := url.Parse(p.Expand("d", "d")); err != nil || u.Port() != "" {
		return service{}
	}
	return service{string(p)}
}

// newDAV returns the zero service for a URL without a path too.
func newDAV(p settings.Pattern) service {
	if u, err := url.Parse(p.Expand("d", "d")); err != nil || u.Path == "" {
		return service{}
	}
	return newService(p)
}

// newAuthentication finds the ways to log in that all servers share.
func newAuthentication(servers []settings.Server, oauth2 *settings.OAuth2) authentication {
	a := authentication{Password: true}
	if oauth2 != nil {
		a.OAuthPublic.Issuer = issuerURL(oauth2.Issuer)
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

// issuerURL returns an issuer, which may be a host name only, as the https URL without query and fragment that it must be here
// (RFC 8414 section 2), or "" if it cannot be one.
func issuerURL(issuer string) string {
	if !strings.Contains(issuer, "://") {
		issuer = "https://" + issuer
	}
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "https" || u.Host == "" || strings.ContainsAny(issuer, "?#") {
		return ""
	}
	return issuer
}

// encode writes the document in its one form: no white space, and nothing escaped that JSON does not require.
func (c configuration) encode() (settings.Pattern, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(c); err != nil {
		return "", err
	}
	return settings.Pattern(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}
