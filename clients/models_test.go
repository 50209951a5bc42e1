// Package clients_test contains what is known about the mail clients that read our answers: the grammar that our documents follow
// (schema_test.go, testdata), and for each client a small model of how it reads them (models_test.go, model_*_test.go). The models are
// pinned to what was seen in the clients' source or in the clients themselves (quirks_*_test.go), so that an answer can be checked for
// every client without running it. find_test.go and acme_test.go run the real Thunderbird.
package clients_test

import (
	"errors"
	"fmt"
	"strings"
)

// answer is one of our HTTP answers, and the address that was typed into the client.
type answer struct {
	Status      int
	ContentType string
	Body        []byte
	Address     string
}

// setup is the account that a client would create.
type setup struct {
	Incoming endpoint // what the client would use, or try first
	Outgoing endpoint // zero if the account cannot send, or uses a server of another account

	// What the client would try next, or offer as a choice.
	IncomingAlternatives []endpoint
	OutgoingAlternatives []endpoint

	Guessed bool // a server is not from our answer but guessed by the client
}

// endpoint is one server of an account. A field is empty if the client leaves it open, or does not read it.
type endpoint struct {
	Protocol string // imap, pop3, smtp, ews
	Host     string
	Port     int
	Security security
	Username string
	Auth     string // as in domains.toml: password, password-encrypted, oauth2, gssapi, ntlm; or none
}

// security is how a connection is encrypted, in the words of package settings.
type security string

const (
	implicitTLS  security = "implicit TLS"
	startTLS     security = "STARTTLS"
	noEncryption security = "no encryption"
)

func (e endpoint) String() string {
	if e == (endpoint{}) {
		return "nothing"
	}
	fields := []string{e.Protocol, fmt.Sprintf("%s:%d", e.Host, e.Port), string(e.Security), "as " + e.Username}
	if e.Auth != "" {
		fields = append(fields, e.Auth)
	}
	return strings.Join(fields, " ")
}

func (s setup) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s / %s", s.Incoming, s.Outgoing)
	for _, e := range append(append([]endpoint(nil), s.IncomingAlternatives...), s.OutgoingAlternatives...) {
		fmt.Fprintf(&b, "; or %s", e)
	}
	if s.Guessed {
		b.WriteString("; partly guessed")
	}
	return b.String()
}

// newSetup makes an account from lists of servers in the order in which the client prefers them.
func newSetup(incoming, outgoing []endpoint) setup {
	var s setup
	if len(incoming) > 0 {
		s.Incoming, s.IncomingAlternatives = incoming[0], incoming[1:]
	}
	if len(outgoing) > 0 {
		s.Outgoing, s.OutgoingAlternatives = outgoing[0], outgoing[1:]
	}
	return s
}

// format is a kind of answer.
type format string

const (
	configFile format = "config-v1.1.xml"
	pox        format = "Autodiscover POX"
)

// model is how a client reads one kind of answer.
type model struct {
	name   string
	format format
	seen   string // where the model's rules were seen
	reads  func(answer) (setup, error)
}

// models are those of all clients that have been examined, in the order of how many people use them.
var models = []model{
	{"Thunderbird", configFile, "comm-central cf9726f5 readFromXML.sys.mjs, JXON.sys.mjs, FetchHTTP.sys.mjs; Thunderbird 153.7 ESR", thunderbirdConfig},
	{"Thunderbird for Android", configFile, "thunderbird-android a59bd679 RealAutoconfigParser.kt", thunderbirdAndroidConfig},
	{"Delta Chat", configFile, "chatmail/core 48888898 auto_mozilla.rs, server_params.rs; core 2.57.0", deltaChatConfig},
	{"FairEmail", configFile, "FairEmail e23dd9df EmailProvider.java getISPDB", fairEmailConfig},
	{"Nextcloud Mail", configFile, "nextcloud/mail e5734fe2 IspDb.php", nextcloudConfig},
	{"Evolution", configFile, "evolution e-mail-autoconfig.c; Evolution 3.46.4", evolutionConfig},
	{"KMail", configFile, "kmail-account-wizard 8163b657 ispdbservice.cpp, serverconfiguration.cpp; wizard 22.12.3", kmailConfig},
	{"Geary", configFile, "geary accounts-autoconfig.vala; Geary 43.0", gearyConfig},
	{"Horde", configFile, "Horde Mail_Autoconfig 1.0.3 Driver/Thunderbird.php", hordeConfig},

	{"Outlook 2010-2019", pox, "[MS-OXDSCLI] 2.2.4.1.1.2 and 3.2.5; not tried with Outlook itself", outlook2010POX},
	{"Outlook 2007", pox, "Office 2007 resource kit cc511507; not tried with Outlook itself", outlook2007POX},
	{"Thunderbird", pox, "comm-central cf9726f5 ExchangeAutoDiscover.sys.mjs; Thunderbird 153.7 ESR", thunderbirdPOX},
	{"FairEmail", pox, "FairEmail e23dd9df EmailProvider.java getMSAutodiscovery", fairEmailPOX},
	{"Delta Chat", pox, "chatmail/core 48888898 auto_outlook.rs, server_params.rs; core 2.57.0", deltaChatPOX},
	{"exchangelib", pox, "exchangelib 4.9.0 autodiscover/properties.py", exchangelibPOX},
}

// errExchangeOnly means that a client understood a POX answer but can only use an Exchange server. It is the expected outcome of IMAP answers in
// such a client.
var errExchangeOnly = errors.New("no Exchange server in it")

// read returns the account that a client would set up from an answer, or why it would not.
func (r model) read(a answer) (setup, error) {
	s, err := r.reads(a)
	if err != nil {
		return setup{}, fmt.Errorf("%s with %s: %w", r.name, r.format, err)
	}
	return s, nil
}

// parts splits an address at its last @.
func parts(address string) (local, domain string) {
	i := strings.LastIndexByte(address, '@')
	return address[:max(i, 0)], address[i+1:]
}

// fillPlaceholders fills in the placeholders that most clients know.
func fillPlaceholders(s, address string) string {
	local, domain := parts(address)
	return strings.NewReplacer("%EMAILADDRESS%", address, "%EMAILLOCALPART%", local, "%EMAILDOMAIN%", domain).Replace(s)
}

// isSuccess reports whether a status is one of 2xx.
func isSuccess(status int) bool { return status >= 200 && status < 300 }
