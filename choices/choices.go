// Package choices has the rules by which mail clients choose their settings: where each client looks, in which order, which answers it
// accepts, and which servers it takes from a document. The rules are data from the clients' sources and from watching them. Package clients
// has more detailed models of some; both are tested with the same corpus.
//
// It makes no requests. What a client finds at a place is for the caller to say: package doctor asks the internet, package compare an old
// server.
//
// Read first this file, the table of clients; places.go, where they look; then document.go, what an answer says, and choose.go, what a client
// makes of it.
package choices

import (
	"slices"
	"strings"
)

// Client is how a mail client looks for its settings, and what it takes from what it finds.
type Client struct {
	Name    string
	Sources []Source // in order of preference
	rules
}

// Source is where a client looks.
type Source struct {
	Place Place
	SRV   bool // SRV records instead of a place
	// Final means that an answer with status 200 that is not a document ends the search.
	Final bool
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
	fillsHosts   bool // fills in placeholders in host names
	fillsID      bool // fills them in as the id and domain of the provider too
	emptiesHosts bool // replaces placeholders in host names by nothing
	firstAnswer  bool // looks no further than the first answer that is well-formed XML, even an empty one
}

func at(places ...Place) []Source {
	var all []Source
	for _, p := range places {
		all = append(all, Source{Place: p})
	}
	return all
}

var bySRV = Source{SRV: true}

// Names of clients that are special.
const (
	Thunderbird    = "Thunderbird"
	OutlookClassic = "Outlook (classic)"
	OutlookNew     = "Outlook (new)" // and Outlook for phones: Microsoft's servers ask for them
	AppleMail      = "Apple Mail (profile)"
	PACCClients    = "clients of PACC"
	SRVClients     = "clients of SRV records"
)

// Clients are the clients that people ask about.
var Clients = []Client{
	{Thunderbird, append([]Source{{Place: ConfigHost, Final: true}},
		at(ConfigBare, ConfigHTTP, ConfigBareHTTP, ISPDBEntry, POXHost, POXBare, POXSRV)...),
		rules{xmlType: true, needsDomain: true, needsSMTP: true, knownOAuth2: true, knowsEWS: true, fillsHosts: true, fillsID: true}},
	{"Thunderbird for Android", at(ConfigNoAddress, ConfigBare, ConfigHTTP, ConfigBareHTTP, ISPDBEntry),
		rules{needsDomain: true, needsSMTP: true, imapOnly: true, rejectsPlain: true, fillsHosts: true}},
	{OutlookClassic, at(POXBare, POXHost, POXSRV), rules{password: true}},
	{AppleMail, at(ProfileHost), rules{}},
	{"Evolution", append([]Source{bySRV}, at(ConfigEvolution, ConfigHTTP, ConfigBare, ConfigBareHTTP, ISPDBEntry)...),
		rules{takesLast: true, emptiesHosts: true}},
	{"KMail", append(at(ISPDBEntry), Source{Place: ConfigNoAddress, Final: true}, Source{Place: ConfigHTTP, Final: true},
		Source{Place: ConfigBare}), rules{fillsHosts: true}},
	{"Delta Chat", at(ConfigHost, ConfigBare, POXBare, POXHost, ISPDBEntry),
		rules{imapOnly: true, ignoresAuth: true, firstAnswer: true, fillsHosts: true}},
	{"FairEmail", append([]Source{bySRV}, at(ConfigHost, ConfigBare, ConfigHTTP, ConfigBareHTTP, ISPDBEntry, POXHost)...),
		rules{needsSMTP: true, imapOnly: true, imapFirst: true, skipsPlain: true, tieSTARTTLS: true, ignoresAuth: true}},
	{"Nextcloud Mail", at(ConfigHost, ConfigBare, ISPDBEntry, ConfigHTTP, ConfigBareHTTP), rules{imapOnly: true, ignoresAuth: true}},
}

// Others are clients that look in one place only. The doctor has nothing to say about them that it does not say about Clients.
var Others = []Client{
	{OutlookNew, at(POXHost), rules{password: true}},
	{PACCClients, at(PACCHost), rules{}},
	{SRVClients, []Source{bySRV}, rules{}},
}

// BuiltIntoApple reports whether a host is of a provider that Apple Mail lists by name.
func BuiltIntoApple(host string) bool {
	known := []string{"gmail.com", "googlemail.com", "office365.com", "outlook.com", "hotmail.com", "yahoo.com", "aol.com"}
	return slices.ContainsFunc(known, func(name string) bool { return strings.HasSuffix(host, "."+name) })
}
