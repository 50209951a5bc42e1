package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mailhint/settings"
)

// program is how a mail program looks for its servers and what it takes of what it finds: data from the programs' sources and from
// watching them. Package clients has models of them in more detail; the two must not contradict each other.
type program struct {
	name string
	// sources in the order in which it prefers them.
	sources []source
	rules
}

// source is where a program looks.
type source struct {
	place place
	srv   bool // SRV records, in place of a place
	// final: what comes with a good status and is no document ends the search.
	final bool
}

// rules are what a program demands of a document and takes out of it.
type rules struct {
	xmlType     bool // reads nothing that is not marked as XML
	needsDomain bool // an id and a domain that are host names
	needsSMTP   bool // no account without an outgoing server
	imapOnly    bool // knows no POP3
	imapFirst   bool // an incoming server before IMAP hides it
	takesLast   bool // of several servers of a kind, in place of the first
	plainVoids  bool // a server without encryption, or with a value that it does not know, spoils the whole document
	skipsPlain  bool // passes over servers without encryption
	tieSTARTTLS bool // of SRV records of the same priority, submission with STARTTLS
	ignoresAuth bool // logs in with a password whatever the document says
	knownOAuth2 bool // OAuth2 with providers only that are built in
	password    bool // knows passwords only
}

func at(places ...place) []source {
	var all []source
	for _, p := range places {
		all = append(all, source{place: p})
	}
	return all
}

var bySRV = source{srv: true}

// programs are the ones that people ask about.
var programs = []program{
	{"Thunderbird", append([]source{{place: configHost, final: true}},
		at(configBare, configHTTP, configBareHTTP, ispdbEntry, poxHost, poxBare, poxSRV)...),
		rules{xmlType: true, needsDomain: true, needsSMTP: true, knownOAuth2: true}},
	{"Thunderbird for Android", at(configNobody, configBare, configHTTP, configBareHTTP, ispdbEntry),
		rules{needsDomain: true, needsSMTP: true, imapOnly: true, plainVoids: true}},
	{"Outlook (classic)", at(poxBare, poxHost, poxSRV), rules{password: true}},
	{"Apple Mail (profile)", at(profileHost), rules{}},
	{"Evolution", append([]source{bySRV}, at(configEvolution, configHTTP, configBare, configBareHTTP, ispdbEntry)...),
		rules{takesLast: true}},
	{"KMail", append(at(ispdbEntry), source{place: configNobody, final: true}, source{place: configHTTP, final: true},
		source{place: configBare}), rules{}},
	{"Delta Chat", at(configHost, configBare, poxBare, poxHost, ispdbEntry), rules{imapOnly: true, ignoresAuth: true}},
	{"FairEmail", append([]source{bySRV}, at(configHost, configBare, configHTTP, configBareHTTP, ispdbEntry, poxHost)...),
		rules{needsSMTP: true, imapOnly: true, imapFirst: true, skipsPlain: true, tieSTARTTLS: true, ignoresAuth: true}},
	{"Nextcloud Mail", at(configHost, configBare, ispdbEntry, configHTTP, configBareHTTP), rules{imapOnly: true, ignoresAuth: true}},
}

// account is what a program ends up with.
type account struct {
	incoming, outgoing *entry
	from               string
	why                string
	sentOn             bool  // to the Autodiscover of another provider, who knows
	unknown            error // why a source that goes before could not be asked
}

var errNothingThere = errors.New("nothing there")

// setUp is what a program does.
func (j *judgement) setUp(p program) account {
	why := "it finds nothing at any place it asks"
	var unknown error
	for i, s := range p.sources {
		a, err := j.try(p, s)
		switch {
		case err == nil:
			a.unknown = unknown
			return a
		case errors.As(err, new(notKnown)):
			unknown = cmp.Or(unknown, err)
			continue
		case errors.Is(err, errNothingThere):
			continue
		case i == 0 || strings.HasPrefix(why, "it finds nothing"):
			why = fmt.Sprintf("%s: %v", j.sourceName(s), err)
		}
		if s.final && !s.srv && j.web[s.place].Status == 200 || p.password && j.web[s.place].Status == 401 {
			return account{why: why + "; it looks no further", unknown: unknown}
		}
	}
	return account{why: why, unknown: unknown}
}

// try has a program read what is at one source.
func (j *judgement) try(p program, s source) (account, error) {
	var d document
	switch {
	case s.srv:
		d = j.srvDocument(p)
		if !d.has("imap", "pop3") || !d.has("smtp") {
			return account{}, j.noSRV()
		}
	case s.place == profileHost:
		return j.profile()
	default:
		got := j.web[s.place]
		switch {
		case got.isUnknown():
			return account{}, j.notKnown(got)
		case s.place == poxSRV && j.led == "" && j.unanswered["_autodiscover._tcp."+string(j.Found.Domain)] != nil:
			return account{}, errNoDNS
		}
		if got.Status == 404 || got.Status == 0 && got.TLS == nil {
			return account{}, errNothingThere
		}
		if p.password && isPOX(s.place) && j.AutodiscoverRedirect != "" && j.isOurs(got) {
			return account{from: j.sourceName(s), why: "it is sent on to " + got.Location, sentOn: true}, nil
		}
		if !got.isGood() {
			return account{}, errors.New(whyBad(got))
		}
		if kind := got.Header.Get("Content-Type"); p.xmlType && !isXML(kind) {
			return account{}, fmt.Errorf("Content-Type %q is no XML to it", clip(kind))
		}
		r := j.read(s.place)
		if r.err != nil {
			return account{}, r.err
		}
		d = r.document
	}
	in, out, err := p.choose(d, s)
	if err != nil {
		return account{}, err
	}
	return account{incoming: in, outgoing: out, from: j.sourceName(s)}, nil
}

