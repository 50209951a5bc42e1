// Package clients_test holds what is known about the mail programs that read our answers: the grammar our documents keep to
// (schema_test.go, testdata), and for each program a small model of how it reads them (readers, model*_test.go). The models are
// pinned to what was seen in the programs' source or in the programs themselves (quirks_*_test.go), so that an answer can be
// held against every program without running it.
package clients_test

import (
	"errors"
	"fmt"
	"strings"
)

// answer is an HTTP answer of ours, and the address that was typed into the mail program.
type answer struct {
	Status      int
	ContentType string
	Body        []byte
	Address     string
}

// setup is the account that a mail program would create.
type setup struct {
	Incoming endpoint // what it would use, or try first
	Outgoing endpoint // zero if the account cannot send, or uses a server it has already

	// What it would try next, or offers to choose from.
	IncomingAlternatives []endpoint
	OutgoingAlternatives []endpoint

	Guessed bool // some server is not from our answer but made up by the program
}

// endpoint is one server of an account. An empty field is one that the program leaves open, or does not read.
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

// newSetup makes an account of lists of servers in the order in which a program prefers them.
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

// reader is the model of one program's reading of one kind of answer.
type reader struct {
	name   string
	format format
	seen   string // where the model's rules were seen
	reads  func(answer) (setup, error)
}

// readers are all programs whose reading is known, in the order of how many people use them.
var readers = []reader{
	{"Thunderbird", configFile, "comm-central cf9726f5 readFromXML.sys.mjs, JXON.sys.mjs, FetchHTTP.sys.mjs; Thunderbird 153.7 ESR", thunderbirdConfig},
	{"Thunderbird for Android", configFile, "thunderbird-android a59bd679 RealAutoconfigParser.kt", thunderbirdAndroidConfig},
	{"Delta Chat", configFile, "chatmail/core 48888898 auto_mozilla.rs, server_params.rs; core 2.57.0", deltaChatConfig},
	{"FairEmail", configFile, "FairEmail e23dd9df EmailProvider.java getISPDB", fairEmailConfig},
	{"Nextcloud Mail", configFile, "nextcloud/mail e5734fe2 IspDb.php", nextcloudConfig},
	{"Evolution", configFile, "evolution e-mail-autoconfig.c; Evolution 3.46.4", evolutionConfig},
	{"KMail", configFile, "kmail-account-wizard 8163b657 ispdbservice.cpp, serverconfiguration.cpp; wizard 22.12.3", kmailConfig},
	{"Geary", configFile, "geary accounts-autoconfig.vala; Geary 43.0", gearyConfig},
	{"Horde", configFile, "Horde Mail_Autoconfig 1.0.3 Driver/Thunderbird.php", hordeConfig},

	{"Outlook 2010-2019", pox, "[MS-OXDSCLI] 2.2.4.1.1.2 and 3.2.5; not seen with the program itself", outlook2010POX},
	{"Outlook 2007", pox, "Office 2007 resource kit cc511507; not seen with the program itself", outlook2007POX},
	{"Thunderbird", pox, "comm-central cf9726f5 ExchangeAutoDiscover.sys.mjs; Thunderbird 153.7 ESR", thunderbirdPOX},
	{"FairEmail", pox, "FairEmail e23dd9df EmailProvider.java getMSAutodiscovery", fairEmailPOX},
	{"Delta Chat", pox, "chatmail/core 48888898 auto_outlook.rs, server_params.rs; core 2.57.0", deltaChatPOX},
	{"exchangelib", pox, "exchangelib 4.9.0 autodiscover/properties.py", exchangelibPOX},
}

// errExchangeOnly says that a program understood a POX answer, but can use nothing but an Exchange server. It is what IMAP
// answers are expected to come to in such a program.
var errExchangeOnly = errors.New("no Exchange server in it")

// read returns what a program would set up from an answer, or why it would not.
func (r reader) read(a answer) (setup, error) {
	s, err := r.reads(a)
	if err != nil {
		return setup{}, fmt.Errorf("%s reading %s: %w", r.name, r.format, err)
	}
	return s, nil
}

// parts cuts an address at its last @.
func parts(address string) (local, domain string) {
	i := strings.LastIndexByte(address, '@')
	return address[:max(i, 0)], address[i+1:]
}

// fillPlaceholders puts an address into the placeholders that most programs know.
func fillPlaceholders(s, address string) string {
	local, domain := parts(address)
	return strings.NewReplacer("%EMAILADDRESS%", address, "%EMAILLOCALPART%", local, "%EMAILDOMAIN%", domain).Replace(s)
}

// isSuccess reports whether a status is one of 2xx.
func isSuccess(status int) bool { return status >= 200 && status < 300 }
