package doctor

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"mailhint/autodiscover"
	"mailhint/dnsrecords"
	"mailhint/mobileconfig"
	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/settings"
)

// kindNames are the protocols as documents spell them.
var kindNames = map[settings.Protocol]string{settings.IMAP: "imap", settings.POP3: "pop3", settings.Submission: "smtp"}

// judgeClients says what each program ends up with, and reports it where nothing that was found before explains it.
func (j *judgement) judgeClients() []Client {
	if !j.offers(settings.IMAP, settings.POP3, settings.Submission) {
		return []Client{}
	}
	var all []Client
	for _, p := range programs {
		all = append(all, j.client(p))
	}
	if j.Limited {
		return all
	}
	explained := j.incomplete || j.reported(NameMissing) || j.has(NameElsewhere, WildcardHides, WebCertificate, OtherAnswer,
		AsksPassword, ChangedAnswer, Disagree,
		PortClosed, OtherTLSMode, NoSTARTTLS, Certificate, LoginMethods, LoginForm)
	if c := all[0]; c.fails() && !explained {
		j.add(Thunderbird, j.severityOf(j.Servers), "Thunderbird", clientText(c),
			"See why on the page of this code; if the settings ask for it, tell people to set Thunderbird up by hand.")
	}
	j.judgeOutlook(all[2], explained)
	if c := all[3]; c.fails() && !explained {
		j.judgeApple(c)
	}
	j.judgeISPDB()
	return all
}

// severityOf: what the settings make impossible for a program is no fault of anybody's.
func (j *judgement) severityOf(servers []settings.Server) Severity {
	if slices.ContainsFunc(servers, func(s settings.Server) bool {
		return s.Allows(settings.Password) || s.Allows(settings.PasswordEncrypted)
	}) && j.offers(settings.Submission) {
		return Problem
	}
	return Warning
}

func clientText(c Client) string {
	if c.Incoming == "" {
		return c.Name + " finds no settings: " + c.Why
	}
	return fmt.Sprintf("%s ends up with %s from %s: %s", c.Name, c.Incoming, c.From, c.Why)
}

// judgeOutlook: it asks the domain's own web server first, and something there that answers spoils everything.
func (j *judgement) judgeOutlook(c Client, explained bool) {
	bare := j.web[poxBare]
	_, err := autodiscover.Answer(j.Found, j.person())
	if bare.TLS != nil && (err == nil || j.AutodiscoverRedirect != "") {
		if what, _ := faultOf(bare.TLS, j.now); what != "" {
			j.add(Outlook, Warning, "Outlook", "Outlook asks the domain's own web server first, and may show people a warning: "+what,
				"Give that web server a certificate for the domain, or have nothing listen at port 443 there.")
			return
		}
	}
	if r := j.read(poxBare); bare.isGood() && !bytes.Equal(bare.Body, bare.want) {
		what := describe(bare, r)
		switch {
		case r.err == nil && !j.knows(r.document):
			j.add(Outlook, Problem, "Outlook", "Outlook asks the domain's own web server first, and gets "+what,
				"Remove the document, or pass "+placeOf(bare.URL)+" on to the mailhint server.")
			return
		case r.err != nil:
			j.add(Outlook, Warning, "Outlook", "Outlook asks the domain's own web server first, which answers any request: it sends "+what,
				"Have it answer 404 there. For nginx, in the server block of the domain:", "location ~* ^/autodiscover/ { return 404; }")
			return
		}
	}
	// Where Autodiscover can say nothing, as with OAuth2 alone, people who use classic Outlook know it already.
	if err == nil && c.fails() && !explained && j.AutodiscoverRedirect == "" {
		j.add(Outlook, j.severityOf(j.Servers), "Outlook", clientText(c),
			"See why on the page of this code; if the settings ask for it, tell people to set Outlook up by hand.")
	}
}

// judgeApple: a profile is the only way to set up Apple Mail from outside.
func (j *judgement) judgeApple(c Client) {
	do := fmt.Sprintf("Have the path %s of autoconfig.%s reach the mailhint server too; Apple Mail takes settings from nothing else.",
		mobileconfig.Path, j.Found.Domain)
	if _, err := mobileconfig.Answer(j.Found, j.person()); err != nil {
		if !slices.ContainsFunc(j.Servers, func(s settings.Server) bool { return !builtIntoApple(j.host(s)) }) {
			return // people choose the provider from a list
		}
		do = "Tell people to set Apple Mail up by hand, or offer what a profile can say: a password login."
	}
	j.add(Apple, Warning, "Apple Mail", clientText(c), do)
}

// judgeISPDB compares Mozilla's entry, which KMail takes before ours, and others where ours does not answer.
func (j *judgement) judgeISPDB() {
	got, asked := j.web[ispdbEntry]
	switch {
	case !asked:
	case got.Status == http.StatusNotFound:
	case errors.Is(got.Err, resolver.ErrFailed):
		j.silenceAbout("the entry in Mozilla's database", got.Err, false)
	case !got.isGood():
		j.aside("the entry in Mozilla's database: %s", whyBad(got))
	default:
		r := j.read(ispdbEntry)
		if r.err != nil {
			j.aside("the entry in Mozilla's database: %s", clip(r.err.Error()))
			return
		}
		if !j.knows(r.document) {
			j.add(ISPDBDiffers, Warning, string(j.Found.Domain),
				"Mozilla's database has an entry that names "+serverList(r.document)+"; KMail takes it before ours",
				"Ask for a change at https://github.com/thunderbird/autoconfig; mailhint export --format ispdb prints the entry.")
		}
	}
}

