package autoconfig

import (
	"encoding/xml"
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mailhint/edge/edgetest"
	"mailhint/settings"
)

// golden lists the documents in testdata/golden: whole answers, named after the client or after what is special about the domain.
var golden = []struct {
	name      string
	domain    settings.Domain // example.com if empty
	primary   settings.Domain // the domain if empty
	address   string
	evolution bool
	settings  *settings.Settings
	login     string // the login name that mail servers get; %EMAILADDRESS% if empty
}{
	{name: "minimal", settings: &settings.Settings{
		Name: "Example Mail", ShortName: "Example", Docs: "https://autoconfig.example.com/",
		Servers: edgetest.Servers("imaps://imap.example.com", "pop3s://pop.example.com", "submissions://smtp.example.com")}},
	{name: "both-ports", settings: edgetest.Both()},
	{name: "evolution", evolution: true, settings: edgetest.Both()},
	{name: "evolution-one-port", evolution: true, settings: &settings.Settings{
		Servers: edgetest.Servers("imap://imap.example.com", "submission://smtp.example.com")}},
	{name: "starttls-only", settings: &settings.Settings{
		Servers: edgetest.Servers("imap://imap.example.com", "submission://smtp.example.com")}},
	{name: "pop3", settings: &settings.Settings{
		Servers: edgetest.Servers("pop3s://pop.example.com", "pop3://pop.example.com", "submissions://smtp.example.com")}},
	{name: "own-ports", settings: &settings.Settings{
		Servers: edgetest.Servers("imaps://imap.example.com:10993", "submission://smtp.example.com:2587")}},
	{name: "local-part", login: "%EMAILLOCALPART%", settings: edgetest.WithLogin(edgetest.Both(), "%EMAILLOCALPART%")},
	{name: "local-part-known-address", login: "%EMAILLOCALPART%", address: "fred@example.com",
		settings: edgetest.WithLogin(edgetest.Both(), "%EMAILLOCALPART%")},
	{name: "composed-login", login: "%EMAILLOCALPART%.mail", settings: edgetest.WithLogin(edgetest.Both(), "%EMAILLOCALPART%.mail")},
	{name: "composed-login-known-address", login: "fred.mail", address: "fred@example.com",
		settings: edgetest.WithLogin(edgetest.Both(), "%EMAILLOCALPART%.mail")},
	{name: "composed-login-implausible-address", login: "%EMAILLOCALPART%.mail", address: `<a b&>@example.com`,
		settings: edgetest.WithLogin(edgetest.Both(), "%EMAILLOCALPART%.mail")},
	{name: "composed-login-evolutionuser", login: "%EMAILLOCALPART%.mail", address: "EVOLUTIONUSER@example.com", evolution: true,
		settings: edgetest.WithLogin(edgetest.Both(), "%EMAILLOCALPART%.mail")},
	{name: "address-in-two-halves", settings: edgetest.WithLogin(edgetest.Both(), "%EMAILLOCALPART%@%EMAILDOMAIN%")},
	{name: "alias", domain: "firma.example", primary: "firm.example", login: "%EMAILLOCALPART%@firm.example",
		settings: edgetest.WithLogin(edgetest.WithHost(edgetest.Both(), "mail.%PRIMARYDOMAIN%"), "%EMAILLOCALPART%@%PRIMARYDOMAIN%")},
	{name: "alias-known-address", domain: "firma.example", primary: "firm.example", login: "ann@firm.example", address: "ann@firma.example",
		settings: edgetest.WithLogin(edgetest.WithHost(edgetest.Both(), "mail.%PRIMARYDOMAIN%"), "%EMAILLOCALPART%@%PRIMARYDOMAIN%")},
	{name: "alias-itself", domain: "firm.example", primary: "firm.example",
		settings: edgetest.WithLogin(edgetest.WithHost(edgetest.Both(), "mail.%PRIMARYDOMAIN%"), "%EMAILLOCALPART%@%PRIMARYDOMAIN%")},
	{name: "host-of-the-domain", domain: "xn--bcher-kva.example", settings: edgetest.WithHost(edgetest.Both(), "mail.%EMAILDOMAIN%")},
	{name: "oauth2", settings: &settings.Settings{
		Auth:    []settings.Auth{settings.OAuth2Token},
		Servers: edgetest.WithAuth(edgetest.Servers("imaps://imap.example.com", "submission://smtp.example.com"), settings.OAuth2Token, settings.Password),
		OAuth2: &settings.OAuth2{Issuer: "login.example.com", Scope: []string{"https://mail.example.com/IMAP", "offline_access"},
			AuthURL: "https://login.example.com/authorize?a=b&c=d", TokenURL: "https://login.example.com/token"}}},
	{name: "oauth2-client-id", settings: &settings.Settings{
		Servers: edgetest.WithAuth(edgetest.Servers("imaps://imap.example.com", "submission://smtp.example.com"), settings.OAuth2Token),
		OAuth2: &settings.OAuth2{Issuer: "login.example.com", Scope: []string{"mail"}, AuthURL: "https://login.example.com/authorize",
			TokenURL: "https://login.example.com/token", ClientID: "mail-programs"}}},
	{name: "all-auth-methods", settings: &settings.Settings{
		Servers: edgetest.WithAuth(edgetest.Servers("imaps://imap.example.com", "submissions://smtp.example.com"), settings.Auths...)}},
	{name: "version-1.2", settings: &settings.Settings{
		Login: settings.EmailAddress, Auth: []settings.Auth{settings.Password, settings.PasswordEncrypted, settings.OAuth2Token, settings.NTLM},
		Servers: edgetest.Servers("imaps://imap.example.com", "submissions://smtp.example.com", "sieve://imap.example.com"),
		CalDAV:  "https://dav.%EMAILDOMAIN%/calendars/?a=1&b=2", CardDAV: "https://dav.example.com/contacts/",
		WebDAV: "https://dav.example.com/files/", JMAP: "https://jmap.example.com/session"}},
	{name: "exchange", settings: &settings.Settings{
		Login: settings.EmailAddress, Auth: []settings.Auth{settings.OAuth2Token, settings.PasswordEncrypted, settings.Password, settings.NTLM},
		Servers: edgetest.Servers("imaps://imap.example.com", "pop3s://pop.example.com", "submissions://smtp.example.com"),
		JMAP:    "https://jmap.example.com/session", EWS: "https://ews.%EMAILDOMAIN%/EWS/Exchange.asmx?a=1&b=2",
		ActiveSync: "https://eas.example.com/Microsoft-Server-ActiveSync"}},
	{name: "exchange-without-a-word", settings: &settings.Settings{ // Kerberos has no name there
		Login: settings.EmailAddress, Auth: []settings.Auth{settings.GSSAPI}, EWS: "https://ews.example.com/EWS/Exchange.asmx",
		Servers: edgetest.Servers("imaps://imap.example.com", "submissions://smtp.example.com")}},
	{name: "jmap-only", settings: &settings.Settings{
		Login: settings.EmailAddress, Auth: []settings.Auth{settings.Password}, JMAP: "https://jmap.example.com/session"}},
	{name: "url-services-without-spelling", settings: &settings.Settings{ // Kerberos has no name there
		Login: settings.EmailAddress, Auth: []settings.Auth{settings.GSSAPI}, CalDAV: "https://dav.example.com/",
		Servers: edgetest.WithAuth(edgetest.Servers("imaps://imap.example.com", "submissions://smtp.example.com"), settings.GSSAPI, settings.Password)}},
	{name: "logins-differ", settings: &settings.Settings{
		Login: settings.EmailAddress, Auth: []settings.Auth{settings.Password}, CalDAV: "https://dav.example.com/",
		Servers: []settings.Server{
			{Protocol: settings.IMAP, Host: "imap.example.com", Port: 993, Security: settings.ImplicitTLS, Login: settings.EmailAddress, Auth: []settings.Auth{settings.Password}},
			{Protocol: settings.Submission, Host: "smtp.example.com", Port: 465, Security: settings.ImplicitTLS, Login: settings.EmailAddress, Auth: []settings.Auth{settings.Password}},
			{Protocol: settings.ManageSieve, Host: "imap.example.com", Port: 4190, Security: settings.STARTTLS, Login: "%EMAILLOCALPART%", Auth: []settings.Auth{settings.Password}},
		}}},
	{name: "hostile-name", settings: &settings.Settings{
		Name: `Bäcker & Söhne <"Mail">`, ShortName: "O'Neill & 猫]]>", Docs: "https://example.com/?a='b'&c=d",
		Servers: edgetest.Servers("imaps://imap.example.com", "submissions://smtp.example.com")}},
	{name: "name-of-the-domain", domain: "shop.example", settings: &settings.Settings{Name: "Mail of %EMAILDOMAIN%",
		Servers: edgetest.Servers("imaps://imap.example.com", "submissions://smtp.example.com")}},
	{name: "outgoing-only", settings: &settings.Settings{Servers: edgetest.Servers("submissions://smtp.example.com")}},
	{name: "incoming-only", settings: &settings.Settings{Servers: edgetest.Servers("imaps://imap.example.com")}},
	{name: "help-of-the-domain", domain: "firma.example", primary: "firm.example", settings: &settings.Settings{
		Docs:    "https://help.%PRIMARYDOMAIN%/%EMAILDOMAIN%/",
		Servers: edgetest.Servers("imaps://imap.example.com", "submissions://smtp.example.com")}},
	{name: "plaintext", settings: &settings.Settings{ // only for configured networks
		Servers: edgetest.Servers("imap+plain://imap.example.com", "submission+plain://smtp.example.com")}},
}

