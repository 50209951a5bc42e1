package settings

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// urls spells servers the way domains.toml does.
func urls(servers []Server) []string {
	var list []string
	for _, s := range servers {
		list = append(list, s.URL())
	}
	return list
}

func TestParseServer(t *testing.T) {
	for _, test := range []struct {
		protocol Protocol
		text     string
		want     string // host:port mode, …
	}{
		// A bare host is the recommended pair: implicit TLS first, then STARTTLS.
		{IMAP, "imap.example.com", "imap.example.com:993 implicit TLS, imap.example.com:143 STARTTLS"},
		{POP3, "pop.example.com", "pop.example.com:995 implicit TLS, pop.example.com:110 STARTTLS"},
		{Submission, "smtp.example.com", "smtp.example.com:465 implicit TLS, smtp.example.com:587 STARTTLS"},
		{ManageSieve, "sieve.example.com", "sieve.example.com:4190 STARTTLS"},
		{IMAP, "IMAP.Example.com.", "imap.example.com:993 implicit TLS, imap.example.com:143 STARTTLS"},
		{IMAP, "bücher.example", "xn--bcher-kva.example:993 implicit TLS, xn--bcher-kva.example:143 STARTTLS"},
		{IMAP, "mail.%EMAILDOMAIN%", "mail.%EMAILDOMAIN%:993 implicit TLS, mail.%EMAILDOMAIN%:143 STARTTLS"},

		// A URL is exactly one.
		{IMAP, "imaps://h.example", "h.example:993 implicit TLS"},
		{IMAP, "imap://h.example", "h.example:143 STARTTLS"},
		{IMAP, "imap+plain://h.example", "h.example:143 no encryption"},
		{POP3, "pop3s://h.example", "h.example:995 implicit TLS"},
		{POP3, "pop3://h.example", "h.example:110 STARTTLS"},
		{POP3, "pop3+plain://h.example", "h.example:110 no encryption"},
		{Submission, "submissions://h.example", "h.example:465 implicit TLS"},
		{Submission, "smtps://h.example", "h.example:465 implicit TLS"},
		{Submission, "submission://h.example", "h.example:587 STARTTLS"},
		{Submission, "smtp://h.example", "h.example:587 STARTTLS"},
		{Submission, "submission+plain://h.example", "h.example:587 no encryption"},
		{Submission, "smtp+plain://h.example", "h.example:587 no encryption"},
		{ManageSieve, "sieve://h.example", "h.example:4190 STARTTLS"},
		{ManageSieve, "sieve+plain://h.example", "h.example:4190 no encryption"},
		{IMAP, "IMAPS://H.Example:993", "h.example:993 implicit TLS"},

		// Any port that is not known to be something else.
		{IMAP, "imaps://h.example:9993", "h.example:9993 implicit TLS"},
		{IMAP, "imaps://h.example:443", "h.example:443 implicit TLS"},
		{IMAP, "imap://h.example:1", "h.example:1 STARTTLS"},
		{Submission, "submission://h.example:2587", "h.example:2587 STARTTLS"},
		{Submission, "submission://h.example:65535", "h.example:65535 STARTTLS"},
		{IMAP, "imap+plain://h.example:143", "h.example:143 no encryption"},

		// One that is, on purpose.
		{POP3, "pop3s+anyport://h.example:993", "h.example:993 implicit TLS"},
		{Submission, "submission+anyport://h.example:25", "h.example:25 STARTTLS"},
	} {
		servers, err := ParseServer(test.protocol, test.text)
		var got []string
		for _, s := range servers {
			got = append(got, string(s.Host)+":"+portOf(s)+" "+s.Security.String())
			if s.Protocol != test.protocol {
				t.Errorf("%s = %q: %s", test.protocol, test.text, s.Protocol)
			}
			if again, err := ParseServer(test.protocol, s.URL()); err != nil || len(again) != 1 || again[0].URL() != s.URL() {
				t.Errorf("%s = %q prints %q, which is read as %q, %v", test.protocol, test.text, s.URL(), urls(again), err)
			}
		}
		if err != nil || strings.Join(got, ", ") != test.want {
			t.Errorf("%s = %q: %q, %v; want %q", test.protocol, test.text, strings.Join(got, ", "), err, test.want)
		}
	}
}

