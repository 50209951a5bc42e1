package help

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/settings"
)

var update = flag.Bool("update", false, "write the golden files")

func server(p settings.Protocol, host settings.Pattern, port uint16, s settings.Security, l settings.Login, a settings.Auth) settings.Server {
	return settings.Server{Protocol: p, Host: host, Port: port, Security: s, Login: l, Auth: []settings.Auth{a}}
}

// TestGolden prints pages that people get.
func TestGolden(t *testing.T) {
	ann := settings.Address{Local: "ann", Domain: "example.com"}
	mail := &settings.Settings{Servers: []settings.Server{
		server(settings.IMAP, "imap.%EMAILDOMAIN%", 993, settings.ImplicitTLS, settings.EmailAddress, settings.Password),
		server(settings.IMAP, "imap.%EMAILDOMAIN%", 143, settings.STARTTLS, settings.EmailAddress, settings.Password),
		server(settings.POP3, "pop.example.com", 995, settings.ImplicitTLS, settings.EmailLocalPart, settings.PasswordEncrypted),
		server(settings.Submission, "smtp.example.com", 465, settings.ImplicitTLS, "%EMAILLOCALPART%@firm.example", settings.OAuth2Token),
		server(settings.ManageSieve, "sieve.example.com", 4190, settings.STARTTLS, "staff", settings.Password),
	}, CalDAV: "https://dav.example.com/", Webmail: "https://mail.%EMAILDOMAIN%/", Docs: "https://help.example.com/"}
	lab := &settings.Settings{Name: "Lab Mail", Servers: []settings.Server{
		server(settings.POP3, "10.0.0.1", 110, settings.Plaintext, settings.EmailAddress, settings.Password),
		server(settings.Submission, "10.0.0.1", 587, settings.Plaintext, settings.EmailAddress, settings.NoAuth),
	}}
	for name, page := range map[string]Page{
		"ann":     For(settings.Found{Settings: mail, Domain: "example.com", Primary: "example.com"}, ann),
		"domain":  For(settings.Found{Settings: mail, Domain: "xn--bcher-kva.example", Primary: "example.com"}, settings.Address{}),
		"lab":     For(settings.Found{Settings: lab, Domain: "lab.example", Primary: "lab.example"}, settings.Address{}),
		"nothing": For(settings.Found{Settings: &settings.Settings{}, Domain: "example.com", Primary: "example.com"}, ann),
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", name+".txt")
			got := page.Text()
			if *update { // go test ./help -update
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// TestWords: every protocol, encryption and way to sign in has words.
func TestWords(t *testing.T) {
	for _, p := range []settings.Protocol{settings.IMAP, settings.POP3, settings.Submission, settings.ManageSieve} {
		if titles[p] == "" {
			t.Errorf("protocol %v has no words", p)
		}
	}
	for _, s := range []settings.Security{settings.ImplicitTLS, settings.STARTTLS, settings.Plaintext} {
		if encryptions[s] == "" {
			t.Errorf("security %v has no words", s)
		}
	}
	for _, a := range []settings.Auth{settings.Password, settings.PasswordEncrypted, settings.OAuth2Token, settings.GSSAPI, settings.NTLM,
		settings.ClientCert, settings.NoAuth} {
		if signIns[a] == "" {
			t.Errorf("authentication %v has no words", a)
		}
	}
}

// TestLiteral: only what is to be typed as it is gets a button to copy it.
func TestLiteral(t *testing.T) {
	ann := settings.Address{Local: "ann", Domain: "example.com"}
	for _, test := range []struct {
		login   settings.Login
		address settings.Address
		want    Row
	}{
		{settings.EmailAddress, ann, Row{"User name", "ann@example.com", true}},
		{settings.EmailAddress, settings.Address{}, Row{"User name", "your full e-mail address", false}},
		{settings.EmailAddress, settings.Address{Local: "xn--bcher-kva.b", Domain: "xn--bcher-kva.example"}, Row{"User name", "xn--bcher-kva.b@bücher.example", true}},
		{"staff", settings.Address{}, Row{"User name", "staff", true}},
		{"%EMAILLOCALPART%@firm.example", settings.Address{}, Row{"User name", "(the part of your e-mail address before the @)@firm.example", false}},
	} {
		if got := userName(test.login, test.address); got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.login, got, test.want)
		}
	}
	if strings.Contains(For(settings.Found{Settings: &settings.Settings{}, Domain: "example.com"}, ann).Text(), "enter them") {
		t.Error("a page without settings asks to enter them")
	}
}
