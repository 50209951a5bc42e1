package clients_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestPOXReaders(t *testing.T) {
	runQuirks(t, pox, outlookSettings, slices.Concat(poxChoices(t), poxSecurity, poxLogins, poxMarkup(t)))
}

// In all tables exchangelib refuses, because it does not do IMAP. TestExchangelib checks how.

func poxChoices(t testing.TB) []quirk {
	_, protocols, _ := strings.Cut(outlookSettings, "</Action>")
	smtp := protocols[strings.LastIndex(protocols, "<Protocol>") : strings.LastIndex(protocols, "</Protocol>")+len("</Protocol>")]
	return []quirk{
		{
			name: "as it should be", see: receiving, others: "imap 993 implicit TLS",
			want: map[string]string{"Delta Chat": "imap 993 implicit TLS, imap 993 STARTTLS", "exchangelib": refused},
		},
		{
			name: "sending", see: sending, others: "smtp 587 STARTTLS",
			want: map[string]string{"Delta Chat": "smtp 587 implicit TLS", "Outlook 2007": "smtp 587 implicit TLS", "exchangelib": refused},
		},
		{
			name: "fallback listed", pairs: []string{"</Protocol>\n      ", "</Protocol>\n      " + poxIMAP143}, see: receiving,
			others: "imap 993 implicit TLS, imap 143 STARTTLS",
			want: map[string]string{
				"Outlook 2007": "imap 993 implicit TLS, imap 143 implicit TLS",
				"Delta Chat":   "imap 993 implicit TLS, imap 993 STARTTLS, imap 143 implicit TLS, imap 143 STARTTLS",
				"FairEmail":    "imap 143 STARTTLS", // the last one
				"exchangelib":  refused,
			},
		},
		{
			name: "POP3 before IMAP", pairs: []string{"<Protocol>", strings.NewReplacer("IMAP", "POP3", "143", "110").Replace(poxIMAP143) + "<Protocol>"},
			see: func(s setup) string { return place(s.Incoming) }, others: "pop3 110 STARTTLS",
			want: map[string]string{
				"Outlook 2007": "pop3 110 implicit TLS", "Delta Chat": "imap 993 implicit TLS", "FairEmail": "imap 993 implicit TLS",
				"exchangelib": refused,
			},
		},
		{
			name: "no SMTP", pairs: []string{smtp, ""}, see: sending, others: "nothing", // Thunderbird sends with another account's server
			want: map[string]string{"Delta Chat": "smtp 465 implicit TLS", "FairEmail": refused, "exchangelib": refused},
		},
		{
			name: "calendars", pairs: []string{"</Account>", "<Protocol><Type>CalDAV</Type><Server>https://dav.example.com/</Server></Protocol></Account>"},
			see: host, others: "imap.example.com", want: map[string]string{"exchangelib": refused},
		},
		{
			name: "type in lower case", pairs: []string{">IMAP<", ">imap<"}, see: host, others: refused,
			want: map[string]string{"Delta Chat": "imap.example.com"},
		},
		{
			name: "action after the Protocols", pairs: []string{"<Action>settings</Action>", "", "</Account>", "<Action>settings</Action></Account>"},
			see: host, others: "imap.example.com", want: map[string]string{"FairEmail": refused, "exchangelib": refused},
		},
		{
			name: "error", body: requestError, see: func(s setup) string { return fmt.Sprint(s.Guessed) }, others: refused,
			want: map[string]string{"Delta Chat": "true"}, // it stops searching and guesses
		},
		{
			name: "mobilesync settings", body: mobileSyncSettings, see: func(s setup) string { return fmt.Sprint(s.Guessed) }, others: refused,
			want: map[string]string{"Delta Chat": "true"},
		},
		{
			name: "redirect to a URL", pairs: []string{">settings<", ">redirectUrl<", "</Action>", "</Action><RedirectUrl>https://example.net/</RedirectUrl>"},
			see: accepted, others: refused, want: map[string]string{"Thunderbird": "accepted"}, // not implemented: it continues reading
		},
		{
			name: "redirect to an address", pairs: []string{">settings<", ">redirectAddr<", "</Action>", "</Action><RedirectAddr>fred@example.net</RedirectAddr>"},
			see: accepted, others: refused, want: map[string]string{"Delta Chat": "accepted"},
		},
		{name: "status 401", status: 401, see: accepted, others: refused},
		{name: "status 404", status: 404, see: accepted, others: refused},
		{
			name: "text/html", contentType: "text/html", see: accepted, others: "accepted",
			want: map[string]string{"Thunderbird": refused, "exchangelib": refused},
		},
	}
}

