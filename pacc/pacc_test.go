package pacc

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/edge/edgetest"
	"mailhint/settings"
)

// example is a whole document, and exampleRecord the content of its TXT record.
const (
	example       = `{"authentication":{"password":true},"info":{"help":{"documentation":"https://autoconfig.example.com/"},"provider":{"name":"Example Mail","shortName":"Example"}},"protocols":{"caldav":{"url":"https://dav.example.com/calendars/"},"carddav":{"url":"https://dav.example.com/contacts/"},"imap":{"host":"imap.example.com"},"pop3":{"host":"pop.example.com"},"submit":{"host":"smtp.example.com"}}}`
	exampleRecord = "v=UAAC1; a=sha256; d=ciVcFi+G7vTd3TNndpfaVvWSZ9cH3/BfPNGWGRhKY1o="
)

func exampleSettings() *settings.Settings {
	return &settings.Settings{
		Name: "Example Mail", ShortName: "Example", Docs: "https://autoconfig.example.com/",
		Login: settings.EmailAddress, Auth: password,
		CalDAV: "https://dav.example.com/calendars/", CardDAV: "https://dav.example.com/contacts/",
		Servers: servers("imap.example.com", "pop.example.com", "smtp.example.com"),
	}
}

func TestExample(t *testing.T) {
	got, err := Answer(found(exampleSettings()))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != example || len(got) != 389 {
		t.Errorf("got %d octets %s\nwant %d octets %s", len(got), got, len(example), example)
	}
	if got := Record(got); got != exampleRecord {
		t.Errorf("record\ngot  %s\nwant %s", got, exampleRecord)
	}
}

// golden lists the documents in testdata/golden.
var golden = []struct {
	name     string
	domain   settings.Domain // example.com if empty
	primary  settings.Domain // the domain if empty
	settings *settings.Settings
}{
	{name: "both-ports", settings: mail("imap.example.com", "", "smtp.example.com")},
	{name: "pop3-only", settings: mail("", "pop.example.com", "smtp.example.com")},
	{name: "implicit-tls-second", settings: mail("imap://imap.example.com imaps://imap.example.com", "", "submissions://smtp.example.com")},
	{name: "best-of-two", settings: mail("imaps://one.example.com imaps://two.example.com", "", "smtp.example.com")},
	{name: "pop3-starttls-left-out", settings: mail("imap.example.com", "pop3://pop.example.com", "smtp.example.com")},
	{name: "read-only", settings: mail("imap.example.com", "", "")},
	{name: "send-only", settings: mail("", "", "smtp.example.com")},
	{name: "host-of-the-domain", domain: "xn--bcher-kva.example", settings: mail("imap.%EMAILDOMAIN%", "", "smtp.%PRIMARYDOMAIN%")},
	{name: "alias", domain: "firma.example", primary: "firm.example", settings: mail("imap.%PRIMARYDOMAIN%", "", "smtp.%EMAILDOMAIN%")},
	{name: "primary-of-an-alias", domain: "firm.example", settings: with(mail("imap.example.com", "", "smtp.example.com"), func(s *settings.Settings) {
		for i := range s.Servers {
			s.Servers[i].Login = "%EMAILLOCALPART%@%PRIMARYDOMAIN%"
		}
	})},
	{name: "challenge-response", settings: withAuth(mail("imap.example.com", "", "smtp.example.com"), settings.PasswordEncrypted)},
	{name: "oauth2", settings: with(withAuth(mail("imap.example.com", "", "smtp.example.com"), settings.OAuth2Token), func(s *settings.Settings) {
		s.OAuth2 = &settings.OAuth2{Issuer: "login.example.com"}
	})},
	{name: "oauth2-or-password", settings: with(withAuth(mail("imap.example.com", "", "smtp.example.com"), settings.OAuth2Token, settings.Password), func(s *settings.Settings) {
		s.OAuth2 = &settings.OAuth2{Issuer: "https://login.example.com/tenant"}
	})},
	{name: "services", settings: with(mail("imap.example.com", "", "smtp.example.com"), func(s *settings.Settings) {
		s.CalDAV, s.CardDAV, s.WebDAV = "https://dav.%EMAILDOMAIN%/calendars/?a=1&b=2", "https://dav.example.com/contacts/%20/", "https://dav.example.com/"
		s.JMAP = "https://jmap.example.com"
		s.Support = "mailto:help@%PRIMARYDOMAIN%"
		s.Docs = "https://help.example.com/?a=1&b=<2>"
	})},
	{name: "services-that-are-left-out", settings: with(mail("imap.example.com", "", "smtp.example.com"), func(s *settings.Settings) {
		s.CalDAV, s.CardDAV, s.WebDAV = "https://dav.example.com:8443/calendars/", "https://dav.example.com", "https://dav.%EMAILDOMAIN%:443/"
		s.JMAP = "https://jmap.example.com:8443/session"
	})},
	{name: "calendar-only", settings: with(mail("", "", ""), func(s *settings.Settings) { s.CalDAV = "https://dav.example.com/calendars/" })},
	{name: "name-of-60-characters", settings: with(mail("imap.example.com", "", "smtp.example.com"), func(s *settings.Settings) {
		s.Name = settings.Pattern(strings.Repeat("ä", 60-len("example.com"))) + settings.EmailDomain // characters, not octets
	})},
	{name: "outgoing-only", settings: mail("", "", "smtp.example.com")},
	{name: "help-of-the-domain", primary: "firm.example", settings: with(mail("imap.example.com", "", "smtp.example.com"), func(s *settings.Settings) {
		s.Docs = "https://help.%PRIMARYDOMAIN%/%EMAILDOMAIN%/"
	})},
	{name: "login-of-services-that-are-not-offered", settings: with(mail("imap.example.com", "", "smtp.example.com"), func(s *settings.Settings) {
		s.Login, s.Auth = settings.EmailLocalPart, []settings.Auth{settings.GSSAPI} // for calendars, of which there are none
	})},
	{name: "hostile-name", settings: with(mail("imap.example.com", "", "smtp.example.com"), func(s *settings.Settings) {
		s.Name, s.ShortName = "Ben & Jerry's </script> \"für\\alle\" \u2028 \U0001F4EC", "B&J"
	})},
	{name: "short-name-of-the-domain", settings: with(mail("imap.example.com", "", "smtp.example.com"), func(s *settings.Settings) {
		s.Name, s.ShortName = "Mail of %EMAILDOMAIN%", "%EMAILDOMAIN%"
	})},
}

