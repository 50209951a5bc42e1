package autodiscover

import (
	"encoding/xml"
	"errors"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailhint/edge/edgetest"
	"mailhint/settings"
)

// golden lists Outlook's documents in testdata/golden: whole answers, named after what is special about the domain.
var golden = []struct {
	name     string
	domain   settings.Domain // example.com if empty
	primary  settings.Domain // the domain if empty
	address  string
	settings *settings.Settings
	login    string // the LoginName expected; the address if empty
}{
	{name: "personal", address: "fred@example.com", settings: edgetest.Both()},
	{name: "anonymous", settings: edgetest.Both()},
	{name: "implausible-address", address: `<a b&>@example.com`, settings: edgetest.Both()},
	{name: "evolutionuser", address: "EVOLUTIONUSER@example.com", settings: edgetest.Both()},
	{name: "one-port-each", address: "fred@example.com", settings: &settings.Settings{ // one entry in each TLS mode
		Servers: edgetest.Servers("imaps://imap.example.com", "submission://smtp.example.com")}},
	{name: "starttls-only", address: "fred@example.com", settings: &settings.Settings{
		Servers: edgetest.Servers("imap://imap.example.com", "submission://smtp.example.com")}},
	{name: "pop3", address: "fred@example.com", settings: &settings.Settings{
		Servers: edgetest.Servers("pop3s://pop.example.com", "pop3://pop.example.com", "submissions://smtp.example.com")}},
	{name: "incoming-only", address: "fred@example.com", settings: &settings.Settings{Servers: edgetest.Servers("imaps://imap.example.com")}},
	{name: "imap-and-pop3", address: "fred@example.com", settings: &settings.Settings{
		Servers: edgetest.Servers("imaps://imap.example.com", "pop3s://pop.example.com", "submissions://smtp.example.com")}},
	{name: "own-ports", address: "fred@example.com", settings: &settings.Settings{
		Servers: edgetest.Servers("imaps://imap.example.com:10993", "submission://smtp.example.com:2587")}},
	{name: "local-part", address: "fred@example.com", login: "fred", settings: edgetest.WithLogin(edgetest.Both(), "%EMAILLOCALPART%")},
	{name: "local-part-anonymous", settings: edgetest.WithLogin(edgetest.Both(), "%EMAILLOCALPART%")},
	{name: "composed-login", address: "fred@example.com", login: "fred.mail", settings: edgetest.WithLogin(edgetest.Both(), "%EMAILLOCALPART%.mail")},
	{name: "fixed-login-anonymous", settings: edgetest.WithLogin(edgetest.Both(), "postbox")},
	{name: "alias", domain: "firma.example", primary: "firm.example", address: "ann@firma.example", login: "ann@firm.example",
		settings: edgetest.WithLogin(edgetest.WithHost(edgetest.Both(), "mail.%PRIMARYDOMAIN%"), "%EMAILLOCALPART%@%PRIMARYDOMAIN%")},
	{name: "host-of-the-domain", domain: "xn--bcher-kva.example", address: "ann@bücher.example", settings: edgetest.WithHost(edgetest.Both(), "mail.%EMAILDOMAIN%")},
	{name: "hostile-address", address: `o'neill+a&b@example.com`, settings: edgetest.Both()},
	{name: "quoted-address", address: `"<&>"@example.com`, settings: edgetest.Both()},
	{name: "address-of-another-domain", address: "ann@other.example", settings: edgetest.Both()},
	{name: "ntlm", address: "fred@example.com", settings: &settings.Settings{
		Servers: edgetest.WithAuth(edgetest.Servers("imaps://imap.example.com", "submissions://smtp.example.com"), settings.NTLM, settings.Password)}},
	{name: "oauth2-and-password", address: "fred@example.com", settings: &settings.Settings{
		Servers: edgetest.WithAuth(edgetest.Servers("imaps://imap.example.com", "submissions://smtp.example.com"), settings.OAuth2Token, settings.Password)}},
	{name: "submission-with-another-login", address: "fred@example.com", settings: &settings.Settings{
		Servers: []settings.Server{
			{Protocol: settings.IMAP, Host: "imap.example.com", Port: 993, Security: settings.ImplicitTLS, Login: "%EMAILLOCALPART%", Auth: []settings.Auth{settings.GSSAPI}},
			{Protocol: settings.IMAP, Host: "imap.example.com", Port: 143, Security: settings.STARTTLS, Login: settings.EmailAddress, Auth: []settings.Auth{settings.Password}},
			{Protocol: settings.Submission, Host: "smtp.example.com", Port: 465, Security: settings.ImplicitTLS, Login: settings.EmailAddress, Auth: []settings.Auth{settings.Password}},
			{Protocol: settings.Submission, Host: "smtp.example.com", Port: 587, Security: settings.STARTTLS, Login: "relay", Auth: []settings.Auth{settings.Password}},
		}}},
	{name: "submission-without-login", address: "fred@example.com", settings: &settings.Settings{
		Servers: append(edgetest.Servers("imaps://imap.example.com"), edgetest.WithAuth(edgetest.Servers("submission://smtp.example.com"), settings.NoAuth)...)}},
	{name: "sieve-is-left-out", address: "fred@example.com", settings: &settings.Settings{
		Servers: edgetest.Servers("imaps://imap.example.com", "submissions://smtp.example.com", "sieve://imap.example.com")}},
	{name: "plaintext", address: "fred@example.com", settings: &settings.Settings{ // only for configured networks
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
			got, err := Answer(found, a)
			if err != nil {
				t.Fatal(err)
			}
			edgetest.Golden(t, filepath.Join("testdata", "golden", c.name+".xml"), got)
			login := c.login
			if login == "" {
				login = a.String()
			}
			if !a.Plausible() {
				a, login = settings.Address{}, ""
			}
			compareSettings(t, got, found, a.String(), login)
		})
	}
}