var poxSecurity = []quirk{
	{
		name: "SSL off with Encryption TLS", pairs: []string{"993", "143", "<SSL>on", "<SSL>off", ">SSL<", ">TLS<"}, see: secured, others: "no encryption",
		want: map[string]string{"Outlook 2010-2019": "STARTTLS", "FairEmail": "STARTTLS", "exchangelib": refused},
	},
	{
		name: "STARTTLS", pairs: []string{"993", "143", ">SSL<", ">TLS<"}, see: secured, others: "STARTTLS",
		want: map[string]string{
			"Outlook 2007": "implicit TLS", "exchangelib": refused,
			"Delta Chat": "implicit TLS", // tried first, then STARTTLS
		},
	},
	{
		name: "Encryption TLS on 993", pairs: []string{">SSL<", ">TLS<"}, see: secured, others: "implicit TLS",
		want: map[string]string{"Outlook 2010-2019": "STARTTLS", "exchangelib": refused},
	},
	{
		name: "STARTTLS on a port of its own", pairs: []string{"993", "1143", ">SSL<", ">TLS<"}, see: secured, others: "implicit TLS",
		want: map[string]string{"Outlook 2010-2019": "STARTTLS", "exchangelib": refused},
	},
	{
		name: "implicit TLS on a port of its own", pairs: []string{"993", "1993"}, see: secured, others: "implicit TLS",
		want: map[string]string{"exchangelib": refused},
	},
	{
		name: "cleartext", pairs: []string{"993", "143", "<SSL>on", "<SSL>off", ">SSL<", ">None<"}, see: secured, others: "no encryption",
		want: map[string]string{"FairEmail": "STARTTLS", "exchangelib": refused},
	},
	{
		name: "Encryption None with SSL on", pairs: []string{">SSL<", ">None<"}, see: secured, others: "implicit TLS",
		want: map[string]string{"Outlook 2010-2019": "no encryption", "Thunderbird": "no encryption", "exchangelib": refused},
	},
	{
		name: "Encryption Auto", pairs: []string{">SSL<", ">Auto<"}, see: secured, others: "implicit TLS",
		want: map[string]string{"exchangelib": refused},
	},
	{
		name: "no Encryption", pairs: []string{"<Encryption>SSL</Encryption>", ""}, see: secured, others: "implicit TLS",
		want: map[string]string{"exchangelib": refused},
	},
	{
		name: "Encryption empty", pairs: []string{"<Encryption>SSL</Encryption>", "<Encryption/>"}, see: secured, others: "implicit TLS",
		want: map[string]string{"Thunderbird": refused, "exchangelib": refused},
	},
	{
		name: "no SSL", pairs: []string{"<SSL>on</SSL>", ""}, see: secured, others: "implicit TLS",
		want: map[string]string{"exchangelib": refused},
	},
	{
		name: "SSL empty", pairs: []string{"<SSL>on</SSL>", "<SSL/>"}, see: secured, others: refused,
		want: map[string]string{"Delta Chat": "implicit TLS", "FairEmail": "implicit TLS"},
	},
	{
		name: "SSL true", pairs: []string{"<SSL>on", "<SSL>true"}, see: secured, others: refused,
		want: map[string]string{"Delta Chat": "implicit TLS", "FairEmail": "implicit TLS"},
	},
	{
		name: "SSL Off", pairs: []string{"<SSL>on", "<SSL>Off"}, see: secured, others: refused,
		want: map[string]string{
			"Thunderbird": "no encryption", "FairEmail": "implicit TLS",
			"Delta Chat": "implicit TLS", // compares exactly
		},
	},
	{
		name: "port of letters", pairs: []string{"993", "imaps"}, see: func(s setup) string { return fmt.Sprint(s.Incoming.Port) }, others: refused,
		want: map[string]string{"Delta Chat": "993"}, // guesses the port
	},
}

