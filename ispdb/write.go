package ispdb

import (
	"errors"
	"slices"
	"strings"

	"mailhint/settings"
	"mailhint/templates"
)

var config = templates.XML("ispdb.xml.tmpl")

// ErrNothing means that there is no server that the format can express.
var ErrNothing = errors.New("there is no server that a provider file can name")

// Write returns the provider file. Its id is the first domain. Placeholders stay as they are, because programs fill them in;
// primary replaces %PRIMARYDOMAIN%, which they do not know, and is empty if each domain stands for itself. lost says what the
// settings have and the format has not.
func Write(p *Provider, primary settings.Domain) (file []byte, lost []string, err error) {
	s := p.Settings
	if len(s.Incoming()) == 0 && len(s.Outgoing()) == 0 && s.JMAP == "" {
		return nil, nil, ErrNothing
	}
	w := writer{s: s, primary: settings.EmailDomain}
	if primary != "" {
		w.primary = string(primary)
	}
	document, err := config.Prepare(w.clientConfig(p), 0)
	if err != nil {
		return nil, nil, err
	}
	return document.Fill(nil), w.lost, nil
}

// clientConfig is what the template is filled with: the root element (draft-ietf-mailmaint-autoconfig-06 section 3) in the order
// of the published files.
type clientConfig struct {
	// Version is 1.1 when only elements of that version are present, else 1.2. No program read here looks at it.
	Version          string
	Domain           string
	Domains          []settings.Domain
	DisplayName      string
	DisplayShortName string
	IncomingServers  []tcpServer
	OutgoingServers  []tcpServer
	Documentation    string
	Webmail          string

	// Elements of version 1.2.
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
	Authentication []string // best first
	Username       string   // empty for a server without login
}

// urlServer is a server section with a URL.
type urlServer struct {
	Type, URL      string
	Authentication []urlAuth
	Username       string
}

// urlAuth is one authentication element of a urlServer. OAuth2 has no system.
type urlAuth struct{ System, Method string }

type oAuth2 struct{ AuthURL, TokenURL, Issuer, Scope, ClientID string }

// writer spells settings in the words of the format.
type writer struct {
	s       *settings.Settings
	primary string
	lost    []string
}

func (w *writer) clientConfig(p *Provider) clientConfig {
	s := w.s
	c := clientConfig{
		Version:          "1.1",
		Domain:           string(p.Domains[0]),
		Domains:          p.Domains,
		DisplayName:      w.expand(s.Name),
		DisplayShortName: w.expand(s.ShortName),
		Documentation:    w.expand(s.Docs),
		Webmail:          w.expand(s.Webmail),
		JMAP:             w.service("jmap", s.JMAP),
		AddressBook:      w.service("carddav", s.CardDAV),
		Calendar:         w.service("caldav", s.CalDAV),
		FileShare:        w.service("webdav", s.WebDAV),
	}
	if c.DisplayName == "" { // answers show the domain
		c.DisplayName = settings.EmailDomain
		if len(p.Domains) == 1 {
			c.DisplayName = c.Domain
		}
	}
	for _, server := range s.Servers {
		switch server.Protocol {
		case settings.Submission:
			c.OutgoingServers = append(c.OutgoingServers, w.server(server, outgoingTypes))
		case settings.ManageSieve:
			c.SetupServers = append(c.SetupServers, w.server(server, setupTypes))
		default:
			c.IncomingServers = append(c.IncomingServers, w.server(server, incomingTypes))
		}
	}
	if o := s.OAuth2; o != nil {
		c.OAuth2 = &oAuth2{o.AuthURL, o.TokenURL, o.Issuer, strings.Join(o.Scope, " "), o.ClientID}
	}
	if c.JMAP != nil || c.AddressBook != nil || c.Calendar != nil || c.FileShare != nil || c.SetupServers != nil || c.OAuth2 != nil {
		c.Version = "1.2"
	}
	for _, field := range []struct{ key, value string }{
		{"support", string(s.Support)},
		{"activesync", string(s.ActiveSync)},
		{"ews", string(s.EWS)},
		{"autodiscover", s.AutodiscoverRedirect},
	} {
		if field.value != "" {
			w.lose(field.key, "provider files have no element for it")
		}
	}
	return c
}

func (w *writer) lose(key, why string) { w.lost = append(w.lost, key+" is left out: "+why) }

func (w *writer) server(server settings.Server, types []word[settings.Protocol]) tcpServer {
	t := tcpServer{
		Type:       spell(types, server.Protocol),
		Hostname:   w.expand(server.Host),
		Port:       server.Port,
		SocketType: spell(socketTypes, server.Security),
	}
	for _, a := range server.Auth {
		t.Authentication = append(t.Authentication, spell(tcpAuths, a))
	}
	if !slices.Equal(server.Auth, []settings.Auth{settings.NoAuth}) {
		t.Username = w.username(server.Login)
	}
	return t
}

// service returns nil if the service is not offered, or with no method that the format can spell.
func (w *writer) service(kind string, url settings.Pattern) *urlServer {
	if url == "" {
		return nil
	}
	u := &urlServer{Type: kind, URL: w.expand(url), Username: w.username(w.s.Login)}
	for _, a := range w.s.Auth {
		spelled := urlAuth{System: "http", Method: spell(urlAuths, a)}
		if a == settings.OAuth2Token {
			spelled.System = ""
		}
		if spelled.Method != "" {
			u.Authentication = append(u.Authentication, spelled)
		}
	}
	if u.Authentication == nil {
		w.lose(kind, "no method of auth has a word there")
		return nil
	}
	return u
}

func (w *writer) expand(p settings.Pattern) string { return p.Expand(settings.EmailDomain, w.primary) }

// username returns the login form as programs fill it in. What comes to the whole address is written as %EMAILADDRESS%, which
// every program understands.
func (w *writer) username(l settings.Login) string {
	return string(l.For(settings.EmailDomain, settings.Domain(w.primary)))
}
