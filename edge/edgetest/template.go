package edgetest

import (
	"math/rand/v2"

	"mailhint/settings"
)

// texts are values for the holes of templates, of which some need escaping.
var texts = []settings.Pattern{"Firm 7", `A & B <"C'>`, "Bäckerei Bücher", "Mail for %EMAILDOMAIN%", "%PRIMARYDOMAIN% & %EMAILDOMAIN%", "F&Co", "😀 ]]>", "%",
	"https://help.firm.example/mail?a=1&b=%20%C3%A4", "https://%EMAILDOMAIN%/", "mailto:help@firm.example", "imap.firm.example", "imap.xn--bcher-kva.example",
	"mail.%EMAILDOMAIN%", "%1%"}

// Filled returns settings that were made of a template, with and without it: what is answered must be the same.
func Filled(random *rand.Rand) (with, without settings.Found) {
	var values []settings.Pattern
	hole := func() settings.Pattern {
		values = append(values, texts[random.IntN(len(texts))])
		return settings.Hole(len(values) - 1)
	}
	template := &settings.Settings{Login: settings.EmailAddress, Auth: []settings.Auth{settings.Password}}
	template.Servers = Servers("imaps://imap.example.com", "imap://imap.example.com", "pop3s://pop.example.com", "submissions://smtp.example.com",
		"submission://smtp.example.com", "sieve://sieve.example.com")[random.IntN(4):]
	logins := []settings.Login{settings.EmailAddress, settings.EmailLocalPart, "%EMAILLOCALPART%@%PRIMARYDOMAIN%", "a<%EMAILLOCALPART%"}
	for i := range template.Servers {
		server := &template.Servers[i]
		server.Login = logins[random.IntN(len(logins))]
		if random.IntN(3) > 0 {
			server.Host = hole()
		}
	}
	for _, p := range []*settings.Pattern{&template.Name, &template.ShortName, &template.Docs, &template.Support, &template.Webmail, &template.CalDAV,
		&template.CardDAV, &template.WebDAV, &template.JMAP, &template.ActiveSync, &template.EWS} {
		switch random.IntN(4) {
		case 0:
			*p = texts[random.IntN(len(texts))]
		case 1, 2:
			*p = hole()
		}
	}
	without = settings.Found{Settings: template.Fill(values), Domain: "xn--bcher-kva.example", Primary: "firm.example"}
	with = without
	with.Template, with.Values = template, append(values, "of no hole")
	return with, without
}
