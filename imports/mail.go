package imports

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"mailhint/domains"
	"mailhint/settings"
)

// Mail is the settings of one provider while they are collected from a source. Every value is checked as strictly as in domains.toml; those
// that cannot be used are reported and left out.
type Mail struct {
	c        *Collection
	settings settings.Settings
	servers  []placedServer
}

type placedServer struct {
	settings.Server
	where domains.Position
}

// NewMail returns settings without any servers.
func (c *Collection) NewMail() *Mail { return &Mail{c: c} }

// Limits of names that clients show, in characters (draft-ietf-mailmaint-autoconfig-06 section 4).
const (
	maxName      = 60
	maxShortName = 20
)

// Server is a server as a source describes it.
type Server struct {
	Protocol settings.Protocol
	Host     string
	Port     int // 0 for the protocol's usual port with Security
	Security settings.Security
	// Login is the form of the login name, in the placeholders of package settings; empty for the whole address.
	Login string
	// Lookup is the name of the look-up that finds the login name, as Collection.Lookup has returned it; empty for none.
	Lookup string
	// Auth are the login methods, best first; nil for a password.
	Auth []settings.Auth
}

// Server adds a server. One that cannot be used is lost.
func (m *Mail) Server(where domains.Position, s Server) {
	server, err := m.parse(s)
	if err != nil {
		m.c.Lose(where, "this %s server is left out: %v", s.Protocol, err)
		return
	}
	if server.UnusualPort() {
		m.c.Remark(where, "%s on port %d with %s is converted as it is, although that port is normally used for something else", server.Protocol, server.Port, server.Security)
	}
	m.servers = append(m.servers, placedServer{server, where})
}

func (m *Mail) parse(s Server) (settings.Server, error) {
	server := settings.Server{Protocol: s.Protocol, Security: s.Security}
	host, err := settings.ParseHost(s.Host)
	if err != nil {
		return server, fmt.Errorf("%q is %w", clip(s.Host), err)
	}
	server.Host = host
	usual := usualPort(s.Protocol, s.Security)
	if usual == 0 {
		return server, fmt.Errorf("%s with %s does not exist", s.Protocol, s.Security)
	}
	if s.Port == 0 {
		s.Port = usual
	}
	if s.Port < 1 || s.Port > 65535 {
		return server, fmt.Errorf("%d is not a valid port", s.Port)
	}
	server.Port = uint16(s.Port)
	server.Auth = nil
	for _, a := range s.Auth {
		if !slices.Contains(server.Auth, a) {
			server.Auth = append(server.Auth, a)
		}
	}
	if server.Auth == nil {
		server.Auth = []settings.Auth{settings.Password}
	}
	if slices.Contains(server.Auth, settings.NoAuth) && s.Protocol != settings.Submission {
		return server, fmt.Errorf("it has no login; clients ignore such an incoming server")
	}
	login, err := settings.ParseLogin(cmp.Or(s.Login, settings.EmailAddress))
	if err != nil {
		return server, fmt.Errorf("the login name %q cannot be used: %w", clip(s.Login), err)
	}
	server.Login = login.For(settings.EmailDomain, settings.EmailDomain) // so that there is only one form for the whole address
	if s.Lookup != "" {
		server.Login = settings.NewLookupLogin(s.Lookup, "", server.Login)
	}
	if _, err := settings.ParseServer(s.Protocol, server.URL()); err != nil {
		return server, err
	}
	for _, known := range m.servers {
		if known.Protocol == server.Protocol && known.Host == server.Host && known.Port == server.Port {
			if known.Security == server.Security {
				return server, fmt.Errorf("port %d of %s appears twice", server.Port, server.Host)
			}
			return server, fmt.Errorf("port %d of %s appears twice, with %s first", server.Port, server.Host, known.Security)
		}
	}
	return server, nil
}

// usualPort returns the port that a protocol has with a TLS mode; 0 if there is none.
func usualPort(p settings.Protocol, s settings.Security) int {
	for _, scheme := range settings.Schemes(p) {
		if servers, err := settings.ParseServer(p, scheme+"://a.example"); err == nil && servers[0].Security == s {
			return int(servers[0].Port)
		}
	}
	return 0
}

// Empty reports whether there is no server yet.
func (m *Mail) Empty() bool { return len(m.servers) == 0 && m.settings.JMAP == "" }

// Name sets the provider's name as mail programs show it.
func (m *Mail) Name(where domains.Position, text string) {
	m.settings.Name = m.text(where, "name", text, maxName)
}

// ShortName sets a shorter one.
func (m *Mail) ShortName(where domains.Position, text string) {
	m.settings.ShortName = m.text(where, "short name", text, maxShortName)
}

func (m *Mail) text(where domains.Position, what, text string, limit int) settings.Pattern {
	name, err := settings.ParseText(text, limit)
	if err == nil && strings.Contains(text, settings.PrimaryDomain) {
		err = fmt.Errorf("unknown placeholder %s", settings.PrimaryDomain)
	}
	if err != nil {
		m.c.Remark(where, "the %s %q is left out: %v", what, clip(text), err)
		return ""
	}
	return name
}