// decoded is any Autodiscover answer as a client reads it. The names include the namespaces, which exchangelib and ActiveSync clients
// compare.
type decoded struct {
	XMLName  xml.Name `xml:"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006 Autodiscover"`
	Response struct {
		XMLName xml.Name
		User    *struct {
			DisplayName string
			Address     string `xml:"AutoDiscoverSMTPAddress"`
			Mobile      string `xml:"EMailAddress"`
		}
		Account struct {
			AccountType string
			Action      string
			Protocols   []decodedProtocol `xml:"Protocol"`
		}
		Culture string
		Action  struct {
			Servers []struct{ Type, Url, Name string } `xml:"Settings>Server"`
		}
		Error *struct {
			Time      string `xml:",attr"`
			ID        string `xml:"Id,attr"`
			ErrorCode string
			Message   string
			DebugData *struct{}
		}
	} `xml:"Response"`
}

// decodedProtocol is a Protocol with its elements in order.
type decodedProtocol struct {
	Elements []struct {
		XMLName xml.Name
		Text    string `xml:",chardata"`
	} `xml:",any"`
}

// compareSettings decodes an answer and compares it, field by field, with the settings it was made from, in the words of [MS-OXDSCLI].
// address and login are those of the person, and empty for a request without an address.
func compareSettings(t *testing.T, answer []byte, found settings.Found, address, login string) {
	t.Helper()
	got := decode(t, answer)
	if want := (xml.Name{Space: schemaPrefix + schemaOutlook, Local: "Response"}); got.Response.XMLName != want {
		t.Errorf("Response is %v, want %v", got.Response.XMLName, want)
	}
	user := got.Response.User
	if user == nil || user.DisplayName != address || user.Address != address {
		t.Errorf("User is %+v, want the address %q twice in\n%s", user, address, answer)
	}
	account := got.Response.Account
	if account.AccountType != "email" || account.Action != "settings" {
		t.Errorf("AccountType %q, Action %q", account.AccountType, account.Action)
	}
	if a, p := strings.Index(string(answer), "<Action>settings"), strings.Index(string(answer), "<Protocol>"); a > p {
		t.Error("Action follows Protocol, FairEmail wants it before")
	}
	var want [][]string
	incoming := settings.Login("")
	for _, s := range found.Servers {
		spa, known := "", map[settings.Protocol]string{settings.IMAP: "IMAP", settings.POP3: "POP3", settings.Submission: "SMTP"}[s.Protocol]
		none := false
		for _, a := range s.Auth {
			if spa = map[settings.Auth]string{settings.Password: "off", settings.NTLM: "on", settings.NoAuth: "off"}[a]; spa != "" {
				none = a == settings.NoAuth
				break
			}
		}
		if known == "" || spa == "" {
			continue
		}
		if incoming == "" {
			incoming = s.Login
		}
		elements := []string{"Type=" + known, "Server=" + s.Host.Expand(string(found.Domain), string(found.Primary)), "Port=" + strconv.Itoa(int(s.Port))}
		if login != "" && !none {
			name := login
			if s.Login == "relay" {
				name = "relay"
			}
			elements = append(elements, "LoginName="+name)
		}
		elements = append(elements, "DomainRequired=off", "SPA="+spa)
		elements = append(elements, map[settings.Security][]string{
			settings.ImplicitTLS: {"SSL=on", "Encryption=SSL"},
			settings.STARTTLS:    {"SSL=on", "Encryption=TLS"},
			settings.Plaintext:   {"SSL=off", "Encryption=None"},
		}[s.Security]...)
		elements = append(elements, "AuthRequired="+map[bool]string{true: "off", false: "on"}[none])
		if s.Protocol == settings.Submission {
			same := map[bool]string{true: "on", false: "off"}[s.Login == incoming && !none]
			elements = append(elements, "UsePOPAuth="+same, "SMTPLast=off")
		}
		want = append(want, elements)
	}
	var have [][]string
	for _, p := range account.Protocols {
		var elements []string
		for _, e := range p.Elements {
			elements = append(elements, e.XMLName.Local+"="+e.Text)
		}
		have = append(have, elements)
	}
	if !reflect.DeepEqual(have, want) {
		t.Errorf("Protocols\ngot  %q\nwant %q", have, want)
	}
}