func TestGolden(t *testing.T) {
	for _, c := range golden {
		t.Run(c.name, func(t *testing.T) {
			found := settings.Found{Settings: c.settings, Domain: c.domain, Primary: c.primary}
			if found.Domain == "" {
				found.Domain = "example.com"
			}
			if found.Primary == "" {
				found.Primary = found.Domain
			}
			var a settings.Address
			if c.address != "" {
				var err error
				if a, err = settings.ParseAddress(c.address); err != nil {
					t.Fatal(err)
				}
			}
			got, err := Answer(found, a, c.evolution)
			if err != nil {
				t.Fatal(err)
			}
			edgetest.Golden(t, filepath.Join("testdata", "golden", c.name+".xml"), got)
			login := c.login
			if login == "" {
				login = settings.EmailAddress
			}
			compareSettings(t, got, found, login, c.evolution)
		})
	}
}

// decoded is config-v1.1.xml as a client reads it.
type decoded struct {
	XMLName  xml.Name
	Version  string `xml:"version,attr"`
	Provider struct {
		ID        string     `xml:"id,attr"`
		Domains   []string   `xml:"domain"`
		Name      string     `xml:"displayName"`
		ShortName string     `xml:"displayShortName"`
		Incoming  []mailbox  `xml:"incomingServer"`
		Outgoing  []mailbox  `xml:"outgoingServer"`
		Docs      []docsLink `xml:"documentation"`
	} `xml:"emailProvider"`
	AddressBook []mailbox `xml:"addressbook"`
	Calendar    []mailbox `xml:"calendar"`
	FileShare   []mailbox `xml:"fileShare"`
	Setup       []mailbox `xml:"setupServer"`
	OAuth2      *struct {
		AuthURL  string `xml:"authURL"`
		TokenURL string `xml:"tokenURL"`
		Issuer   string `xml:"issuer"`
		Scope    string `xml:"scope"`
		ClientID string `xml:"clientID"`
	} `xml:"oAuth2"`
}

