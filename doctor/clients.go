package doctor

import (
	"slices"
	"strings"
)

// clientModel is how a mail client looks for its settings, and what it takes from what it finds: data from the clients' sources and from
// watching them. Package clients has more detailed models; both are tested with the same corpus.
type clientModel struct {
	name    string
	sources []source // in order of preference
	rules
}

// source is where a client looks.
type source struct {
	place place
	srv   bool // SRV records instead of a place
	// final means that an answer with status 200 that is not a document ends the search.
	final bool
}

// rules are what a client requires of a document and takes from it.
type rules struct {
	xmlType      bool // reads only what is marked as XML
	needsDomain  bool // requires an id and a domain that are host names
	needsSMTP    bool // requires an outgoing server
	imapOnly     bool // does not know POP3
	imapFirst    bool // does not see IMAP behind another incoming server
	takesLast    bool // takes the last of several servers of a kind instead of the first
	rejectsPlain bool // rejects a document that has a server without encryption, or a word that it does not know
	skipsPlain   bool // skips servers without encryption
	tieSTARTTLS  bool // among SRV records with the same priority, prefers STARTTLS for submission
	ignoresAuth  bool // logs in with a password whatever the document says
	knownOAuth2  bool // uses OAuth2 with built-in providers only
	knowsEWS     bool // takes an EWS server, if it has a login method of mail servers beside HTTP Basic
	password     bool // knows only passwords
	firstAnswer  bool // looks no further than the first answer that is well-formed XML, even an empty one
}

func at(places ...place) []source {
	var all []source
	for _, p := range places {
		all = append(all, source{place: p})
	}
	return all
}

var bySRV = source{srv: true}

// Names of the clients that have a code of their own.
const (
	thunderbird    = "Thunderbird"
	outlookClassic = "Outlook (classic)"
	appleMail      = "Apple Mail (profile)"
)

// clientModels are the clients that people ask about.
var clientModels = []clientModel{
	{thunderbird, append([]source{{place: configHost, final: true}},
		at(configBare, configHTTP, configBareHTTP, ispdbEntry, poxHost, poxBare, poxSRV)...),
		rules{xmlType: true, needsDomain: true, needsSMTP: true, knownOAuth2: true, knowsEWS: true}},
	{"Thunderbird for Android", at(configNoAddress, configBare, configHTTP, configBareHTTP, ispdbEntry),
		rules{needsDomain: true, needsSMTP: true, imapOnly: true, rejectsPlain: true}},
	{outlookClassic, at(poxBare, poxHost, poxSRV), rules{password: true}},
	{appleMail, at(profileHost), rules{}},
	{"Evolution", append([]source{bySRV}, at(configEvolution, configHTTP, configBare, configBareHTTP, ispdbEntry)...),
		rules{takesLast: true}},
	{"KMail", append(at(ispdbEntry), source{place: configNoAddress, final: true}, source{place: configHTTP, final: true},
		source{place: configBare}), rules{}},
	{"Delta Chat", at(configHost, configBare, poxBare, poxHost, ispdbEntry), rules{imapOnly: true, ignoresAuth: true, firstAnswer: true}},
	{"FairEmail", append([]source{bySRV}, at(configHost, configBare, configHTTP, configBareHTTP, ispdbEntry, poxHost)...),
		rules{needsSMTP: true, imapOnly: true, imapFirst: true, skipsPlain: true, tieSTARTTLS: true, ignoresAuth: true}},
	{"Nextcloud Mail", at(configHost, configBare, ispdbEntry, configHTTP, configBareHTTP), rules{imapOnly: true, ignoresAuth: true}},
}

// builtIntoApple reports whether a host is of a provider that Apple Mail lists by name.
func builtIntoApple(host string) bool {
	known := []string{"gmail.com", "googlemail.com", "office365.com", "outlook.com", "hotmail.com", "yahoo.com", "aol.com"}
	return slices.ContainsFunc(known, func(name string) bool { return strings.HasSuffix(host, "."+name) })
}

// builtInOAuth2 reports whether a host is of a provider with which Thunderbird uses OAuth2 (OAuth2Providers.sys.mjs, 153.7).
func builtInOAuth2(host string) bool {
	return slices.ContainsFunc([]string{"googlemail.com", "gmail.com", "imap.mail.ru", "smtp.mail.ru", "imap.yandex.com", "smtp.yandex.com",
		"yahoo.com", "att.net", "aol.com", "office365.com", "outlook.com", "hotmail.com", "imap.fastmail.com", "pop.fastmail.com",
		"smtp.fastmail.com", "imap.comcast.net", "pop.comcast.net", "smtp.comcast.net", "thundermail.com"},
		func(known string) bool { return host == known || strings.HasSuffix(host, "."+known) })
}
