package doctor

import (
	"errors"
	"strings"

	"mailhint/probe"
)

// clientCases are about logins and single clients.
var clientCases = []findingCase{
	{name: "a login of another kind", config: usual + "login = \"%EMAILLOCALPART%.a\"\n", change: func(*world) {},
		want: "warning L01 a.example neither the address nor"},
	{name: "one login for everyone", config: usual + "login = \"00123\"\n", change: func(*world) {},
		want: "L01 a.example reads digits as a number"},
	{name: "two forms of login", config: `[domains."a.example"]
imap = "mail.a.example"
smtp = { url = "mail.a.example", login = "%EMAILLOCALPART%" }
`, change: func(*world) {}, want: "warning L01 a.example different login names"},

	{name: "a media type that Thunderbird refuses", change: func(w *world) {
		w.pages["https://autoconfig.a.example/mail/"] = func(web *probe.Web) { web.Header.Set("Content-Type", "text/plain") }
	}, want: "C01 Thunderbird does not read Content-Type"},
	{name: "OAuth2 alone", config: strings.Replace(oauth2, ", \"password\"", "", 1), change: authorizes(""), want: "C01, C03"},
	{name: "OAuth2 alone, at a provider that Thunderbird and Apple know", config: microsoft, change: func(*world) {}},
	{name: "a web site with a certificate for another name", change: func(w *world) {
		w.hosts["a.example"] = addresses("203.0.113.80")
		w.pages["https://a.example/"] = certificate(func(c *probe.TLS) {
			c.NameErr, c.Chain[0].DNSNames = errors.New("no"), []string{"web.example"}
		})
	}, want: "warning C02 Outlook it covers web.example"},
	{name: "a web site that answers every request", change: func(w *world) {
		w.hosts["a.example"] = addresses("203.0.113.80")
		w.pages["https://a.example/"] = body(200, htmlType, website)
	}, want: "warning C02 Outlook asks the domain's own web server first"},
	{name: "another Autodiscover at the web site", change: func(w *world) {
		w.hosts["a.example"] = addresses("203.0.113.80")
		w.pages["https://a.example/autodiscover/"] = body(200, "text/xml", otherPOX)
	}, want: "C02 Outlook imap.elsewhere.example"},
	{name: "a proxy that does not pass on profiles",
		change: func(w *world) { w.pages["https://autoconfig.a.example/mobileconfig"] = body(404, htmlType, website) },
		want:   "warning C03 Apple 404"},
	{name: "an old entry in the ISPDB", change: func(w *world) {
		w.hosts["autoconfig.thunderbird.net"] = addresses("203.0.113.90")
		w.pages[defaultISPDB] = body(200, "text/xml", otherConfig)
	}, want: "warning C04 a.example imap.elsewhere.example"},
}
