package autoconfig

import (
	"slices"
	"strings"

	"mailhint/settings"
	"mailhint/templates"
)

// clientConfig is what the template is filled with: the root element (draft-ietf-mailmaint-autoconfig-06 section 3).
type clientConfig struct {
	// Version is 1.1 when only elements of that version are present, else 1.2. No program read here looks at it.
	Version          string
	Domain           string // id and only domain of emailProvider
	DisplayName      string
	DisplayShortName string
	IncomingServers  []tcpServer
	OutgoingServers  []tcpServer
	Documentation    string

	// Elements of version 1.2. JMAP is an incomingServer and comes after those that every program knows.
	JMAP         *urlServer
	AddressBook  *urlServer
	Calendar     *urlServer
	FileShare    *urlServer
	SetupServers []tcpServer
	OAuth2       *oAuth2
}

// tcpServer is incomingServer, outgoingServer or setupServer with a host and a port.
type tcpServer struct {
	Type           string
	Hostname       string
	Port           uint16
	SocketType     string
	Authentication []string // best first; KMail goes on reading after the first and may end with the last
	Username       string
}

// urlServer is a server section with a URL.
type urlServer struct {
	Type, URL      string
	Authentication []urlAuth
	Username       string
}

// urlAuth is one authentication element of a urlServer.
type urlAuth struct{ System, Method string }

// oAuth2 is the root's element of this name.
type oAuth2 struct{ AuthURL, TokenURL, Issuer, Scope, ClientID string }

// types are the values of the attribute type for each protocol.
var types = [...]string{settings.IMAP: "imap", settings.POP3: "pop3", settings.Submission: "smtp", settings.ManageSieve: "managesieve"}

// socketTypes are the values of socketType. Thunderbird rejects any other spelling; Evolution and Geary store plain text for it.
var socketTypes = [...]string{settings.ImplicitTLS: "SSL", settings.STARTTLS: "STARTTLS", settings.Plaintext: "plain"}

var tcpAuths = map[settings.Auth]string{
	settings.Password:          "password-cleartext",
	settings.PasswordEncrypted: "password-encrypted",
	settings.OAuth2Token:       "OAuth2",
	settings.GSSAPI:            "GSSAPI",
	settings.NTLM:              "NTLM",
	settings.ClientCert:        "TLS-client-cert",
	settings.NoAuth:            "none",
}

// urlAuths holds what a service named by URL can ask for; the other methods have no spelling there.
var urlAuths = map[settings.Auth]urlAuth{
	settings.Password:          {System: "http", Method: "Basic"},
	settings.PasswordEncrypted: {System: "http", Method: "Digest"},
	settings.OAuth2Token:       {Method: "OAuth2"},
}

// newClientConfig spells the settings with the given selection of their servers. Domains and logins become holes.
func newClientConfig(s *settings.Settings, servers []settings.Server, logins []settings.Login) clientConfig {
	c := clientConfig{
		Version:          "1.1",
		Domain:           templates.Hole(holeDomain),
		DisplayName:      expand(s.Name),
		DisplayShortName: expand(s.ShortName),
		Documentation:    expand(s.Docs),
		JMAP:             newURLServer("jmap", s.JMAP, s, logins),
		AddressBook:      newURLServer("carddav", s.CardDAV, s, logins),
		Calendar:         newURLServer("caldav", s.CalDAV, s, logins),
		FileShare:        newURLServer("webdav", s.WebDAV, s, logins),
	}
	if c.DisplayName == "" {
		c.DisplayName = c.Domain
	}
	for _, server := range servers {
		spelled := newTCPServer(server, logins)
		switch server.Protocol {
		case settings.Submission:
			c.OutgoingServers = append(c.OutgoingServers, spelled)
		case settings.ManageSieve:
			c.SetupServers = append(c.SetupServers, spelled)
		default:
			c.IncomingServers = append(c.IncomingServers, spelled)
		}
	}
	if o := s.OAuth2; o != nil {
		c.OAuth2 = &oAuth2{o.AuthURL, o.TokenURL, o.Issuer, strings.Join(o.Scope, " "), o.ClientID}
	}
	if c.JMAP != nil || c.AddressBook != nil || c.Calendar != nil || c.FileShare != nil || c.SetupServers != nil || c.OAuth2 != nil {
		c.Version = "1.2"
	}
	return c
}

func newTCPServer(s settings.Server, logins []settings.Login) tcpServer {
	t := tcpServer{
		Type:       types[s.Protocol],
		Hostname:   expand(s.Host),
		Port:       s.Port,
		SocketType: socketTypes[s.Security],
		Username:   username(s.Login, logins),
	}
	for _, a := range s.Auth {
		t.Authentication = append(t.Authentication, tcpAuths[a])
	}
	return t
}

// newURLServer returns nil if the service is not offered, or with no method that the format can spell.
func newURLServer(kind string, url settings.Pattern, s *settings.Settings, logins []settings.Login) *urlServer {
	u := &urlServer{Type: kind, URL: expand(url), Username: username(s.Login, logins)}
	for _, a := range s.Auth {
		if spelled, ok := urlAuths[a]; ok {
			u.Authentication = append(u.Authentication, spelled)
		}
	}
	if url == "" || u.Authentication == nil {
		return nil
	}
	return u
}

func expand(p settings.Pattern) string {
	return p.Expand(templates.Hole(holeDomain), templates.Hole(holePrimary))
}

func username(l settings.Login, logins []settings.Login) string {
	return templates.Hole(holeLogin + slices.Index(logins, l))
}
