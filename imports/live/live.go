// Package live reads the answers of a running server, whatever program it is: autoconfig, Autodiscover for Outlook and for phones, Apple profiles,
// PACC, and the redirects to calendars, contacts and JMAP. Package compare asks for them, as the mail clients of a domain would.
//
// The format that says most gives the settings. The others are compared with it, and where they contradict it, that is reported: the clients that ask
// for them get something else today than they will.
package live

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"mailhint/choices"
	"mailhint/compare"
	"mailhint/domains"
	"mailhint/imports"
	"mailhint/ispdb"
	"mailhint/settings"
)

// parallel is how many domains are asked for at a time.
const parallel = 8

// Read asks a server for the settings of each person's domain. The error is compare.ErrSilent or that of ctx; what was read before is kept.
func Read(ctx context.Context, c *imports.Collection, s *compare.Server, people []settings.Address) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type asked struct {
		answers compare.Answers
		err     error
	}
	pending := make(chan chan asked, parallel)
	go func() {
		defer close(pending)
		for _, who := range people {
			done := make(chan asked, 1)
			select {
			case pending <- done:
			case <-ctx.Done():
				return
			}
			go func() {
				answers, err := s.Ask(ctx, who)
				done <- asked{answers, err}
			}()
		}
	}()
	next := 0
	for done := range pending {
		result := <-done
		if result.err != nil {
			return result.err
		}
		Parse(c, s.String(), people[next], result.answers)
		next++
	}
	return ctx.Err()
}

// Parse reads the answers of a server for a person. The server is named in places.
func Parse(c *imports.Collection, server string, who settings.Address, answers compare.Answers) {
	r := &reader{c: c, server: server, who: who, web: answers.Web}
	r.read()
}

// reader reads the answers for one domain.
type reader struct {
	c      *imports.Collection
	server string
	who    settings.Address
	web    map[choices.Place]compare.Page
}

// formats are the places of each format, best first: the first format with servers gives the settings.
var formats = []struct {
	name   string
	places []choices.Place
}{
	{"autoconfig", []choices.Place{choices.ConfigHost, choices.ConfigBare, choices.ConfigNoAddress, choices.ConfigEvolution}},
	{"Autodiscover", []choices.Place{choices.POXHost, choices.POXBare}},
	{"the Apple profile", []choices.Place{choices.ProfileHost}},
	{"PACC", []choices.Place{choices.PACCHost}},
}

// found is what one format says.
type found struct {
	name  string
	where domains.Position
	body  []byte
	place choices.Place
	doc   choices.Document
}

// placeNames are what messages call the places.
var placeNames = map[choices.Place]string{
	choices.ConfigHost: "autoconfig", choices.ConfigNoAddress: "autoconfig", choices.ConfigEvolution: "autoconfig", choices.ConfigBare: "autoconfig",
	choices.POXHost: "Autodiscover", choices.POXBare: "Autodiscover", choices.ProfileHost: "Apple profile", choices.PACCHost: "PACC",
	choices.MobilePOX: "Autodiscover for phones", choices.JSONActiveSync: "Autodiscover as JSON", choices.JSONEWS: "Autodiscover as JSON",
	choices.CalDAVBare: "calendars", choices.CardDAVBare: "contacts", choices.JMAPBare: "JMAP",
}

func (r *reader) at(p choices.Place) domains.Position {
	return domains.Position{File: fmt.Sprintf("%s, %s for %s", r.server, placeNames[p], r.who.Domain)}
}

func (r *reader) read() {
	var all []found
	var failed []string
	for _, f := range formats {
		document, why := r.find(f.name, f.places)
		if document != nil {
			all = append(all, *document)
		} else if why != "" {
			failed = append(failed, f.name+": "+why)
		}
	}
	var entry imports.Entry
	for len(all) > 0 {
		e, ok := r.entry(all[0])
		if ok {
			entry = e
			break
		}
		all = all[1:]
	}
	if entry.Settings == nil {
		r.c.Lose(r.whole(), "no format has settings that can be converted%s", because(failed))
		return
	}
	for _, f := range failed {
		r.c.Remark(r.whole(), "%s", f)
	}
	r.services(entry.Settings)
	for _, other := range all[1:] {
		r.contradictions(all[0], other, entry.Settings)
	}
	r.c.Add(entry)
}

func (r *reader) whole() domains.Position {
	return domains.Position{File: fmt.Sprintf("%s for %s", r.server, r.who.Domain)}
}

func because(failed []string) string {
	if failed == nil {
		return ""
	}
	return " (" + strings.Join(failed, "; ") + ")"
}