// services are the keys with a URL, and the schemes that they may have.
var services = map[string]struct {
	of      func(*settings.Settings) *settings.Pattern
	schemes []string
}{
	"caldav":     {func(s *settings.Settings) *settings.Pattern { return &s.CalDAV }, []string{"https"}},
	"carddav":    {func(s *settings.Settings) *settings.Pattern { return &s.CardDAV }, []string{"https"}},
	"webdav":     {func(s *settings.Settings) *settings.Pattern { return &s.WebDAV }, []string{"https"}},
	"jmap":       {func(s *settings.Settings) *settings.Pattern { return &s.JMAP }, []string{"https"}},
	"activesync": {func(s *settings.Settings) *settings.Pattern { return &s.ActiveSync }, []string{"https"}},
	"ews":        {func(s *settings.Settings) *settings.Pattern { return &s.EWS }, []string{"https"}},
	"docs":       {func(s *settings.Settings) *settings.Pattern { return &s.Docs }, []string{"https", "http"}},
	"webmail":    {func(s *settings.Settings) *settings.Pattern { return &s.Webmail }, []string{"https", "http"}},
	"support":    {func(s *settings.Settings) *settings.Pattern { return &s.Support }, []string{"mailto", "https", "tel"}},
}

// personalPart is a part of a path that depends on the person, with everything after it.
var personalPart = regexp.MustCompile(`[^/]*%EMAIL(ADDRESS|LOCALPART)%.*$`)

// URL sets a key of domains.toml that has a URL as its value, such as "caldav". A path that depends on the person is cut off before that:
// clients find the person's own collections from there (RFC 6764 section 6).
func (m *Mail) URL(where domains.Position, key, text string) {
	service := services[key]
	to := service.of(&m.settings)
	shared := text
	if key == "caldav" || key == "carddav" || key == "webdav" {
		shared = personalPart.ReplaceAllString(text, "")
	}
	link, err := settings.ParseURL(shared, service.schemes...)
	switch {
	case err == nil && *to != "" && *to != link:
		err = fmt.Errorf("there can be only one")
	}
	if err != nil {
		m.c.Remark(where, "%s is left out: %v", key, err)
		return
	}
	if shared != text {
		m.c.Remark(where, "%s is %s, without the part for one person: clients find that themselves", key, shared)
	}
	*to = link
}

// OAuth2 sets the authorization server.
func (m *Mail) OAuth2(where domains.Position, o settings.OAuth2) {
	values := map[string]any{"issuer": o.Issuer, "auth_url": o.AuthURL, "token_url": o.TokenURL}
	scopes := make([]any, len(o.Scope))
	for i := range o.Scope {
		scopes[i] = o.Scope[i]
	}
	values["scope"] = scopes
	if o.ClientID != "" {
		values["client_id"] = o.ClientID
	}
	for key, v := range values {
		if v == "" {
			delete(values, key)
		}
	}
	problems := domains.CheckValues(domains.ProfileRecord, "p", map[string]any{"oauth2": values})
	if len(problems) > 0 {
		m.c.Remark(where, "the authorization server is left out: %s: %s", strings.TrimPrefix(problems[0].Key, "profiles.p."), problems[0].Text)
		return
	}
	o.Issuer, _ = settings.ParseIssuer(o.Issuer) // it was checked
	m.settings.OAuth2 = &o
}

// Entry returns an entry with the settings. It returns false, after reporting it, if there is no server that can be used.
func (m *Mail) Entry(where domains.Position, names []settings.Domain) (Entry, bool) {
	if m.Empty() {
		m.c.Fail(where, "it has no server that can be converted")
		return Entry{}, false
	}
	s := m.finish()
	if len(s.Incoming()) == 0 {
		m.c.Remark(where, "there is no IMAP or POP3 server: clients will reject the answer")
	}
	if len(s.Outgoing()) == 0 {
		m.c.Remark(where, "there is no submission server: Thunderbird and others will reject the answer")
	}
	if slices.ContainsFunc(s.Servers, func(s settings.Server) bool { return s.Allows(settings.OAuth2Token) }) && s.OAuth2 == nil {
		m.c.Remark(where, "the login method oauth2 is offered without an authorization server: clients use it only with providers that they know")
	}
	plaintext := slices.IndexFunc(m.servers, func(s placedServer) bool { return s.Security == settings.Plaintext })
	if plaintext >= 0 {
		m.c.Remark(m.servers[plaintext].where, "a server without encryption, so that passwords can be read in transit: converted as it is, with allow_plaintext for all networks; limit it to your own")
	}
	return Entry{Where: where, Domains: names, Settings: s, Plaintext: plaintext >= 0}, true
}

// finish puts the servers into the order of answers, and finds the login that most of them share.
func (m *Mail) finish() *settings.Settings {
	slices.SortStableFunc(m.servers, func(a, b placedServer) int { return cmp.Compare(a.Protocol, b.Protocol) })
	s := m.settings
	var logins []settings.Login
	var auths [][]settings.Auth
	for _, server := range m.servers {
		s.Servers = append(s.Servers, server.Server)
		if !slices.Equal(server.Auth, []settings.Auth{settings.NoAuth}) {
			logins, auths = append(logins, server.Login), append(auths, server.Auth)
		}
	}
	s.Login = commonest(logins, settings.EmailAddress, func(a, b settings.Login) bool { return a == b })
	s.Auth = commonest(auths, []settings.Auth{settings.Password}, slices.Equal)
	for i := range s.Servers {
		if slices.Equal(s.Servers[i].Auth, []settings.Auth{settings.NoAuth}) {
			s.Servers[i].Login = s.Login // it is not used
		}
	}
	return &s
}

// commonest returns the most frequent value. Of several it is the usual one, which domains.toml can leave out, or else the first.
func commonest[T any](values []T, usual T, equal func(a, b T) bool) T {
	times := func(v T) (n int) {
		for _, w := range values {
			if equal(v, w) {
				n++
			}
		}
		return n
	}
	best, most := usual, times(usual)
	for _, v := range values {
		if n := times(v); n > most {
			best, most = v, n
		}
	}
	return best
}