func portOf(s Server) string {
	s.Protocol, s.Security = IMAP, STARTTLS // a port that is written always
	s.Host = "x"
	if s.Port == 143 {
		return "143"
	}
	url := s.URL()
	return url[strings.LastIndexByte(url, ':')+1:]
}

// What contradicts itself is refused, and the message shows the right spelling.
func TestParseServerMistakes(t *testing.T) {
	for _, test := range []struct {
		protocol Protocol
		text     string
		want     string
	}{
		// The port speaks the other TLS mode.
		{IMAP, "imaps://h.example:143", `port 143 uses STARTTLS, but imaps:// means implicit TLS; write "imap://h.example" or "imaps://h.example"`},
		{IMAP, "imap://h.example:993", `port 993 uses implicit TLS, but imap:// means STARTTLS; write "imaps://h.example" or "imap://h.example"`},
		{POP3, "pop3s://h.example:110", `port 110 uses STARTTLS, but pop3s:// means implicit TLS; write "pop3://h.example" or "pop3s://h.example"`},
		{POP3, "pop3://h.example:995", `port 995 uses implicit TLS, but pop3:// means STARTTLS; write "pop3s://h.example" or "pop3://h.example"`},
		{Submission, "submissions://h.example:587", `port 587 uses STARTTLS, but submissions:// means implicit TLS; write "submission://h.example" or "submissions://h.example"`},
		{Submission, "smtps://h.example:587", `port 587 uses STARTTLS, but smtps:// means implicit TLS; write "submission://h.example" or "smtps://h.example"`},
		{Submission, "submission://h.example:465", `port 465 uses implicit TLS, but submission:// means STARTTLS; write "submissions://h.example" or "submission://h.example"`},
		{IMAP, "imap+plain://h.example:993", `port 993 uses implicit TLS, but imap+plain:// means no encryption; write "imaps://h.example"`},

		// The port is another service's.
		{IMAP, "imap://h.example:110", `port 110 is for POP3, but imap:// means IMAP; write "imap://h.example"`},
		{IMAP, "imaps://h.example:995", `port 995 is for POP3, but imaps:// means IMAP; write "imaps://h.example"`},
		{POP3, "pop3s://h.example:993", `port 993 is for IMAP, but pop3s:// means POP3; write "pop3s://h.example"`},
		{Submission, "submission://h.example:143", `port 143 is for IMAP, but submission:// means submission; write "submission://h.example"`},
		{IMAP, "imaps://h.example:4190", `port 4190 is for ManageSieve, but imaps:// means IMAP; write "imaps://h.example"`},
		{ManageSieve, "sieve://h.example:993", `port 993 is for IMAP, but sieve:// means ManageSieve; write "sieve://h.example"`},

		// Port 25 is never for clients.
		{Submission, "submission://h.example:25", `port 25 is for mail between servers and rejects clients; write "submissions://h.example"`},
		{Submission, "smtp+plain://h.example:25", `port 25 is for mail between servers and rejects clients; write "submissions://h.example"`},
		{Submission, "h.example:25", `port 25 is for mail between servers and rejects clients; write "submissions://h.example"`},
		{IMAP, "imaps://h.example:25", `port 25 is for mail between servers and rejects clients; write "imaps://h.example"`},

		// The scheme is another service's, or none.
		{IMAP, "pop3s://h.example", `pop3s:// is for POP3, not for IMAP; write "imaps://h.example"`},
		{IMAP, "pop3s://h.example:995", `pop3s:// is for POP3, not for IMAP; write "imaps://h.example"`},
		{Submission, "imap://h.example", `imap:// is for IMAP, not for submission; write "submissions://h.example"`},
		{ManageSieve, "imaps://h.example", `imaps:// is for IMAP, not for ManageSieve; write "sieve://h.example"`},
		{IMAP, "https://h.example", `unknown scheme "https://"; for IMAP use imaps://, imap://`},
		{Submission, "smtp+tls://h.example", `unknown scheme "smtp+tls://"; for submission use submissions://, smtps://, submission://, smtp://`},
		{IMAP, "://h.example", `unknown scheme "://"; for IMAP use imaps://, imap://`},

		// A bare host has no port.
		{IMAP, "h.example:993", `a port needs a scheme; write "imaps://h.example" for implicit TLS on 993 only, or "h.example" for the recommended servers`},
		{IMAP, "h.example:143", `a port needs a scheme; write "imap://h.example" for STARTTLS on 143 only, or "h.example" for the recommended servers`},
		{Submission, "h.example:587", `a port needs a scheme; write "submission://h.example" for STARTTLS on 587 only, or "h.example" for the recommended servers`},
		{Submission, "H.example.:2525", `a port needs a scheme, which says what TLS mode port 2525 uses; write "submissions://h.example:2525" for implicit TLS or "submission://h.example:2525" for STARTTLS`},
		{ManageSieve, "h.example:2000", `a port needs a scheme, which says what TLS mode port 2000 uses; write "sieve://h.example:2000" for STARTTLS`},
		{IMAP, "h.example:995", `port 995 is for POP3, not for IMAP; write "h.example"`},
		{Submission, "h.example:993", `port 993 is for IMAP, not for submission; write "h.example"`},
		{IMAP, "h.example:imap", `"imap" is not a valid port; write a number from 1 to 65535`},

		// Ports that are none.
		{IMAP, "imaps://h.example:", `"" is not a valid port; write a number from 1 to 65535`},
		{IMAP, "imaps://h.example:0", `"0" is not a valid port; write a number from 1 to 65535`},
		{IMAP, "imaps://h.example:65536", `"65536" is not a valid port; write a number from 1 to 65535`},
		{IMAP, "imaps://h.example:-1", `"-1" is not a valid port; write a number from 1 to 65535`},
		{IMAP, "imaps://h.example:993/", `"993/" is not a valid port; write a number from 1 to 65535`},

		// Hosts that are none.
		{IMAP, "localhost", `"localhost": not a valid host name: it needs at least two labels; write a host name such as "mail.example.com"`},
		{IMAP, "192.0.2.1", `"192.0.2.1": not a valid host name: it is an IP address; write a host name such as "mail.example.com"`},
		{IMAP, "2001:db8::1", `"2001:db8::1": not a valid host name: ':' is not allowed; write a host name such as "mail.example.com"`},
		{IMAP, "imaps://[2001:db8::1]:993", `"imaps://[2001:db8::1]:993": not a valid host name: '[' is not allowed; write imaps://host or imaps://host:port`},
		{IMAP, "imaps://", `"imaps://": not a valid host name: it is empty; write imaps://host or imaps://host:port`},
		{IMAP, "imaps://ann@h.example", `"imaps://ann@h.example": not a valid host name: '@' is not allowed; write imaps://host or imaps://host:port`},
		{IMAP, "imaps://h.example/INBOX", `"imaps://h.example/INBOX": not a valid host name: '/' is not allowed; write imaps://host or imaps://host:port`},
		{IMAP, "imap_1.example", `"imap_1.example": not a valid host name: '_' is not allowed; write a host name such as "mail.example.com"`},
		{IMAP, "imap h.example", `"imap h.example": not a valid host name: ' ' is not allowed; write a host name such as "mail.example.com"`},
		{IMAP, "imap..example", `"imap..example": not a valid host name: it has two dots in a row; write a host name such as "mail.example.com"`},
		{IMAP, "imaps:h.example", `"imaps:h.example": the scheme must be followed by ://; write "imaps://h.example"`},
		{IMAP, "imap:h.example", `"imap:h.example": the scheme must be followed by ://; write "imap://h.example"`},
		{IMAP, "imaps:h.example:993", `"imaps:h.example:993": the scheme must be followed by ://; write "imaps://h.example:993"`},

		// "TLS" is what many programs call both: the port says what is meant.
		{Submission, "tls://h.example:587", `the scheme names the protocol, and not only STARTTLS; write "submission://h.example"`},
		{IMAP, "ssl://h.example:143", `the scheme names the protocol, and not only STARTTLS; write "imap://h.example"`},
		{IMAP, "starttls://h.example:993", `the scheme names the protocol, and not only implicit TLS; write "imaps://h.example"`},
		{IMAP, "ssl://h.example:9993", `the scheme names the protocol, and not only implicit TLS; write "imaps://h.example:9993"`},
		{IMAP, "mail.%DOMAIN%", `"mail.%DOMAIN%": unknown placeholder %DOMAIN%; use %EMAILDOMAIN% or %PRIMARYDOMAIN%; write a host name such as "mail.example.com"`},
		{IMAP, "imaps://%EMAILADDRESS%", `"imaps://%EMAILADDRESS%": %EMAILADDRESS% depends on the user and cannot be used here; use %EMAILDOMAIN% or %PRIMARYDOMAIN%; write imaps://host or imaps://host:port`},

		// A port that does not need +anyport.
		{IMAP, "imaps+anyport://h.example", `"imaps+anyport://h.example" does not need +anyport; write "imaps://h.example"`},
	} {
		servers, err := ParseServer(test.protocol, test.text)
		if err == nil || servers != nil {
			t.Errorf("%s = %q is taken: %q", test.protocol, test.text, urls(servers))
			continue
		}
		if err.Error() != test.want {
			t.Errorf("%s = %q:\n got %s\nwant %s", test.protocol, test.text, err, test.want)
		}
		_, write, _ := strings.Cut(err.Error(), "; write ")
		for _, hint := range regexp.MustCompile(`"[^"]+"`).FindAllString(write, -1) {
			if _, err := ParseServer(test.protocol, strings.Trim(hint, `"`)); err != nil {
				t.Errorf("%s = %q: the suggestion %s is a mistake too: %v", test.protocol, test.text, hint, err)
			}
		}
	}
}