// client says what a program ends up with. It is not known to fail where something that it asks first could not be asked.
func (j *judgement) client(p program) Client {
	a := j.setUp(p)
	c := Client{Name: p.name, From: a.from, Why: clip(a.why)}
	err := a.unknown
	works := a.sentOn
	if a.incoming != nil {
		c.Incoming, c.Login = a.incoming.String(), j.login(*a.incoming)
		failed := j.holds(*a.incoming)
		if a.outgoing == nil {
			failed = errors.New("it finds no outgoing server")
		} else {
			c.Outgoing = a.outgoing.String()
			failed = worse(failed, j.holds(*a.outgoing))
		}
		if works, c.Why = failed == nil, ""; !works {
			c.Why = clip(failed.Error())
		}
		if errors.As(failed, new(notKnown)) {
			err = failed
		}
	}
	if err == nil || works {
		c.Works = &works
	} else {
		c.Why = clip(err.Error())
	}
	return c
}

// worse is the error that says more: a fault before what is not known.
func worse(a, b error) error {
	if a == nil || b != nil && errors.As(a, new(notKnown)) {
		return b
	}
	return a
}

// login is the login name as the program fills it in.
func (j *judgement) login(e entry) string {
	if e.login == "" {
		return settings.EmailAddress
	}
	if e.login == j.person().String() { // in POX, where it stands filled in
		return settings.EmailAddress
	}
	return clip(e.login)
}

func (e entry) String() string { return fmt.Sprintf("%s:%d %s", clip(e.host), e.port, e.security) }

// holds says why a server is not as a program takes it to be, according to the looks; nil if it is.
func (j *judgement) holds(e entry) error {
	i := slices.IndexFunc(j.Servers, func(s settings.Server) bool {
		return kindNames[s.Protocol] == e.kind && j.host(s) == e.host && s.Port == e.port
	})
	if i < 0 {
		return fmt.Errorf("%s:%d is none of the servers in the settings", clip(e.host), e.port)
	}
	s, h := j.Servers[i], j.hosts[e.host]
	switch {
	case errors.Is(h.Err, resolver.ErrFailed) && len(h.Looks) == 0:
		return errNoDNS
	case h.Err != nil && len(h.Looks) == 0:
		return errors.New(clip(h.Err.Error()))
	}
	s.Security, s.Auth = e.security, e.auths[:1]
	var failed error = notKnown(fmt.Sprintf("%s:%d could not be looked at", e.host, e.port))
	for _, look := range h.Looks {
		if look.Port.Protocol != s.Protocol || look.Port.Number != s.Port || look.State == 0 || look.State == probe.Forbidden || look.NoRoute {
			continue
		}
		all := faults(s, look, j.now)
		i := slices.IndexFunc(all, func(f fault) bool { return f.severity == Problem })
		if i < 0 {
			return nil
		}
		failed = fmt.Errorf("%s:%d: %s", e.host, e.port, all[i].text)
	}
	return failed
}

// profile is what Apple Mail gets. It knows no order, and takes the best of each kind.
func (j *judgement) profile() (account, error) {
	want, err := mobileconfig.Answer(j.Found, j.person())
	if err != nil {
		return account{}, errors.New(clip(err.Error()))
	}
	got := j.web[profileHost]
	switch {
	case got.isUnknown():
		return account{}, j.notKnown(got)
	case !got.isGood():
		return account{}, errors.New(whyBad(got))
	case !bytes.Contains(got.Body, want): // signed or not, the profile is in it as it is
		return account{}, errors.New("what comes is not the profile")
	}
	a := account{from: "https://autoconfig." + string(j.Found.Domain) + mobileconfig.Path}
	for _, s := range settings.FirstOfEach(j.Servers) {
		e := &entry{kind: kindNames[s.Protocol], host: j.host(s), port: s.Port, security: s.Security, auths: s.Auth,
			login: string(s.Login.For(j.Found.Domain, j.Primary)), hasLogin: true}
		switch {
		case e.kind == "smtp":
			a.outgoing = e
		case e.kind != "" && a.incoming == nil:
			a.incoming = e
		}
	}
	if a.incoming == nil {
		return account{}, errNothingThere
	}
	return a, nil
}

// srvDocument is what SRV records say, the best first. The login is the address (RFC 6186 section 4 tries it first).
func (j *judgement) srvDocument(p program) (d document) {
	type ranked struct {
		entry
		rank int
	}
	var all []ranked
	for _, r := range j.published {
		service, ok := r.Data.(dnsrecords.Service)
		label, _, _ := strings.Cut(r.Name, ".")
		kind, known := srvKinds[label]
		if !ok || !known || service.Target == "" {
			continue
		}
		e := entry{kind: kind.name, host: service.Target, port: service.Port, security: kind.security,
			auths: []settings.Auth{settings.Password}}
		for _, s := range j.Servers { // the server itself tells how to log in
			if kindNames[s.Protocol] == e.kind && j.host(s) == e.host && s.Port == e.port {
				e.auths = s.Auth
			}
		}
		rank := int(service.Priority)*4 + int(kind.security)
		if p.tieSTARTTLS && kind.name == "smtp" && kind.security == settings.STARTTLS {
			rank -= 2
		}
		all = append(all, ranked{e, rank})
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(a.rank, b.rank) })
	for _, r := range all {
		d.servers = append(d.servers, r.entry)
	}
	return d
}

type srvKind struct {
	name     string
	security settings.Security
}

var srvKinds = map[string]srvKind{
	"_imaps": {"imap", settings.ImplicitTLS}, "_imap": {"imap", settings.STARTTLS},
	"_pop3s": {"pop3", settings.ImplicitTLS}, "_pop3": {"pop3", settings.STARTTLS},
	"_submissions": {"smtp", settings.ImplicitTLS}, "_submission": {"smtp", settings.STARTTLS},
}