type docsLink struct {
	URL string `xml:"url,attr"`
}

// mailbox is any element with a server.
type mailbox struct {
	Type       string       `xml:"type,attr"`
	Attributes []xml.Attr   `xml:",any,attr"`
	Hostname   string       `xml:"hostname"`
	Port       string       `xml:"port"`
	SocketType string       `xml:"socketType"`
	URL        string       `xml:"url"`
	Auth       []authMethod `xml:"authentication"`
	Username   []string     `xml:"username"`
}

type authMethod struct {
	System string `xml:"system,attr"`
	Name   string `xml:",chardata"`
}

// compareSettings decodes an answer and compares it, field by field, with the settings it was made from, in the words of the format
// (draft-ietf-mailmaint-autoconfig-06). login is the expected login of the mail servers.
func compareSettings(t *testing.T, answer []byte, found settings.Found, login string, evolution bool) {
	t.Helper()
	var got decoded
	if err := xml.Unmarshal(answer, &got); err != nil {
		t.Fatalf("%v in\n%s", err, answer)
	}
	expand := func(p settings.Pattern) string { return p.Expand(string(found.Domain), string(found.Primary)) }
	s := found.Settings
	check := func(what string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, want %#v in\n%s", what, got, want, answer)
		}
	}

	check("root", got.XMLName, xml.Name{Local: "clientConfig"})
	check("id", got.Provider.ID, string(found.Domain))
	check("domain", got.Provider.Domains, []string{string(found.Domain)})
	name := expand(s.Name)
	if name == "" {
		name = string(found.Domain)
	}
	check("displayName", got.Provider.Name, name)
	check("displayShortName", got.Provider.ShortName, expand(s.ShortName))
	var docs []docsLink
	if s.Docs != "" {
		docs = []docsLink{{expand(s.Docs)}}
	}
	check("documentation", got.Provider.Docs, docs)

	mail := func(kind string, p settings.Protocol) []mailbox {
		var want []mailbox
		for i, server := range s.Of(p) {
			if i > 0 && evolution {
				break
			}
			var auth []authMethod
			for _, a := range server.Auth {
				auth = append(auth, authMethod{Name: map[settings.Auth]string{"password": "password-cleartext",
					"password-encrypted": "password-encrypted", "oauth2": "OAuth2", "gssapi": "GSSAPI", "ntlm": "NTLM",
					"client-cert": "TLS-client-cert", "none": "none"}[a]})
			}
			username := login
			if server.Login == "%EMAILLOCALPART%" {
				username = "%EMAILLOCALPART%"
			}
			want = append(want, mailbox{
				Type: kind, Hostname: expand(server.Host), Port: strconv.Itoa(int(server.Port)),
				SocketType: map[settings.Security]string{settings.ImplicitTLS: "SSL", settings.STARTTLS: "STARTTLS", settings.Plaintext: "plain"}[server.Security],
				Auth:       auth, Username: []string{username},
			})
		}
		return want
	}
	service := func(kind string, url settings.Pattern) []mailbox {
		var auth []authMethod
		for _, a := range s.Auth {
			switch a {
			case settings.Password:
				auth = append(auth, authMethod{"http", "Basic"})
			case settings.PasswordEncrypted:
				auth = append(auth, authMethod{"http", "Digest"})
			case settings.OAuth2Token:
				auth = append(auth, authMethod{"", "OAuth2"})
			}
		}
		if url == "" || auth == nil {
			return nil
		}
		return []mailbox{{Type: kind, URL: expand(url), Auth: auth, Username: []string{settings.EmailAddress}}}
	}
	// Thunderbird 153.8 skips an Exchange server with Basic alone.
	exchange := func(kind string, url settings.Pattern) []mailbox {
		servers := service(kind, url)
		for _, a := range s.Auth {
			if word := map[settings.Auth]string{settings.Password: "password-cleartext", settings.PasswordEncrypted: "password-encrypted"}[a]; word != "" && servers != nil {
				servers[0].Auth = append(servers[0].Auth, authMethod{"", word})
			}
		}
		return servers
	}
	check("incomingServer", got.Provider.Incoming, slices.Concat(mail("imap", settings.IMAP), mail("pop3", settings.POP3),
		service("jmap", s.JMAP), exchange("ews", s.EWS), exchange("activesync", s.ActiveSync)))
	check("outgoingServer", got.Provider.Outgoing, mail("smtp", settings.Submission))
	check("setupServer", got.Setup, mail("managesieve", settings.ManageSieve))
	check("calendar", got.Calendar, service("caldav", s.CalDAV))
	check("addressbook", got.AddressBook, service("carddav", s.CardDAV))
	check("fileShare", got.FileShare, service("webdav", s.WebDAV))
	check("has an oAuth2", got.OAuth2 != nil, s.OAuth2 != nil)
	if o := s.OAuth2; o != nil && got.OAuth2 != nil {
		check("oAuth2", *got.OAuth2, struct {
			AuthURL  string `xml:"authURL"`
			TokenURL string `xml:"tokenURL"`
			Issuer   string `xml:"issuer"`
			Scope    string `xml:"scope"`
			ClientID string `xml:"clientID"`
		}{o.AuthURL, o.TokenURL, o.IssuerURL(), strings.Join(o.Scope, " "), o.ClientID})
	}
	version := "1.1"
	if got.Calendar != nil || got.AddressBook != nil || got.FileShare != nil || got.Setup != nil || got.OAuth2 != nil {
		version = "1.2"
	}
	check("version", got.Version, version)
	checkForm(t, answer)
}

