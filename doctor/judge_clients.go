package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"mailhint/autodiscover"
	"mailhint/choices"
	"mailhint/mobileconfig"
	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/settings"
	"mailhint/untrusted"
)

// judgeClients says what each client gets. It adds a finding for clients that fail if no earlier finding explains it.
func (j *judgement) judgeClients() []Client {
	if !j.offers(settings.IMAP, settings.POP3, settings.Submission) {
		return []Client{}
	}
	var all []Client
	byName := make(map[string]Client)
	for _, m := range choices.Clients {
		c := j.client(m)
		all, byName[m.Name] = append(all, c), c
	}
	if j.Limited {
		return all
	}
	explained := j.incomplete || j.hasFinding(NameMissing) || j.hasProblem(NameElsewhere, WildcardAnswers, WebCertificate, ForeignAnswer,
		PasswordRequired, ChangedAnswer, Contradiction,
		PortClosed, WrongTLSMode, NoSTARTTLS, Certificate, LoginMethods, LoginForm)
	if c := byName[choices.Thunderbird]; c.fails() && !explained {
		j.add(newFinding(Thunderbird, j.worstSeverity(), "Thunderbird", clientText(c),
			"The page for this code lists the causes. If the settings are intended, tell people to set up Thunderbird manually."))
	}
	j.add(j.outlook(byName[choices.OutlookClassic], explained)...)
	if c := byName[choices.AppleMail]; c.fails() && !explained {
		j.add(j.apple(c)...)
	}
	j.judgeISPDB()
	return all
}

// worstSeverity is the severity of a client that fails: a warning if the settings themselves rule it out.
func (o *observations) worstSeverity() Severity {
	if slices.ContainsFunc(o.Servers, func(s settings.Server) bool {
		return s.Allows(settings.Password) || s.Allows(settings.PasswordEncrypted)
	}) && o.offers(settings.Submission) {
		return Problem
	}
	return Warning
}

func clientText(c Client) string {
	if c.Incoming == "" {
		return "finds no settings: " + c.Why
	}
	return fmt.Sprintf("gets %s from %s: %s", c.Incoming, c.From, c.Why)
}

// outlook is about what Outlook asks first: the domain's own web server, where any answer can stop it.
func (o *observations) outlook(c Client, explained bool) []Finding {
	bare := o.web[choices.POXBare]
	_, err := autodiscover.Answer(o.Found, o.postmaster())
	if bare.TLS != nil && (err == nil || o.AutodiscoverRedirect != "") {
		if what, _ := faultOf(bare.TLS, o.now); what != "" {
			return []Finding{newFinding(Outlook, Warning, "Outlook", "asks the domain's own web server first and may show a warning: "+what,
				"Give that web server a certificate for the domain, or close its port 443.")}
		}
	}
	if r := o.read(choices.POXBare); bare.isGood() && !bytes.Equal(bare.Body, bare.want) {
		what := describe(bare, r)
		switch {
		case r.err == nil && !o.namesOnlyKnown(r.Document):
			return []Finding{newFinding(Outlook, Problem, "Outlook", "asks the domain's own web server first and gets "+what,
				"Remove the document, or pass "+pathOf(bare.URL)+" to the mailhint server.")}
		case r.err != nil:
			return []Finding{newFinding(Outlook, Warning, "Outlook",
				"asks the domain's own web server first, which answers every request; it sends "+what,
				"Answer 404 there. For nginx, in the server block of the domain:", "location ~* ^/autodiscover/ { return 404; }")}
		}
	}
	// If Autodiscover cannot express the settings, as with OAuth2 alone, Outlook's users know that it fails.
	if err == nil && c.fails() && !explained && o.AutodiscoverRedirect == "" {
		return []Finding{newFinding(Outlook, o.worstSeverity(), "Outlook", clientText(c),
			"The page for this code lists the causes. If the settings are intended, tell people to set up Outlook manually.")}
	}
	return nil
}

// apple is about Apple Mail, which only a profile can set up.
func (o *observations) apple(c Client) []Finding {
	fix := fmt.Sprintf("Pass the path %s of autoconfig.%s to the mailhint server too; Apple Mail takes settings only from there.",
		mobileconfig.Path, o.Found.Domain)
	if _, err := mobileconfig.Answer(o.Found, o.postmaster()); err != nil {
		if !slices.ContainsFunc(o.Servers, func(s settings.Server) bool { return !choices.BuiltIntoApple(o.host(s)) }) {
			return nil // people choose the provider from a list
		}
		fix = "Offer a login with a password, which a profile can express, or tell people to set up Apple Mail manually."
	}
	return []Finding{newFinding(Apple, Warning, "Apple Mail", clientText(c), fix)}
}