var poxLogins = []quirk{
	{name: "the address", see: login, others: "fred@example.com", want: map[string]string{"exchangelib": refused}},
	{
		name: "local part", pairs: []string{"<LoginName>fred@example.com", "<LoginName>fred"}, see: login, others: "fred",
		want: map[string]string{"Delta Chat": "fred@example.com", "FairEmail": "fred@example.com", "exchangelib": refused},
	},
	{
		name: "no LoginName", pairs: []string{"<LoginName>fred@example.com</LoginName>", ""}, see: login, others: "fred@example.com",
		want: map[string]string{"exchangelib": refused},
	},
	{
		name: "LoginName empty", pairs: []string{"<LoginName>fred@example.com</LoginName>", "<LoginName/>"}, see: login, others: "fred@example.com",
		want: map[string]string{"Thunderbird": "true", "exchangelib": refused},
	},
	{
		name: "digits", pairs: []string{"<LoginName>fred@example.com", "<LoginName>00123"}, see: login, others: "00123",
		want: map[string]string{"Thunderbird": "123", "Delta Chat": "fred@example.com", "FairEmail": "fred@example.com", "exchangelib": refused},
	},
	{
		name: "SPA on", pairs: []string{"<SPA>off", "<SPA>on"}, see: auth, others: "ntlm",
		want: map[string]string{"Thunderbird": "password-encrypted", "Delta Chat": "", "FairEmail": "", "exchangelib": refused},
	},
	{
		name: "no SPA", pairs: []string{"<SPA>off</SPA>", ""}, see: auth, others: "ntlm", // its default is on
		want: map[string]string{"Thunderbird": "password", "Delta Chat": "", "FairEmail": "", "exchangelib": refused},
	},
	{
		name: "DomainRequired on", pairs: []string{"<DomainRequired>off", "<DomainRequired>on"}, see: login, others: `\fred@example.com`,
		want: map[string]string{
			"Thunderbird": "fred@example.com", "Delta Chat": "fred@example.com", "FairEmail": "fred@example.com", "exchangelib": refused,
		},
	},
	{
		name: "AuthRequired off", pairs: []string{"<AuthRequired>on", "<AuthRequired>off"}, see: auth, others: "none",
		want: map[string]string{"Thunderbird": "password", "Delta Chat": "", "FairEmail": "", "exchangelib": refused},
	},
}

func poxMarkup(t testing.TB) []quirk {
	const outlookAttr = ` xmlns="` + outlookSpace + `"`
	return []quirk{
		{name: "without an address", body: anonymous(t), see: login, others: "fred@example.com", want: map[string]string{"exchangelib": refused}},
		{
			name: "no User", pairs: []string{"<User>", "<!--", "</User>", "-->"}, see: accepted, others: "accepted",
			want: map[string]string{"Outlook 2010-2019": refused, "Outlook 2007": refused, "exchangelib": refused},
		},
		{
			name: "inner name space missing", pairs: []string{outlookAttr, ""}, see: accepted, others: "accepted",
			want: map[string]string{"Outlook 2010-2019": refused, "Outlook 2007": refused, "exchangelib": refused},
		},
		{
			name: "name spaces with https", pairs: []string{`"http://`, `"https://`, `"http://`, `"https://`}, see: accepted, others: "accepted",
			want: map[string]string{"Outlook 2010-2019": refused, "Outlook 2007": refused, "exchangelib": refused},
		},
		{
			name: "prefixes", body: strings.NewReplacer(outlookAttr, ` xmlns:a="`+outlookSpace+`"`, "<?", "<?", "<Autodiscover", "<Autodiscover",
				"</Autodiscover", "</Autodiscover", "</", "</a:", "<", "<a:").Replace(outlookSettings),
			see: func(s setup) string { return fmt.Sprint(s.Guessed) }, others: refused, want: map[string]string{"Delta Chat": "true"},
		},
	}
}

func TestExchangelib(t *testing.T) {
	for _, test := range []struct {
		name, doc, want string
	}{
		{"IMAP settings", outlookSettings, errExchangeOnly.Error()},
		{"without an address", anonymous(t), errExchangeOnly.Error()},
		{"no User", edited(t, outlookSettings, "<User>", "<!--", "</User>", "-->"), "AttributeError"},
		{"error", requestError, "error 600: Invalid Request"},
		{"name spaces missing", strings.ReplaceAll(outlookSettings, "xmlns", "x"), "unknown root element"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := exchangelibPOX(answer{Status: 200, ContentType: "text/xml", Body: []byte(test.doc), Address: "fred@example.com"})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want %q in it", err, test.want)
			}
			if errors.Is(err, errExchangeOnly) != (test.want == errExchangeOnly.Error()) {
				t.Errorf("errors.Is(%v, errExchangeOnly) is wrong", err)
			}
		})
	}
}
