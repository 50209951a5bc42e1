package clients_test

import (
	"strings"
	"testing"
)

// configLogins: user names and login methods.
var configLogins = []quirk{
	{name: "the address", see: login, others: "fred@example.com"},
	{
		name: "local part", pairs: []string{"%EMAILADDRESS%", "%EMAILLOCALPART%", "%EMAILADDRESS%", "%EMAILLOCALPART%"}, see: login, others: "fred",
		want: map[string]string{"Geary": "fred@example.com"},
	},
	{
		name: "address in two placeholders", see: login, others: "fred@example.com",
		pairs: []string{"%EMAILADDRESS%", "%EMAILLOCALPART%@%EMAILDOMAIN%", "%EMAILADDRESS%", "%EMAILLOCALPART%@%EMAILDOMAIN%"},
		want: map[string]string{
			"FairEmail": "%EMAILLOCALPART%@%EMAILDOMAIN%", "Evolution": "fred@", "Horde": "fred@%EMAILDOMAIN%",
		},
	},
	{
		name: "no user name", pairs: []string{"<username>%EMAILADDRESS%</username>\n    </incomingServer>", "</incomingServer>", "<username>%EMAILADDRESS%</username>", ""},
		see: func(s setup) string { return s.Incoming.Username + " at " + s.Incoming.Host }, others: " at imap.example.com",
		want: map[string]string{
			"Thunderbird": "undefined at imap.example.com", "Thunderbird for Android": refused, "FairEmail": "fred@example.com at imap.example.com",
			"Delta Chat": "fred@example.com at imap.example.com", // it ignores the server and guesses the same name
			"Geary":      "fred@example.com at imap.example.com",
		},
	},
	{
		name: "digits", pairs: []string{"%EMAILADDRESS%", "00123", "%EMAILADDRESS%", "00123"}, see: login, others: "00123",
		want: map[string]string{"Thunderbird": "123", "Geary": "fred@example.com"},
	},
	{
		name: "digits in the address", address: "00123@example.com", pairs: []string{"%EMAILADDRESS%", "%EMAILLOCALPART%", "%EMAILADDRESS%", "%EMAILLOCALPART%"},
		see: login, others: "00123", want: map[string]string{"Geary": "00123@example.com"},
	},
	{
		name: "EVOLUTIONUSER echoed", pairs: []string{"%EMAILADDRESS%", "EVOLUTIONUSER@example.com", "%EMAILADDRESS%", "EVOLUTIONUSER@example.com"},
		see: login, others: "EVOLUTIONUSER@example.com", want: map[string]string{"Evolution": "fred@example.com", "Geary": "fred@example.com"},
	},
	{
		name: "character reference", pairs: []string{"%EMAILADDRESS%", "o&#39;neil", "%EMAILADDRESS%", "o&#39;neil"}, see: login, others: "o'neil",
		want: map[string]string{"Delta Chat": "neil", "Geary": "fred@example.com"},
	},
	{
		name: "authentication", see: auth, others: "",
		want: map[string]string{"Thunderbird": "password", "Thunderbird for Android": "password", "KMail": "password", "Evolution": "password"},
	},
	{
		name: "only unknown authentication", pairs: []string{"password-cleartext", "SCRAM-SHA-256"}, see: auth, others: "",
		want: map[string]string{"Thunderbird": refused, "Thunderbird for Android": refused, "KMail": "password"},
	},
	{
		name: "OAuth2 alone", pairs: []string{"password-cleartext", "OAuth2"}, see: auth, others: "",
		want: map[string]string{"Thunderbird": refused, "Thunderbird for Android": "oauth2", "KMail": "oauth2"},
	},
	{
		name: "OAuth2 alone at a known provider", pairs: []string{"imap.example.com", "outlook.office365.com", "password-cleartext", "OAuth2"}, see: auth, others: "",
		want: map[string]string{"Thunderbird": "oauth2", "Thunderbird for Android": "oauth2", "KMail": "oauth2"},
	},
	{
		name: "OAuth2 before a password", pairs: []string{"<authentication>", "<authentication>OAuth2</authentication><authentication>"}, see: auth, others: "",
		want: map[string]string{"Thunderbird": "password", "Thunderbird for Android": "oauth2", "KMail": "oauth2", "Evolution": "password"},
	},
	{
		name: "encrypted password after a password", pairs: []string{"</authentication>", "</authentication><authentication>password-encrypted</authentication>"},
		see: auth, others: "",
		want: map[string]string{
			"Thunderbird": "password", "Thunderbird for Android": "password", "KMail": "password-encrypted", "Evolution": "password-encrypted",
		},
	},
	{
		name: "no login for receiving", pairs: []string{"password-cleartext", "none"}, see: auth, others: "",
		want: map[string]string{"Thunderbird": refused, "Thunderbird for Android": refused, "KMail": "none"},
	},
}

// configMarkup: how the XML is written.
func configMarkup(t testing.TB) []quirk {
	return []quirk{
		{
			name: "attribute on a server", pairs: []string{`type="imap"`, `type="imap" id="x"`}, see: accepted, others: "accepted",
			want: map[string]string{"Evolution": refused},
		},
		{
			name: "attribute on an outgoing server", pairs: []string{`type="smtp"`, `type="smtp" id="x"`}, see: accepted, others: "accepted",
			want: map[string]string{"Evolution": refused},
		},
		{
			name: "CDATA", pairs: []string{"imap.example.com", "<![CDATA[imap.example.com]]>"}, see: host, others: "imap.example.com",
			want: map[string]string{"Evolution": ""}, // Delta Chat ignores the server and guesses the same name
		},
		{
			name: "CDATA with a name that cannot be guessed", pairs: []string{"imap.example.com", "<![CDATA[post.example.com]]>"}, see: host,
			others: "post.example.com", want: map[string]string{"Evolution": "", "Delta Chat": "imap.example.com"},
		},
		{
			name: "comment in a value", pairs: []string{"imap.example.com", "imap<!-- . -->.example.com"}, see: host, others: "imap.example.com",
			want: map[string]string{"Evolution": ".example.com", "Delta Chat": ".example.com"},
		},
		{name: "comment between elements", pairs: []string{"<hostname>", "<!-- here --><hostname>"}, see: host, others: "imap.example.com"},
		{name: "unknown element", pairs: []string{"<hostname>", "<x>y</x><hostname>"}, see: host, others: "imap.example.com"},
		{name: "default name space", pairs: []string{"<clientConfig", `<clientConfig xmlns="urn:example"`}, see: host, others: "imap.example.com"},
		{
			name: "prefixes", body: prefixed(oneIMAP(t)), see: host, others: refused,
			want: map[string]string{"Geary": "imap.example.com", "Delta Chat": "imap.example.com"}, // Delta Chat guesses
		},
	}
}

// prefixed returns a document with a prefix before all names.
func prefixed(doc string) string {
	doc = strings.NewReplacer("</", "</c:", "<?", "<?", "<", "<c:").Replace(doc)
	return strings.Replace(doc, "<c:clientConfig", `<c:clientConfig xmlns:c="urn:example"`, 1)
}
