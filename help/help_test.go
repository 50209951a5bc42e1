package help

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailhint/edge/edgetest"
	"mailhint/settings"
	"mailhint/texts"
)

func server(p settings.Protocol, host settings.Pattern, port uint16, s settings.Security, l settings.Login, a settings.Auth) settings.Server {
	return settings.Server{Protocol: p, Host: host, Port: port, Security: s, Login: l, Auth: []settings.Auth{a}}
}

// The settings of the tests.
var (
	ann = settings.Address{Local: "ann", Domain: "example.com"}
	// mixed has something of everything.
	mixed = &settings.Settings{Servers: []settings.Server{
		server(settings.IMAP, "imap.%EMAILDOMAIN%", 993, settings.ImplicitTLS, settings.EmailAddress, settings.Password),
		server(settings.IMAP, "imap.%EMAILDOMAIN%", 143, settings.STARTTLS, settings.EmailAddress, settings.Password),
		server(settings.POP3, "pop.example.com", 995, settings.ImplicitTLS, settings.EmailLocalPart, settings.PasswordEncrypted),
		server(settings.Submission, "smtp.example.com", 465, settings.ImplicitTLS, "%EMAILLOCALPART%@firm.example", settings.OAuth2Token),
		server(settings.ManageSieve, "sieve.example.com", 4190, settings.STARTTLS, "staff", settings.Password),
	}, CalDAV: "https://dav.example.com/", Webmail: "https://mail.%EMAILDOMAIN%/", Docs: "https://help.example.com/"}
	// usual is what most domains have.
	usual = &settings.Settings{Name: "Example Mail", Servers: []settings.Server{
		server(settings.IMAP, "imap.example.com", 993, settings.ImplicitTLS, settings.EmailAddress, settings.Password),
		server(settings.IMAP, "imap.example.com", 143, settings.STARTTLS, settings.EmailAddress, settings.Password),
		server(settings.POP3, "pop.example.com", 995, settings.ImplicitTLS, settings.EmailAddress, settings.Password),
		server(settings.Submission, "smtp.example.com", 465, settings.ImplicitTLS, settings.EmailAddress, settings.Password),
		server(settings.Submission, "smtp.example.com", 587, settings.STARTTLS, settings.EmailAddress, settings.Password),
	}, Webmail: "https://mail.example.com/", CalDAV: "https://dav.example.com/", CardDAV: "https://dav.example.com/",
		Support: "https://help.example.com/", PasswordURL: "https://account.example.com/"}
	lab = &settings.Settings{Name: "Lab Mail", Servers: []settings.Server{
		server(settings.POP3, "10.0.0.1", 110, settings.Plaintext, settings.EmailAddress, settings.Password),
		server(settings.Submission, "10.0.0.1", 587, settings.Plaintext, settings.EmailAddress, settings.NoAuth),
	}}
)

func found(s *settings.Settings, d settings.Domain) settings.Found {
	return settings.Found{Settings: s, Domain: d, Primary: d}
}

// pageOnly: people sign in on the page of their provider.
var pageOnly = &settings.Settings{Name: "Example Mail", Servers: []settings.Server{
	server(settings.IMAP, "imap.example.com", 993, settings.ImplicitTLS, settings.EmailAddress, settings.OAuth2Token),
	server(settings.Submission, "smtp.example.com", 465, settings.ImplicitTLS, settings.EmailAddress, settings.OAuth2Token),
}}

// TestGoldenSteps prints the steps of all programs.
func TestGoldenSteps(t *testing.T) {
	either := one(settings.IMAP, settings.STARTTLS, settings.EmailAddress, settings.OAuth2Token)
	either.Servers[0].Auth = append(either.Servers[0].Auth, settings.Password)
	either.Servers[1].Auth = append(either.Servers[1].Auth, settings.NTLM, settings.Password)
	for name, s := range map[string]*settings.Settings{
		"usual":        usual,
		"page-only":    pageOnly,
		"either":       either,
		"no-profile":   {Servers: usual.Servers[:1]},
		"pop3-user":    one(settings.POP3, settings.STARTTLS, settings.EmailLocalPart, settings.Password),
		"page-to-send": {Servers: append([]settings.Server{usual.Servers[0]}, pageOnly.Servers[1])},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			for _, p := range For(Request{Found: found(s, "example.com"), Address: ann}).Programs {
				fmt.Fprintf(&b, "%s\n", p.Name)
				for _, line := range p.About {
					fmt.Fprintf(&b, "  %s\n", line)
				}
				for i, line := range p.Steps {
					fmt.Fprintf(&b, "%3d. %s\n", i+1, line)
				}
				b.WriteString("\n")
			}
			golden(t, "steps-"+name, strings.TrimSuffix(b.String(), "\n"))
		})
	}
}