// checkForm checks for what XML allows and clients do not: Thunderbird rejects white space around values, Evolution ignores a document
// with a byte order mark or CDATA, and all refuse prefixes.
func checkForm(t *testing.T, answer []byte) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(answer)))
	leaf := false
	for {
		token, err := d.RawToken()
		if err != nil {
			break
		}
		switch token := token.(type) {
		case xml.StartElement:
			leaf = true
			if token.Name.Space != "" || len(token.Attr) > 0 && token.Attr[0].Name.Local == "xmlns" {
				t.Errorf("<%s> has a prefix or namespace", token.Name.Local)
			}
		case xml.CharData:
			text := string(token)
			if leaf && strings.TrimSpace(text) != "" && strings.TrimSpace(text) != text {
				t.Errorf("white space around %q", text)
			}
		case xml.EndElement:
			leaf = false
		case xml.Comment, xml.Directive:
			t.Errorf("a comment or document type: %s", token)
		}
	}
	if strings.Contains(string(answer), "<![CDATA[") || !strings.HasPrefix(string(answer), `<?xml version="1.0" encoding="UTF-8"?>`+"\n") {
		t.Errorf("CDATA or a wrong beginning in\n%s", answer)
	}
	if strings.Contains(string(answer), "%EMAILDOMAIN%") || strings.Contains(string(answer), "%PRIMARYDOMAIN%") {
		t.Errorf("a domain placeholder is left in\n%s", answer)
	}
}