// decode reads an answer and checks for what XML allows and clients do not: Thunderbird and FairEmail compare raw tag names, so there
// must be no prefix, and an empty LoginName or SSL is worse than none.
func decode(t testing.TB, answer []byte) decoded {
	t.Helper()
	var got decoded
	if err := xml.Unmarshal(answer, &got); err != nil {
		t.Fatalf("%v in\n%s", err, answer)
	}
	d := xml.NewDecoder(strings.NewReader(string(answer)))
	for {
		token, err := d.RawToken()
		if err != nil {
			break
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Space != "" {
			t.Errorf("<%s> has the prefix %s", e.Name.Local, e.Name.Space)
		}
	}
	for _, empty := range []string{"<LoginName></", "<LoginName/>", "<SSL></", "<Encryption></", "<SPA></"} {
		if strings.Contains(string(answer), empty) {
			t.Errorf("%s in\n%s", empty, answer)
		}
	}
	return got
}

func TestNotExpressible(t *testing.T) {
	for name, s := range map[string]*settings.Settings{
		"nothing":            {},
		"calendar":           {Login: settings.EmailAddress, Auth: []settings.Auth{settings.Password}, CalDAV: "https://dav.example.com/"},
		"sieve":              {Servers: edgetest.Servers("sieve://imap.example.com")},
		"submission":         {Servers: edgetest.Servers("submissions://smtp.example.com")},
		"OAuth2 alone":       {Servers: edgetest.WithAuth(edgetest.Both().Servers, settings.OAuth2Token)},
		"Kerberos, CRAM":     {Servers: edgetest.WithAuth(edgetest.Both().Servers, settings.GSSAPI, settings.PasswordEncrypted)},
		"incoming OAuth2":    {Servers: append(edgetest.WithAuth(edgetest.Servers("imaps://imap.example.com"), settings.OAuth2Token), edgetest.Servers("submissions://smtp.example.com")...)},
		"only by ActiveSync": {ActiveSync: "https://eas.example.com/Microsoft-Server-ActiveSync"},
	} {
		answer, err := Answer(settings.Found{Settings: s, Domain: "example.com", Primary: "example.com"}, settings.Address{Local: "fred", Domain: "example.com"})
		if !errors.Is(err, settings.ErrNotExpressible) {
			t.Errorf("%s: got %v and\n%s\nwant settings.ErrNotExpressible", name, err, answer)
		}
	}
}

// FairEmail uses the last server of each type, which must be the best one.
func TestFairEmail(t *testing.T) {
	kerberos := edgetest.Both()
	kerberos.Servers[0].Auth = []settings.Auth{settings.GSSAPI} // cannot be expressed, so the next is the best
	a := settings.Address{Local: "fred", Domain: "example.com"}
	for name, s := range map[string]*settings.Settings{"fairemail": edgetest.Both(), "fairemail-kerberos": kerberos} {
		want := map[string][]string{"fairemail": {"993", "465"}, "fairemail-kerberos": {"143", "465"}}[name]
		found := settings.Found{Domain: "example.com", Primary: "example.com", Settings: s}
		p, err := prepare(found.Settings)
		if err != nil {
			t.Fatal(err)
		}
		answer := p.single.Fill(p.values(found, a))
		edgetest.Golden(t, filepath.Join("testdata", "golden", name+".xml"), answer)
		var ports []string
		for _, protocol := range decode(t, answer).Response.Account.Protocols {
			ports = append(ports, protocol.Elements[2].Text)
		}
		if !reflect.DeepEqual(ports, want) {
			t.Errorf("%s: ports %q, want %q", name, ports, want)
		}
	}
}

func TestMobilesync(t *testing.T) {
	found := settings.Found{Domain: "example.com", Primary: "example.com", Settings: &settings.Settings{
		ActiveSync: "https://eas.%EMAILDOMAIN%/Microsoft-Server-ActiveSync?a=b&c=d"}}
	p, err := prepare(found.Settings)
	if err != nil {
		t.Fatal(err)
	}
	answer := p.mobilesync.Fill(p.values(found, settings.Address{Local: "o'neill", Domain: "example.com"}))
	edgetest.Golden(t, filepath.Join("testdata", "golden", "mobilesync.xml"), answer)
	got := decode(t, answer).Response
	if want := (xml.Name{Space: schemaPrefix + schemaMobilesync, Local: "Response"}); got.XMLName != want {
		t.Errorf("Response is %v, want %v", got.XMLName, want)
	}
	const url = "https://eas.example.com/Microsoft-Server-ActiveSync?a=b&c=d"
	if got.User == nil || got.User.DisplayName != "o'neill@example.com" || got.User.Mobile != "o'neill@example.com" || got.Culture != "en:us" ||
		len(got.Action.Servers) != 1 || got.Action.Servers[0].Type != "MobileSync" || got.Action.Servers[0].Url != url || got.Action.Servers[0].Name != url {
		t.Errorf("got %+v", got)
	}
}

func TestErrors(t *testing.T) {
	at := time.Date(2026, 8, 24, 14, 3, 27, 531_000_000, time.UTC)
	for name, test := range map[string]struct {
		failure
		mobilesync bool
	}{
		"error-500":            {unknownAddress, false},
		"error-500-mobilesync": {unknownAddress, true},
		"error-501":            {nothingConfigured, false},
		"error-600":            {invalidRequest, false},
		"error-601":            {noProvider, false},
		"error-601-mobilesync": {noProvider, true},
	} {
		document, space := plainError, schemaPrefix+"responseschema/2006"
		if test.mobilesync {
			document, space = mobilesyncError, schemaPrefix+schemaMobilesync
		}
		answer := document.Fill(errorValues(at, 2477272013, test.failure))
		edgetest.Golden(t, filepath.Join("testdata", "golden", name+".xml"), answer)
		got := decode(t, answer).Response
		if want := (xml.Name{Space: space, Local: "Response"}); got.XMLName != want {
			t.Errorf("%s: Response is %v, want %v", name, got.XMLName, want)
		}
		e := got.Error
		if e == nil || e.Time != "14:03:27.5310000" || e.ID != "2477272013" || e.DebugData == nil || e.ErrorCode != strconv.Itoa(test.code) || e.Message != test.message {
			t.Errorf("%s: Error is %+v", name, e)
		}
	}
}