// judgeISPDB compares Mozilla's entry, which KMail prefers to ours, and others use if ours is missing.
func (j *judgement) judgeISPDB() {
	const what = "the entry in Mozilla's database"
	got, asked := j.web[choices.ISPDBEntry]
	switch {
	case !asked:
	case got.Status == http.StatusNotFound:
	case errors.Is(got.Err, resolver.ErrFailed):
		j.noteFailedQuery(what, got.Err, false)
	case !got.isGood():
		j.note("%s: %s", what, whyBad(got))
	default:
		r := j.read(choices.ISPDBEntry)
		if r.err != nil {
			j.note("%s: %s", what, clip(r.err.Error()))
			return
		}
		if !j.namesOnlyKnown(r.Document) {
			j.add(newFinding(ISPDBDiffers, Warning, string(j.Found.Domain),
				"Mozilla's database has an entry with the servers "+serverList(r.Document)+", which KMail prefers to this server's answer",
				"Propose a change at https://github.com/choices.Thunderbird/autoconfig; mailhint export --format ispdb prints the correct entry."))
		}
	}
}

// client says what a client gets. If something that it asks earlier could not be asked, it is not known to fail.
func (o *observations) client(m choices.Client) Client {
	a := o.setUpBy(m)
	c := Client{Name: m.Name, From: a.From, Why: untrusted.Clip(a.Why, maxReason)}
	err := a.Unknown
	works := a.Redirect != ""
	if a.Incoming != nil {
		c.Incoming, c.Login = a.Incoming.String(), o.login(*a.Incoming)
		failed := o.checkServer(*a.Incoming)
		if a.Outgoing == nil {
			failed = errors.New("no outgoing server found")
		} else {
			c.Outgoing = a.Outgoing.String()
			failed = worse(failed, o.checkServer(*a.Outgoing))
		}
		if works, c.Why = failed == nil, ""; !works {
			c.Why = reason(failed)
		}
		if errors.As(failed, new(choices.Unknown)) {
			err = failed
		}
	}
	if err == nil || works {
		c.Works = &works
	} else {
		c.Why = reason(err)
	}
	return c
}

// worse returns the error that says more: a fault rather than something unknown.
func worse(a, b error) error {
	if a == nil || b != nil && errors.As(a, new(choices.Unknown)) {
		return b
	}
	return a
}

// login is the login name that a client uses, with placeholders. Some answers are filled in for the person who asks, others are not, and
// people should see one form for all clients.
func (o *observations) login(e choices.Entry) string {
	if e.Login == "" {
		return settings.EmailAddress
	}
	forms := []settings.Login{settings.EmailAddress, settings.EmailLocalPart}
	for _, s := range o.Servers {
		forms = append(forms, s.Login.For(o.Found.Domain, o.Primary))
	}
	for _, form := range forms {
		switch {
		case e.Login != o.Found.LoginName(form, o.postmaster()) && e.Login != form.Fill(o.postmaster()):
		case form.Lookup() != "":
			return "from the look-up " + clip(form.Lookup())
		default:
			return clip(string(form))
		}
	}
	return clip(e.Login)
}

// checkServer says why a server is not as a client expects; nil if it is.
func (o *observations) checkServer(e choices.Entry) error {
	if e.URL != "" { // it is not probed, so nothing more is known
		if e.URL != o.EWS.Expand(string(o.Found.Domain), string(o.Primary)) {
			return fmt.Errorf("%s is not the EWS server in the settings", clip(e.URL))
		}
		return nil
	}
	i := slices.IndexFunc(o.Servers, func(s settings.Server) bool {
		return choices.KindOf(s.Protocol) == e.Kind && o.host(s) == e.Host && s.Port == e.Port
	})
	if i < 0 {
		return fmt.Errorf("%s:%d is not one of the servers in the settings", clip(e.Host), e.Port)
	}
	s, h := o.Servers[i], o.hosts[e.Host]
	switch {
	case errors.Is(h.Err, resolver.ErrFailed) && len(h.Looks) == 0:
		return errNoDNS
	case errors.Is(h.Err, resolver.ErrNone):
		return errors.New(e.Host + ": " + noAddress)
	case h.Err != nil && len(h.Looks) == 0:
		return errors.New(reason(h.Err))
	}
	s.Security, s.Auth = e.Security, e.Auths[:1]
	var failed error = choices.Unknown(fmt.Sprintf("%s:%d could not be checked", e.Host, e.Port))
	for _, look := range h.Looks {
		if look.Port.Protocol != s.Protocol || look.Port.Number != s.Port || look.State == 0 || look.State == probe.Forbidden || look.NoRoute {
			continue
		}
		all := faults(s, look, o.now)
		i := slices.IndexFunc(all, func(f fault) bool { return f.severity == Problem })
		if i < 0 {
			return nil
		}
		failed = fmt.Errorf("%s:%d: %s", e.Host, e.Port, all[i].text)
	}
	return failed
}