func whyBad(got page) string {
	switch {
	case got.Err != nil:
		return clip(got.Err.Error())
	case got.Status != 200:
		return statusText(got.Web)
	}
	return "the certificate is not good"
}

// isXML reports whether Thunderbird takes a media type for XML: in lower case only.
func isXML(kind string) bool {
	return strings.HasPrefix(kind, "text/xml") || strings.HasPrefix(kind, "application/xml")
}

// sourceName is how a source is called in a report.
func (j *judgement) sourceName(s source) string {
	domain := string(j.Found.Domain)
	switch {
	case s.srv:
		return "SRV records"
	case s.place == poxSRV:
		return "the SRV record _autodiscover"
	case s.place == ispdbEntry:
		return "Mozilla's database"
	case s.place == configHTTP:
		return "http://autoconfig." + domain
	case s.place == configBareHTTP:
		return "http://" + domain
	}
	return "https://" + j.hostOf(s.place)
}

func (d document) has(kinds ...string) bool {
	return slices.ContainsFunc(d.servers, func(e entry) bool { return slices.Contains(kinds, e.kind) })
}

// choose picks the servers that a program takes from a document.
func (p program) choose(d document, s source) (incoming, outgoing *entry, err error) {
	pox := isPOX(s.place)
	if !s.srv && !pox && p.needsDomain && !d.isNamed() {
		return nil, nil, errors.New("its id or domain is no host name")
	}
	hidden := false
	for i := range d.servers {
		e := d.servers[i]
		isMail := e.kind == "imap" || e.kind == "pop3" && !p.imapOnly || e.kind == "smtp"
		if e.kind != "smtp" && e.kind != "imap" && p.imapFirst && incoming == nil {
			hidden = true
		}
		if !isMail || e.kind == "imap" && hidden {
			continue
		}
		if p.plainVoids && !s.srv && !pox && (e.security == 0 || e.security == settings.Plaintext || len(e.auths) == 0 || !e.hasLogin) {
			return nil, nil, errors.New("a server in it without encryption or user name, or with a word that it does not know, spoils it all")
		}
		if !p.canUse(&e) || p.skipsPlain && e.security == settings.Plaintext {
			continue
		}
		if !s.srv && !pox && !e.hasLogin && p.needsDomain {
			e.login = "undefined"
		}
		p.take(&incoming, &outgoing, e, p.takesLast && !s.srv)
	}
	switch {
	case incoming == nil:
		return nil, nil, errors.New("no incoming server in it that it can use")
	case outgoing == nil && p.needsSMTP && !pox:
		return nil, nil, errors.New("no outgoing server in it that it can use")
	}
	return incoming, outgoing, nil
}

// take keeps a server if it is the one that the program would take of its kind; IMAP goes before POP3 where the last is taken.
func (p program) take(incoming, outgoing **entry, e entry, last bool) {
	place := incoming
	if e.kind == "smtp" {
		place = outgoing
	}
	if *place == nil || last && ((*place).kind == e.kind || e.kind == "imap") {
		*place = &e
	}
}

// isNamed reports whether a document has the names that Thunderbird wants to see.
func (d document) isNamed() bool {
	isName := func(s string) bool { _, err := settings.ParseDomain(s); return err == nil }
	return isName(d.id) && slices.ContainsFunc(d.domains, isName)
}

// canUse reports whether a program can log in to a server, and leaves the login method that it would use.
func (p program) canUse(e *entry) bool {
	if e.host == "" || e.port == 0 {
		return false
	}
	switch {
	case p.ignoresAuth:
		e.auths = []settings.Auth{settings.Password}
	case p.password:
		e.auths = keepAuths(e.auths, settings.Password, settings.NTLM, settings.NoAuth)
	case p.knownOAuth2 && !builtInOAuth2(e.host):
		e.auths = slices.DeleteFunc(slices.Clone(e.auths), func(a settings.Auth) bool { return a == settings.OAuth2Token })
		if e.kind != "smtp" {
			e.auths = slices.DeleteFunc(e.auths, func(a settings.Auth) bool { return a == settings.NoAuth })
		}
	}
	return len(e.auths) > 0 && e.security != 0
}

func keepAuths(list []settings.Auth, kept ...settings.Auth) []settings.Auth {
	return slices.DeleteFunc(slices.Clone(list), func(a settings.Auth) bool { return !slices.Contains(kept, a) })
}

// builtIntoApple are the providers that Apple Mail lists by name, with logins of their own.
func builtIntoApple(host string) bool {
	known := []string{"gmail.com", "googlemail.com", "office365.com", "outlook.com", "hotmail.com", "yahoo.com", "aol.com"}
	return slices.ContainsFunc(known, func(name string) bool { return strings.HasSuffix(host, "."+name) })
}

// builtInOAuth2 are the providers with which Thunderbird uses OAuth2 (OAuth2Providers.sys.mjs, 153.7).
func builtInOAuth2(host string) bool {
	return slices.ContainsFunc([]string{"googlemail.com", "gmail.com", "imap.mail.ru", "smtp.mail.ru", "imap.yandex.com", "smtp.yandex.com",
		"yahoo.com", "att.net", "aol.com", "office365.com", "outlook.com", "hotmail.com", "imap.fastmail.com", "pop.fastmail.com",
		"smtp.fastmail.com", "imap.comcast.net", "pop.comcast.net", "smtp.comcast.net", "thundermail.com"},
		func(known string) bool { return host == known || strings.HasSuffix(host, "."+known) })
}