// TestGolden prints pages that people get.
func TestGolden(t *testing.T) {
	german, _ := texts.ParseLanguage("de")
	for name, text := range map[string]string{
		"ann":     For(Request{Found: found(mixed, "example.com"), Address: ann}).Text("thunderbird"),
		"domain":  For(Request{Found: settings.Found{Settings: mixed, Domain: "xn--bcher-kva.example", Primary: "example.com"}}).Text(""),
		"lab":     For(Request{Found: found(lab, "lab.example")}).Text("other"),
		"nothing": For(Request{Found: found(&settings.Settings{}, "example.com"), Address: ann}).Text("ios"),
		"checks": For(Request{Found: found(usual, "example.com"), Address: ann, Language: german, Checks: []Check{
			{"imap.example.com", 993, "good", 5 * time.Minute}, {"imap.xn--bcher-kva.example", 143, "closed", 3 * time.Hour},
			{"pop.example.com", 995, "unknown", 0}, {"smtp.example.com", 465, "certificate", time.Minute}, {"smtp.example.com", 587, "no such state", 0},
		}}).Text(""),
		"exchange":       For(Request{Found: found(&settings.Settings{EWS: "https://mail.example.com/EWS/Exchange.asmx"}, "example.com"), Address: ann}).Text(""),
		"letter-domain":  For(Request{Found: found(mixed, "xn--bcher-kva.example")}).Letter("https://autoconfig.xn--bcher-kva.example/"),
		"page-only":      For(Request{Found: found(pageOnly, "example.com"), Address: ann}).Text("ios"),
		"letter-page":    For(Request{Found: found(pageOnly, "example.com"), Address: ann}).Letter("https://autoconfig.example.com/"),
		"letter-nothing": For(Request{Found: found(&settings.Settings{}, "example.com")}).Letter("https://autoconfig.example.com/"),
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, text) })
	}
	for _, l := range texts.Languages() {
		page := For(Request{Found: found(usual, "example.com"), Address: ann, Language: l})
		t.Run(l.Tag(), func(t *testing.T) {
			golden(t, "human-"+l.Tag(), page.Text("ios"))
			golden(t, "letter-"+l.Tag(), page.Letter("https://autoconfig.example.com/"))
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	edgetest.Golden(t, filepath.Join("testdata", name+".txt"), []byte(got))
}

// TestWords: every protocol, encryption and way to sign in has words.
func TestWords(t *testing.T) {
	for _, p := range []settings.Protocol{settings.IMAP, settings.POP3, settings.Submission, settings.ManageSieve} {
		for what, key := range map[string]string{"title": titles[p], "word for STARTTLS": starttls[p], "greeting": greetings[p]} {
			if key == "" {
				t.Errorf("protocol %v has no %s", p, what)
			}
		}
	}
	for _, a := range settings.Auths {
		if signIns[a] == "" {
			t.Errorf("authentication %v has no words", a)
		}
	}
}

// TestLiteral: only what is to be typed as it is gets a button to copy it.
func TestLiteral(t *testing.T) {
	for _, test := range []struct {
		login   settings.Login
		address settings.Address
		want    Row
	}{
		{settings.EmailAddress, ann, Row{"User name", "ann@example.com", true, false}},
		{settings.EmailAddress, settings.Address{}, Row{"User name", "your full e-mail address", false, false}},
		{settings.EmailAddress, settings.Address{Local: "xn--bcher-kva.b", Domain: "xn--bcher-kva.example"}, Row{"User name", "xn--bcher-kva.b@bücher.example", true, false}},
		{"staff", settings.Address{}, Row{"User name", "staff", true, false}},
		{"%EMAILLOCALPART%@firm.example", settings.Address{}, Row{"User name", "(the part of your e-mail address before the @)@firm.example", false, false}},
	} {
		w := words{texts.For(texts.English), found(mixed, "example.com"), test.address}
		if got := w.userName("User name", settings.Server{Login: test.login}); got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.login, got, test.want)
		}
	}
	if strings.Contains(For(Request{Found: found(&settings.Settings{}, "example.com"), Address: ann}).Text(""), "enter them") {
		t.Error("a page without settings asks to enter them")
	}
}

// TestColumns: Japanese takes two columns of a terminal for each character.
func TestColumns(t *testing.T) {
	for text, want := range map[string]int{"": 0, "Port": 4, "Öffnen": 6, "サーバー": 8, "ﾎﾟｰﾄ": 4, "「a」": 5} {
		if got := columns(text); got != want {
			t.Errorf("columns(%q) = %d, want %d", text, got, want)
		}
	}
}

func BenchmarkFor(b *testing.B) {
	r := Request{Found: found(usual, "example.com"), Address: ann}
	for b.Loop() {
		For(r)
	}
}
