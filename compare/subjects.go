package compare

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"mailhint/choices"
	"mailhint/dnsrecords"
	"mailhint/settings"
)

// subject is a client, or a kind of clients, and how to find out what it gets.
type subject struct {
	name    string
	client  choices.Client
	place   choices.Place // of subjects that get a URL
	outcome func(subject, Answers, settings.Address, []string) outcome
}

// subjects are all that the comparison is about, in the order of reports.
var subjects = newSubjects()

func newSubjects() (all []subject) {
	for _, c := range append(append([]choices.Client(nil), choices.Clients...), choices.Others...) {
		s := subject{name: c.Name, client: c, outcome: mailOutcome}
		if c.Name == choices.SRVClients {
			s.outcome = srvOutcome
		}
		all = append(all, s)
	}
	return append(all,
		subject{name: "phones with ActiveSync", place: choices.MobilePOX, outcome: activeSyncOutcome},
		subject{name: "clients of EWS", place: choices.JSONEWS, outcome: ewsOutcome},
		subject{name: "calendars", place: choices.CalDAVBare, outcome: serviceOutcome},
		subject{name: "contacts", place: choices.CardDAVBare, outcome: serviceOutcome},
		subject{name: "clients of JMAP", place: choices.JMAPBare, outcome: serviceOutcome},
	)
}

// mailOutcome is what a mail client gets. Redirects are the URLs to which the other side sends Autodiscover clients.
func mailOutcome(s subject, a Answers, who settings.Address, redirects []string) outcome {
	var unusable unusableError
	account := s.client.SetUp(
		func(from choices.Source) (choices.Account, error) {
			account, err := a.try(s.client, from, who, redirects)
			errors.As(err, &unusable)
			return account, err
		},
		func(from choices.Source) bool { return s.client.StopsAt(a.Web[from.Place].Answer, from) })
	if account.Unknown != nil {
		return outcome{unknown: clip(account.Unknown.Error())}
	}
	if account.Redirect != "" {
		return outcome{url: account.Redirect}
	}
	o := outcome{incoming: newServer(account.Incoming, who), outgoing: newServer(account.Outgoing, who)}
	if o.isNothing() {
		o.unusable, o.password, o.noAddress = string(unusable), a.asksForPassword(s.client), asksWithoutAddress(s.client) && a.needsAddress()
	}
	return o
}

// needsAddress reports whether the server answers requests with an address only.
func (a Answers) needsAddress() bool {
	return a.Web[choices.ConfigHost].Status == http.StatusOK && a.Web[choices.ConfigNoAddress].Status != http.StatusOK
}

// srvOutcome is what clients get that look only at SRV records. If there are any, those that this configuration would publish matter too.
func srvOutcome(s subject, a Answers, who settings.Address, redirects []string) outcome {
	if a.configured && len(a.SRV) > 0 {
		a.SRV = dnsrecords.Services(a.found, 0)
	}
	return mailOutcome(s, a, who, redirects)
}

// unusableError says why a client cannot use a document with settings.
type unusableError string

func (u unusableError) Error() string { return string(u) }

// try is what a client gets from one source.
func (a Answers) try(c choices.Client, s choices.Source, who settings.Address, redirects []string) (choices.Account, error) {
	if s.SRV {
		return a.trySRV(c, s)
	}
	p, asked := a.Web[s.Place]
	switch {
	case !asked:
		return choices.Account{}, choices.ErrNothing
	case s.Place.IsAutodiscover() && p.leadsTo(redirects) != "":
		return choices.Account{Redirect: p.leadsTo(redirects)}, nil
	case p.Err != nil:
		return choices.Account{}, choices.Unknown(p.Err.Error())
	case p.Status == http.StatusNotFound, p.Status/100 == 3:
		return choices.Account{}, choices.ErrNothing
	case p.Status != http.StatusOK:
		return choices.Account{}, fmt.Errorf("status %d", p.Status)
	case !c.ReadsType(p.ContentType):
		return choices.Account{}, fmt.Errorf("the client does not read %q as XML", clip(p.ContentType))
	}
	d, err := choices.Read(s.Place, p.Body)
	if err != nil {
		return choices.Account{}, err
	}
	incoming, outgoing, err := c.Choose(c.Fill(d, who), s)
	if err != nil {
		return choices.Account{}, unusableError(err.Error())
	}
	return choices.Account{Incoming: incoming, Outgoing: outgoing}, nil
}