// find returns what a format says, or why that is not known; nothing if the server does not have it.
func (r *reader) find(name string, places []choices.Place) (*found, string) {
	why := ""
	for _, p := range places {
		page, asked := r.web[p]
		switch {
		case !asked:
			continue
		case page.Err != nil:
			why = cmp.Or(why, page.Err.Error())
			continue
		case page.Status != 200:
			continue
		}
		doc, err := choices.Read(p, page.Body)
		if err == nil && len(doc.Servers) > 0 {
			return &found{name: name, where: r.at(p), body: page.Body, place: p, doc: doc}, ""
		}
		if err == nil {
			err = fmt.Errorf("it has no servers")
		}
		why = cmp.Or(why, err.Error())
	}
	return nil, why
}

// entry converts what a format says. It returns false, after reporting it, if that cannot be done.
func (r *reader) entry(f found) (imports.Entry, bool) {
	names := []settings.Domain{r.who.Domain}
	if f.name == formats[0].name {
		return r.provider(f, names)
	}
	m := r.c.NewMail()
	m.Document([]domains.Position{f.where}, f.doc, r.who)
	e, ok := m.Entry(f.where, names)
	e.Comments = append(e.Comments, f.name+" of "+r.server)
	e.Source = r.server
	return e, ok
}

// anyDomain is how some servers write the domain.
var anyDomain = regexp.MustCompile(`<domain>\s*%EMAILDOMAIN%\s*</domain>`)

// provider converts an autoconfig file, which says more than the other formats.
func (r *reader) provider(f found, names []settings.Domain) (imports.Entry, bool) {
	text := anyDomain.ReplaceAll(f.body, []byte("<domain>"+string(r.who.Domain)+"</domain>"))
	providers, remarks, err := ispdb.Read(text)
	for _, remark := range remarks {
		where := f.where
		where.Line = remark.Line
		switch {
		case remark.Lost && err == nil:
			r.c.Lose(where, "%s", remark.Text)
		case remark.AffectsClients(): // the others would be the same for each of thousands of domains
			r.c.Remark(where, "%s", remark.Text)
		}
	}
	if err != nil {
		r.c.Remark(f.where, "%v", err)
		return imports.Entry{}, false
	}
	p := providers[0]
	for _, other := range providers {
		if slices.Contains(other.Domains, r.who.Domain) {
			p = other
		}
	}
	if !slices.Contains(p.Domains, r.who.Domain) {
		r.c.Remark(f.where, "the answer says that it is for %s, which Thunderbird does not mind", p.Domains[0])
	}
	r.logins(f.where, p.Settings)
	return imports.Entry{Where: f.where, Source: r.server, Domains: names, Settings: p.Settings, Plaintext: p.Plaintext()}, true
}

// logins replaces the names of the person in an answer by forms.
func (r *reader) logins(where domains.Position, s *settings.Settings) {
	form := func(l settings.Login) settings.Login {
		known, ok := imports.LoginOf(string(l), r.who)
		if !ok {
			r.c.Remark(where, "the login name %q does not follow from the address; answers have the whole address unless you set login", string(l))
		}
		return known
	}
	for i := range s.Servers {
		if s.Servers[i].Login == s.Login {
			continue
		}
		s.Servers[i].Login = form(s.Servers[i].Login)
	}
	common := s.Login
	s.Login = form(s.Login)
	for i := range s.Servers {
		if s.Servers[i].Login == common {
			s.Servers[i].Login = s.Login
		}
	}
}

// services adds the services that other places name.
func (r *reader) services(s *settings.Settings) {
	set := func(p choices.Place, key string, to *settings.Pattern, text string) {
		link, err := settings.ParseURL(text, "https")
		switch {
		case text == "":
		case err != nil:
			r.c.Remark(r.at(p), "%s is left out: %v", key, err)
		case *to == "":
			*to = link
		case *to != link:
			r.c.Remark(r.at(p), "%s is %s here, but %s in the other answers", key, link, *to)
		}
	}
	for _, w := range []struct {
		place choices.Place
		key   string
		to    *settings.Pattern
	}{{choices.CalDAVBare, "caldav", &s.CalDAV}, {choices.CardDAVBare, "carddav", &s.CardDAV}, {choices.JMAPBare, "jmap", &s.JMAP}} {
		if page := r.web[w.place]; page.Err == nil && len(page.Via) > 0 {
			set(w.place, w.key, w.to, page.Via[len(page.Via)-1])
		}
	}
	if page := r.web[choices.MobilePOX]; page.Err == nil && page.Status == 200 {
		if url, err := choices.ReadActiveSync(page.Body); err == nil {
			set(choices.MobilePOX, "activesync", &s.ActiveSync, url)
		}
	}
	for _, w := range []struct {
		place choices.Place
		key   string
		to    *settings.Pattern
	}{{choices.JSONActiveSync, "activesync", &s.ActiveSync}, {choices.JSONEWS, "ews", &s.EWS}} {
		if page := r.web[w.place]; page.Err == nil && page.Status == 200 {
			if url, err := choices.ReadLocation(page.Body); err == nil {
				set(w.place, w.key, w.to, url)
			}
		}
	}
}
