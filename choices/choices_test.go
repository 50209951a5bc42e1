package choices

import (
	"slices"
	"strings"
	"testing"
)

// TestRejected is about what single clients reject or choose differently.
func TestRejected(t *testing.T) {
	const good = `<incomingServer type="imap"><hostname>i.example</hostname><port>993</port><socketType>SSL</socketType>` +
		`<username>%EMAILADDRESS%</username><authentication>password-cleartext</authentication></incomingServer>`
	other := func(from, to string) string {
		return strings.Replace(strings.Replace(good, from, to, 1), "i.example", "j.example", 1)
	}
	tests := []struct{ name, servers, client, want string }{
		{"an unknown socketType", other("SSL", "TLS") + good, "Thunderbird for Android", ""},
		{"an unknown socketType", other("SSL", "TLS") + good, "Thunderbird", "i.example"},
		{"no user name", good + other("<username>%EMAILADDRESS%</username>", ""), "Thunderbird for Android", ""},
		{"no user name", good + other("<username>%EMAILADDRESS%</username>", ""), "Thunderbird", "i.example"},
		{"unknown login methods alone", good + other("password-cleartext", "magic"), "Thunderbird for Android", ""},
		{"no encryption", other("SSL", "plain") + good, "Thunderbird for Android", ""},
		{"no encryption", other("SSL", "plain") + good, "FairEmail", "i.example"},
		{"no encryption", other("SSL", "plain") + good, "Nextcloud Mail", "j.example"},
		{"the last", good + other("993", "143"), "Evolution", "j.example"},
		{"POP3 first", other(`"imap"`, `"pop3"`) + good, "FairEmail", ""},
		{"POP3 first", other(`"imap"`, `"pop3"`) + good, "Thunderbird for Android", "i.example"},
	}
	for _, test := range tests {
		outgoing := strings.NewReplacer("incoming", "outgoing", `"imap"`, `"smtp"`).Replace(good)
		d, err := ReadAutoconfig([]byte(`<clientConfig><emailProvider id="a.example"><domain>a.example</domain>` +
			test.servers + outgoing + `</emailProvider></clientConfig>`))
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(Clients, func(m Client) bool { return m.Name == test.client })
		got := ""
		if in, _, err := Clients[i].Choose(d, Source{Place: ConfigHost}); err == nil {
			got = in.Host
		}
		if got != test.want {
			t.Errorf("%s, %s: got %q, want %q", test.name, test.client, got, test.want)
		}
	}
}

// TestEWSAlone: Thunderbird 153.8 skips an EWS server with HTTP Basic alone.
func TestEWSAlone(t *testing.T) {
	const alone = `<clientConfig><emailProvider id="a.example"><domain>a.example</domain><incomingServer type="ews"><url>https://ex.example</url>` +
		`<authentication system="http">Basic</authentication><username>%EMAILADDRESS%</username></incomingServer></emailProvider></clientConfig>`
	d, err := ReadAutoconfig([]byte(alone))
	if err != nil {
		t.Fatal(err)
	}
	if in, _, err := Clients[0].Choose(d, Source{Place: ConfigHost}); err == nil {
		t.Errorf("Thunderbird 153.8 skips a server with HTTP Basic alone, got %+v", in)
	}
}

// FuzzDocuments: clients get usable servers from a document, or none, whatever a stranger wrote.
func FuzzDocuments(f *testing.F) {
	f.Add([]byte(otherConfig))
	f.Add([]byte(otherPOX))
	f.Add([]byte("<clientConfig><emailProvider/></clientConfig>"))
	f.Add([]byte("<clientConfig><emailProvider><incomingServer type='ews'><url>x</url><authentication>password-cleartext</authentication>" +
		"</incomingServer></emailProvider></clientConfig>"))
	f.Add([]byte("<Autodiscover><Response><Error/></Response></Autodiscover>"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, read := range []func([]byte) (Document, error){ReadAutoconfig, ReadAutodiscover} {
			d, err := read(text)
			if err != nil {
				continue
			}
			for _, p := range Clients {
				for _, place := range []Place{ConfigHost, POXHost} {
					if in, _, err := p.Choose(d, Source{Place: place}); err == nil && (in.URL == "" && (in.Host == "" || in.Port == 0) || len(in.Auths) == 0) {
						t.Errorf("%s would set up %+v", p.Name, in)
					}
				}
			}
		}
	})
}

const otherConfig = `<clientConfig version="1.1"><emailProvider id="elsewhere.example"><domain>elsewhere.example</domain>
<incomingServer type="imap"><hostname>imap.elsewhere.example</hostname><port>993</port><socketType>SSL</socketType>
<authentication>password-cleartext</authentication><username>%EMAILADDRESS%</username></incomingServer>
<outgoingServer type="smtp"><hostname>smtp.elsewhere.example</hostname><port>465</port><socketType>SSL</socketType>
<authentication>password-cleartext</authentication><username>%EMAILADDRESS%</username></outgoingServer>
</emailProvider></clientConfig>`

const otherPOX = `<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
<Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"><User/>
<Account><AccountType>email</AccountType>
<Action>settings</Action><Protocol><Type>IMAP</Type><Server>imap.elsewhere.example</Server><Port>993</Port><SPA>off</SPA><SSL>on</SSL></Protocol>
<Protocol><Type>SMTP</Type><Server>smtp.elsewhere.example</Server><Port>465</Port><SPA>off</SPA><SSL>on</SSL></Protocol>
</Account></Response></Autodiscover>`