func TestGolden(t *testing.T) {
	for _, c := range golden {
		t.Run(c.name, func(t *testing.T) {
			f := found(c.settings)
			if c.domain != "" {
				f.Domain, f.Primary = c.domain, c.domain
			}
			if c.primary != "" {
				f.Primary = c.primary
			}
			got, err := Answer(f)
			if err != nil {
				t.Fatal(err)
			}
			checkForm(t, got)
			edgetest.Golden(t, filepath.Join("testdata", "golden", c.name+".json"), got)
		})
	}
}

// checkForm checks that a document is as an encoder that sorts writes it, and that required members are present.
func checkForm(t *testing.T, document []byte) {
	t.Helper()
	var decoded map[string]any
	if err := json.Unmarshal(document, &decoded); err != nil {
		t.Fatalf("%s: %v", document, err)
	}
	var sorted bytes.Buffer
	e := json.NewEncoder(&sorted)
	e.SetEscapeHTML(false)
	if err := e.Encode(decoded); err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSuffix(sorted.String(), "\n"); got != string(document) {
		t.Errorf("not in sorted, compact form\ngot  %s\nwant %s", document, got)
	}
	if strings.Contains(string(document), "%EMAIL") || strings.Contains(string(document), "%PRIMARY") {
		t.Errorf("a placeholder is left in %s", document)
	}
	protocols, _ := decoded["protocols"].(map[string]any)
	information, _ := decoded["info"].(map[string]any)
	provider, _ := information["provider"].(map[string]any)
	if len(protocols) == 0 || provider["name"] == "" || provider["name"] == nil {
		t.Errorf("a required member is missing in %s", document)
	}
	authentication, _ := decoded["authentication"].(map[string]any)
	if _, ok := authentication["password"].(bool); !ok {
		t.Errorf("no authentication.password in %s", document)
	}
}