func TestNotExpressible(t *testing.T) {
	for name, s := range map[string]*settings.Settings{
		"nothing":     {},
		"redirect":    {AutodiscoverRedirect: "https://autodiscover-s.outlook.com/autodiscover/autodiscover.xml"},
		"calendar":    {Login: settings.EmailAddress, Auth: []settings.Auth{settings.Password}, CalDAV: "https://dav.example.com/"},
		"sieve alone": {Servers: edgetest.Servers("sieve://imap.example.com")},
	} {
		if answer, err := Answer(settings.Found{Settings: s, Domain: "example.com", Primary: "example.com"}, settings.Address{}, false); !errors.Is(err, settings.ErrNotExpressible) {
			t.Errorf("%s: got %v and\n%s\nwant settings.ErrNotExpressible", name, err, answer)
		}
	}
}

func TestPrivateUseCharacters(t *testing.T) {
	s := edgetest.Both()
	s.OAuth2 = &settings.OAuth2{Issuer: "login.example.com\uE063", Scope: []string{"mail"}}
	if _, err := prepare(s); err == nil || !strings.Contains(err.Error(), "U+E063") {
		t.Errorf("prepare: %v, want an error about U+E063", err)
	}
}

// What comes from a look-up is filled in, found or not, and personal, even if its form is the same for everyone.
func TestLookedUpLogin(t *testing.T) {
	s := edgetest.WithLogin(edgetest.Both(), settings.NewLookupLogin("people", "", "guest"))
	s.NameLookups()
	p, err := prepare(s)
	if err != nil {
		t.Fatal(err)
	}
	found := settings.Found{Settings: s, Domain: "example.com", Primary: "example.com"}
	ann := settings.Address{Local: "ann", Domain: "example.com"}
	for _, test := range []struct {
		names    []string
		a        settings.Address
		want     string
		personal bool
	}{{[]string{"ab123"}, ann, "ab123", true}, {[]string{""}, ann, "guest", true}, {nil, ann, "guest", true}, {nil, settings.Address{}, "guest", false}} {
		values, personal := p.values(found.WithNames(test.names), test.a)
		if got := values[holeLogin]; got != test.want || personal != test.personal {
			t.Errorf("%q for %s: %q, personal %v", test.names, test.a, got, personal)
		}
	}
}
