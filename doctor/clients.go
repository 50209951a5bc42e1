package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mailhint/autodiscover"
	"mailhint/settings"
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
	password     bool // knows only passwords
}

func at(places ...place) []source {
	var all []source
	for _, p := range places {
		all = append(all, source{place: p})
	}
	return all
}

var bySRV = source{srv: true}

// clientModels are the clients that people ask about.
var clientModels = []clientModel{
	{"Thunderbird", append([]source{{place: configHost, final: true}},
		at(configBare, configHTTP, configBareHTTP, ispdbEntry, poxHost, poxBare, poxSRV)...),
		rules{xmlType: true, needsDomain: true, needsSMTP: true, knownOAuth2: true}},
	{"Thunderbird for Android", at(configNoAddress, configBare, configHTTP, configBareHTTP, ispdbEntry),
		rules{needsDomain: true, needsSMTP: true, imapOnly: true, rejectsPlain: true}},
	{"Outlook (classic)", at(poxBare, poxHost, poxSRV), rules{password: true}},
	{"Apple Mail (profile)", at(profileHost), rules{}},
	{"Evolution", append([]source{bySRV}, at(configEvolution, configHTTP, configBare, configBareHTTP, ispdbEntry)...),
		rules{takesLast: true}},
	{"KMail", append(at(ispdbEntry), source{place: configNoAddress, final: true}, source{place: configHTTP, final: true},
		source{place: configBare}), rules{}},
	{"Delta Chat", at(configHost, configBare, poxBare, poxHost, ispdbEntry), rules{imapOnly: true, ignoresAuth: true}},
	{"FairEmail", append([]source{bySRV}, at(configHost, configBare, configHTTP, configBareHTTP, ispdbEntry, poxHost)...),
		rules{needsSMTP: true, imapOnly: true, imapFirst: true, skipsPlain: true, tieSTARTTLS: true, ignoresAuth: true}},
	{"Nextcloud Mail", at(configHost, configBare, ispdbEntry, configHTTP, configBareHTTP), rules{imapOnly: true, ignoresAuth: true}},
}

// account is what a client gets.
type account struct {
	incoming, outgoing *entry
	from               string
	why                string
	redirected         bool  // to another provider's Autodiscover
	unknown            error // why an earlier source could not be asked
}

var errNothingThere = errors.New("nothing there")

// setUpBy is what a client does.
func (j *judgement) setUpBy(m clientModel) account {
	why := "nothing found in any place it looks"
	var unknown error
	for i, s := range m.sources {
		a, err := j.try(m, s)
		switch {
		case err == nil:
			a.unknown = unknown
			return a
		case errors.As(err, new(unknownError)):
			unknown = cmp.Or(unknown, err)
			continue
		case errors.Is(err, errNothingThere):
			continue
		case i == 0 || strings.HasPrefix(why, "nothing found"):
			why = fmt.Sprintf("%s: %v", j.sourceName(s), err)
		}
		if s.final && !s.srv && j.web[s.place].Status == 200 || m.password && j.web[s.place].Status == 401 {
			return account{why: why + "; it does not look further", unknown: unknown}
		}
	}
	return account{why: why, unknown: unknown}
}

// try is what a client gets from one source.
func (j *judgement) try(m clientModel, s source) (account, error) {
	var d document
	switch {
	case s.srv:
		d = j.srvDocument(m)
		if !d.has("imap", "pop3") || !d.has("smtp") {
			return account{}, j.noSRV()
		}
	case s.place == profileHost:
		return j.profile()
	default:
		got := j.web[s.place]
		switch {
		case got.isUnknown():
			return account{}, unknownPage(got)
		case s.place == poxSRV && j.srvTarget == "" && j.unanswered[autodiscover.SRVName(j.Found.Domain)] != nil:
			return account{}, errNoDNS
		}
		if got.Status == 404 || got.Status == 0 && got.TLS == nil {
			return account{}, errNothingThere
		}
		if m.password && isPOX(s.place) && j.AutodiscoverRedirect != "" && j.isOurs(got) {
			return account{from: j.sourceName(s), why: "redirected to " + got.Location, redirected: true}, nil
		}
		if !got.isGood() {
			return account{}, errors.New(whyBad(got))
		}
		if kind := got.Header.Get("Content-Type"); m.xmlType && !isXML(kind) {
			return account{}, fmt.Errorf("Content-Type %q is not XML to it", clip(kind))
		}
		r := j.read(s.place)
		if r.err != nil {
			return account{}, r.err
		}
		d = r.document
	}
	in, out, err := m.choose(d, s)
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
	return "its certificate is not valid"
}

// isXML reports whether Thunderbird takes a media type for XML: only in lower case.
func isXML(kind string) bool {
	return strings.HasPrefix(kind, "text/xml") || strings.HasPrefix(kind, "application/xml")
}

// sourceName is the name of a source in reports.
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

// choose picks the servers that a client takes from a document.
func (m clientModel) choose(d document, s source) (incoming, outgoing *entry, err error) {
	pox := isPOX(s.place)
	if !s.srv && !pox && m.needsDomain && !d.isNamed() {
		return nil, nil, errors.New("its id or domain is not a host name")
	}
	hidden := false
	for i := range d.servers {
		e := d.servers[i]
		isMail := e.kind == "imap" || e.kind == "pop3" && !m.imapOnly || e.kind == "smtp"
		if e.kind != "smtp" && e.kind != "imap" && m.imapFirst && incoming == nil {
			hidden = true
		}
		if !isMail || e.kind == "imap" && hidden {
			continue
		}
		if m.rejectsPlain && !s.srv && !pox && (e.security == 0 || e.security == settings.Plaintext || len(e.auths) == 0 || !e.hasLogin) {
			return nil, nil, errors.New("it rejects the document because a server in it has no encryption, no user name, or an unknown value")
		}
		if !m.canUse(&e) || m.skipsPlain && e.security == settings.Plaintext {
			continue
		}
		if !s.srv && !pox && !e.hasLogin && m.needsDomain {
			e.login = "undefined"
		}
		m.take(&incoming, &outgoing, e, m.takesLast && !s.srv)
	}
	switch {
	case incoming == nil:
		return nil, nil, errors.New("no incoming server that it can use")
	case outgoing == nil && m.needsSMTP && !pox:
		return nil, nil, errors.New("no outgoing server that it can use")
	}
	return incoming, outgoing, nil
}

// take keeps a server if the client would take it among those of its kind. A client that takes the last one still prefers IMAP to POP3.
func (m clientModel) take(incoming, outgoing **entry, e entry, last bool) {
	place := incoming
	if e.kind == "smtp" {
		place = outgoing
	}
	if *place == nil || last && ((*place).kind == e.kind || e.kind == "imap") {
		*place = &e
	}
}

// isNamed reports whether a document has the names that Thunderbird requires.
func (d document) isNamed() bool {
	isName := func(s string) bool { _, err := settings.ParseDomain(s); return err == nil }
	return isName(d.id) && slices.ContainsFunc(d.domains, isName)
}

// canUse reports whether a client can log in to a server, and removes the login methods that it would not use.
func (m clientModel) canUse(e *entry) bool {
	if e.host == "" || e.port == 0 {
		return false
	}
	switch {
	case m.ignoresAuth:
		e.auths = []settings.Auth{settings.Password}
	case m.password:
		e.auths = keepAuths(e.auths, settings.Password, settings.NTLM, settings.NoAuth)
	case m.knownOAuth2 && !builtInOAuth2(e.host):
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