func TestNotExpressible(t *testing.T) {
	tests := []struct {
		name     string
		settings *settings.Settings
		primary  settings.Domain
		want     string // part of the reason
	}{
		{name: "starttls only", settings: mail("imap://imap.example.com", "", "smtp.example.com"), want: "IMAP is not offered with implicit TLS on port 993"},
		{name: "starttls only for pop3", settings: mail("", "pop3://pop.example.com", "smtp.example.com"), want: "POP3 is not offered with implicit TLS on port 995"},
		{name: "starttls only for submission", settings: mail("imap.example.com", "", "submission://smtp.example.com"), want: "submission is not offered with implicit TLS on port 465"},
		{name: "other port", settings: mail("imaps://imap.example.com:10993", "", "smtp.example.com"), want: "port 993"},
		{name: "no encryption", settings: mail("imap+plain://imap.example.com", "", "smtp.example.com"), want: "implicit TLS"},
		{name: "local part", settings: edgetest.WithLogin(mail("imap.example.com", "", "smtp.example.com"), "%EMAILLOCALPART%"), want: "the login is"},
		{name: "composed login", settings: edgetest.WithLogin(mail("imap.example.com", "", "smtp.example.com"), "%EMAILLOCALPART%@%PRIMARYDOMAIN%"), primary: "firm.example", want: "%EMAILLOCALPART%@firm.example"},
		{name: "local part for one", settings: with(mail("imap.example.com", "", "smtp.example.com"), func(s *settings.Settings) {
			s.Servers[2].Login = settings.EmailLocalPart
		}), want: "the login is"},
		{name: "local part for calendars", settings: with(mail("imap.example.com", "", "smtp.example.com"), func(s *settings.Settings) {
			s.CalDAV, s.Login = "https://dav.example.com/", settings.EmailLocalPart
		}), want: "the login is"},
		{name: "kerberos", settings: withAuth(mail("imap.example.com", "", "smtp.example.com"), settings.GSSAPI), want: "neither a password nor OAuth2"},
		{name: "oauth2 without issuer", settings: withAuth(mail("imap.example.com", "", "smtp.example.com"), settings.OAuth2Token), want: "neither a password nor OAuth2"},
		{name: "nothing shared", settings: with(mail("imap.example.com", "", "smtp.example.com"), func(s *settings.Settings) {
			s.OAuth2 = &settings.OAuth2{Issuer: "login.example.com"}
			s.Servers[0].Auth = []settings.Auth{settings.OAuth2Token}
		}), want: "neither a password nor OAuth2"},
		{name: "nothing", settings: with(mail("", "", ""), func(s *settings.Settings) { s.ActiveSync = "https://eas.example.com/" }), want: "no service that the format knows"},
		{name: "long name", settings: with(mail("imap.example.com", "", "smtp.example.com"), func(s *settings.Settings) {
			s.Name = settings.Pattern(strings.Repeat("ä", 50)) + settings.EmailDomain
		}), want: "more than 60 characters"},
	}
	for _, test := range tests {
		f := found(test.settings)
		if test.primary != "" {
			f.Primary = test.primary
		}
		got, err := Answer(f)
		if !errors.Is(err, settings.ErrNotExpressible) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %s, error %v, want %q", test.name, got, err, test.want)
		}
	}
}

// The same settings, read again, give the same octets, and one prepared document serves many domains.
func TestStable(t *testing.T) {
	first, second := mail("imap.%EMAILDOMAIN%", "", "smtp.%EMAILDOMAIN%"), mail("imap.%EMAILDOMAIN%", "", "smtp.%EMAILDOMAIN%")
	p, err := prepare(first)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []settings.Domain{"a.example", "xn--bcher-kva.example", "b.a.example", "a.example"} {
		one, err1 := p.answer(settings.Found{Settings: first, Domain: d, Primary: d})
		two, err2 := Answer(settings.Found{Settings: second, Domain: d, Primary: d})
		if err1 != nil || err2 != nil || !bytes.Equal(one, two) {
			t.Errorf("%s: got %s (%v) and %s (%v)", d, one, err1, two, err2)
		}
	}
}

func BenchmarkAnswer(b *testing.B) {
	f := found(exampleSettings())
	f.Settings.Servers[0].Host = "imap.%EMAILDOMAIN%"
	p, err := prepare(f.Settings)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("prepared", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.answer(f)
		}
	})
	b.Run("whole", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Answer(f)
		}
	})
}

var password = []settings.Auth{settings.Password}

func found(s *settings.Settings) settings.Found {
	return settings.Found{Settings: s, Domain: "example.com", Primary: "example.com"}
}

// mail makes settings from the values of imap, pop3 and smtp in domains.toml; spaces separate the elements of a list.
func mail(imap, pop3, smtp string) *settings.Settings {
	return &settings.Settings{Login: settings.EmailAddress, Auth: password, Servers: servers(imap, pop3, smtp)}
}

func servers(imap, pop3, smtp string) []settings.Server {
	var all []settings.Server
	for i, list := range []string{imap, pop3, smtp} {
		for text := range strings.FieldsSeq(list) {
			parsed, err := settings.ParseServer([]settings.Protocol{settings.IMAP, settings.POP3, settings.Submission}[i], text)
			if err != nil {
				panic(err)
			}
			for _, s := range parsed {
				s.Login, s.Auth = settings.EmailAddress, password
				all = append(all, s)
			}
		}
	}
	return all
}

func with(s *settings.Settings, change func(*settings.Settings)) *settings.Settings {
	change(s)
	return s
}

func withAuth(s *settings.Settings, auth ...settings.Auth) *settings.Settings {
	s.Auth = auth
	for i := range s.Servers {
		s.Servers[i].Auth = auth
	}
	return s
}