// trySRV is what a client gets from SRV records, which stay what they are when a server is replaced.
func (a Answers) trySRV(c choices.Client, s choices.Source) (choices.Account, error) {
	if a.SRVErr != nil {
		return choices.Account{}, choices.Unknown(a.SRVErr.Error())
	}
	d := choices.FromSRV(c, a.SRV, a.found)
	if !d.Has("imap", "pop3") || !d.Has("smtp") {
		return choices.Account{}, choices.ErrNothing
	}
	incoming, outgoing, err := c.Choose(d, s)
	return choices.Account{Incoming: incoming, Outgoing: outgoing}, err
}

// asksWithoutAddress reports whether a client sends no address.
func asksWithoutAddress(c choices.Client) bool {
	return slices.ContainsFunc(c.Sources, func(s choices.Source) bool { return !s.SRV && s.Place == choices.ConfigNoAddress })
}

// asksForPassword reports whether a place where a client looks asks for a password.
func (a Answers) asksForPassword(c choices.Client) bool {
	for _, s := range c.Sources {
		if p, asked := a.Web[s.Place]; !s.SRV && asked && p.Status == http.StatusUnauthorized {
			return true
		}
	}
	return false
}

// activeSyncOutcome is what phones get that look for Exchange ActiveSync, in either form of Autodiscover.
func activeSyncOutcome(s subject, a Answers, _ settings.Address, redirects []string) outcome {
	if a.configured {
		return outcome{url: cmp.Or(a.found.AutodiscoverRedirect, a.expand(a.found.ActiveSync))}
	}
	if to := a.Web[s.place].leadsTo(redirects); to != "" {
		return outcome{url: to}
	}
	return a.location(map[choices.Place]func([]byte) (string, error){
		choices.MobilePOX: choices.ReadActiveSync, choices.JSONActiveSync: choices.ReadLocation}, choices.MobilePOX, choices.JSONActiveSync)
}

// ewsOutcome is what clients get that look for Exchange Web Services.
func ewsOutcome(_ subject, a Answers, _ settings.Address, _ []string) outcome {
	if a.configured {
		return outcome{url: a.expand(a.found.EWS)}
	}
	return a.location(map[choices.Place]func([]byte) (string, error){choices.JSONEWS: choices.ReadLocation}, choices.JSONEWS)
}

// location is the URL at the first of several places that has one.
func (a Answers) location(readers map[choices.Place]func([]byte) (string, error), places ...choices.Place) outcome {
	var o outcome
	for _, place := range places {
		p, asked := a.Web[place]
		switch {
		case !asked:
		case p.Err != nil:
			o.unknown = clip(p.Err.Error())
		case p.Status == http.StatusUnauthorized:
			o.password = true
		case p.Status == http.StatusOK:
			if found, err := readers[place](p.Body); err == nil {
				return outcome{url: found}
			}
		}
	}
	return o
}

// serviceOutcome is where a well-known path of the domain leads. A redirect to the same path, as to https, leads nowhere.
func serviceOutcome(s subject, a Answers, _ settings.Address, _ []string) outcome {
	if a.configured {
		return outcome{url: a.services[s.place]}
	}
	p, asked := a.Web[s.place]
	switch {
	case !asked:
		return outcome{}
	case p.Err != nil:
		return outcome{unknown: clip(p.Err.Error())}
	case p.Status/100 != 3 || len(p.Via) == 0:
		return outcome{}
	}
	target := p.Via[len(p.Via)-1]
	if u, err := url.Parse(target); err != nil || u.Path == wellKnownPaths[s.place] {
		return outcome{}
	}
	return outcome{url: target}
}
