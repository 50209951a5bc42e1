package autoconfig

import (
	"slices"
	"strings"

	"mailhint/settings"
	"mailhint/templates"
)

// ClientConfig is what the template is filled with: the root element (draft-ietf-mailmaint-autoconfig-06 section 3). Answers hold one
// domain; the provider files of package ispdb hold many.
type ClientConfig struct {
	// Version is 1.1 unless there are elements beside emailProvider; then it is 1.2. No client that was examined looks at it.
	Version          string
	Domain           string   // the attribute id of emailProvider
	Domains          []string // the elements domain
	DisplayName      string
	DisplayShortName string
	IncomingServers  []tcpServer
	OutgoingServers  []tcpServer
	Documentation    string

	// Services are incomingServers that are named by URL, JMAP, EWS and ActiveSync; they come after those that
	// every client knows: FairEmail and Geary find no IMAP server behind another.
	Services []urlServer

	// Elements of version 1.2.
	AddressBook  *urlServer
	Calendar     *urlServer
	FileShare    *urlServer
	SetupServers []tcpServer
	OAuth2       *oAuth2

	// Webmail is the URL of webMail's login page, which provider files have and answers leave out: no client asks for it.
	Webmail string
}

// tcpServer is an incomingServer, outgoingServer or setupServer with a host and a port.
type tcpServer struct {
	Type           string
	Hostname       string
	Port           uint16
	SocketType     string
	Authentication []string // best first; KMail continues after the first and may end up with the last
	Username       string   // left out if empty
}

// urlServer is an element with a URL.
type urlServer struct {
	Type, URL      string
	Authentication []urlMethod
	Username       string
}

// urlMethod is one authentication element of a urlServer. OAuth2 has no system.
type urlMethod struct{ System, Method string }

// oAuth2 is the root's element of this name.
type oAuth2 struct{ AuthURL, TokenURL, Issuer, Scope, ClientID string }

// Spelling says how a document writes what depends on the domain or the person.
type Spelling struct {
	Expand   func(settings.Pattern) string                // a host, URL or name
	Username func(settings.Login, []settings.Auth) string // the user name for a login form, where these methods are accepted
}

// NewClientConfig puts settings into the elements of the format, with the given selection of their servers. The domain is written as it is.
func NewClientConfig(s *settings.Settings, servers []settings.Server, domain string, sp Spelling) *ClientConfig {
	c := &ClientConfig{
		Version:          "1.1",
		Domain:           domain,
		Domains:          []string{domain},
		DisplayName:      sp.Expand(s.Name),
		DisplayShortName: sp.Expand(s.ShortName),
		Documentation:    sp.Expand(s.Docs),
		AddressBook:      sp.urlServer("carddav", s.CardDAV, s),
		Calendar:         sp.urlServer("caldav", s.CalDAV, s),
		FileShare:        sp.urlServer("webdav", s.WebDAV, s),
	}
	if c.DisplayName == "" {
		c.DisplayName = domain
	}
	for _, service := range []*urlServer{sp.urlServer(JMAP, s.JMAP, s), sp.exchange(EWS, s.EWS, s), sp.exchange(ActiveSync, s.ActiveSync, s)} {
		if service != nil {
			c.Services = append(c.Services, *service)
		}
	}
	for _, server := range servers {
		switch server.Protocol {
		case settings.Submission:
			c.OutgoingServers = append(c.OutgoingServers, sp.tcpServer(OutgoingTypes, server))
		case settings.ManageSieve:
			c.SetupServers = append(c.SetupServers, sp.tcpServer(SetupTypes, server))
		default:
			c.IncomingServers = append(c.IncomingServers, sp.tcpServer(IncomingTypes, server))
		}
	}
	if o := s.OAuth2; o != nil {
		c.OAuth2 = &oAuth2{o.AuthURL, o.TokenURL, o.IssuerURL(), strings.Join(o.Scope, " "), o.ClientID}
	}
	if c.AddressBook != nil || c.Calendar != nil || c.FileShare != nil || c.SetupServers != nil || c.OAuth2 != nil {
		c.Version = "1.2"
	}
	return c
}

// HasService reports whether there is an incomingServer of this type among Services.
func (c *ClientConfig) HasService(kind string) bool {
	return slices.ContainsFunc(c.Services, func(s urlServer) bool { return s.Type == kind })
}

var config = templates.XML("config-v1.1.xml.tmpl")

// Prepare writes the document, with the given number of holes; see package templates.
func (c *ClientConfig) Prepare(holes int) (templates.Document, error) {
	return config.Prepare(c, holes)
}

func (sp Spelling) tcpServer(types Words[settings.Protocol], s settings.Server) tcpServer {
	t := tcpServer{
		Type:       types.Spell(s.Protocol),
		Hostname:   sp.Expand(s.Host),
		Port:       s.Port,
		SocketType: SocketTypes.Spell(s.Security),
		Username:   sp.Username(s.Login, s.Auth),
	}
	for _, a := range s.Auth {
		t.Authentication = append(t.Authentication, Methods.Spell(a))
	}
	return t
}

// exchange is urlServer for an Exchange service, whose passwords have the words for mail servers as well: Thunderbird 153.8 skips the server
// if HTTP Basic is its only method.
func (sp Spelling) exchange(kind string, url settings.Pattern, s *settings.Settings) *urlServer {
	u := sp.urlServer(kind, url, s)
	if u == nil {
		return nil
	}
	for _, a := range s.Auth {
		if a == settings.Password || a == settings.PasswordEncrypted {
			u.Authentication = append(u.Authentication, urlMethod{Method: Methods.Spell(a)})
		}
	}
	return u
}

// urlServer returns nil if the service is not offered, or only with login methods that the format cannot name.
func (sp Spelling) urlServer(kind string, url settings.Pattern, s *settings.Settings) *urlServer {
	u := &urlServer{Type: kind, URL: sp.Expand(url), Username: sp.Username(s.Login, s.Auth)}
	for _, a := range s.Auth {
		m := urlMethod{System: "http", Method: URLMethods.Spell(a)}
		if a == settings.OAuth2Token {
			m.System = ""
		}
		if m.Method != "" {
			u.Authentication = append(u.Authentication, m)
		}
	}
	if url == "" || u.Authentication == nil {
		return nil
	}
	return u
}