// The order of preference is the heart of the product: 993 with TLS before 143 with STARTTLS, in every protocol.
func TestPreference(t *testing.T) {
	var s Settings
	for _, p := range []Protocol{IMAP, POP3, Submission, ManageSieve} {
		servers, err := ParseServer(p, "mail.example.com")
		if err != nil {
			t.Fatal(err)
		}
		s.Servers = append(s.Servers, servers...)
	}
	for name, test := range map[string]struct{ got, want []string }{
		"IMAP":                    {urls(s.Of(IMAP)), []string{"imaps://mail.example.com", "imap://mail.example.com"}},
		"POP3":                    {urls(s.Of(POP3)), []string{"pop3s://mail.example.com", "pop3://mail.example.com"}},
		"submission":              {urls(s.Outgoing()), []string{"submissions://mail.example.com", "submission://mail.example.com"}},
		"ManageSieve":             {urls(s.Of(ManageSieve)), []string{"sieve://mail.example.com"}},
		"incoming":                {urls(s.Incoming()), []string{"imaps://mail.example.com", "imap://mail.example.com", "pop3s://mail.example.com", "pop3://mail.example.com"}},
		"for one of each":         {urls(FirstOfEach(s.Incoming())), []string{"imaps://mail.example.com", "pop3s://mail.example.com"}},
		"nothing for one of each": {urls(FirstOfEach(nil)), nil},
		"of no servers":           {urls(new(Settings).Incoming()), nil},
	} {
		if !slices.Equal(test.got, test.want) {
			t.Errorf("%s: %q; want %q", name, test.got, test.want)
		}
	}
	before := urls(s.Servers)
	_ = append(s.Of(IMAP), Server{Protocol: POP3})
	_ = append(s.Incoming(), Server{Protocol: POP3})
	if got := urls(s.Servers); !slices.Equal(got, before) {
		t.Errorf("appending to a part changed the settings: %q", got)
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		IMAP.String(): "IMAP", POP3.String(): "POP3", Submission.String(): "submission", ManageSieve.String(): "ManageSieve",
		ImplicitTLS.String(): "implicit TLS", STARTTLS.String(): "STARTTLS", Plaintext.String(): "no encryption",
	} {
		if got != want {
			t.Errorf("%q; want %q", got, want)
		}
	}
	if s := (Server{Auth: []Auth{OAuth2Token, Password}}); !s.Allows(Password) || s.Allows(NTLM) {
		t.Errorf("Allows of %q", s.Auth)
	}
}
