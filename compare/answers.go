package compare

import (
	"net/http"
	"slices"

	"mailhint/autoconfig"
	"mailhint/autodiscover"
	"mailhint/choices"
	"mailhint/dnsrecords"
	"mailhint/mobileconfig"
	"mailhint/pacc"
	"mailhint/settings"
	"mailhint/wellknown"
)

// Answers are what the clients of a domain are answered in each place where they ask.
type Answers struct {
	Web map[choices.Place]Page
	// SRV are the domain's SRV records for mail servers. They are the same before and after a move.
	SRV []dnsrecords.Record
	// SRVErr is why the records are not known; nil if they are.
	SRVErr error

	found      settings.Found // the settings; zero if this configuration has none
	configured bool           // these are the answers of the configuration
	services   map[choices.Place]string
}

// Page is what a web server answers at a place.
type Page struct {
	choices.Answer
	// Via are the URLs to which redirects pointed, as far as they were followed.
	Via []string
	// OwnName is true if the server answers only under its own name, and not under the name that the client asks.
	OwnName bool
	// Err is why there is no answer, so that nothing is known; nil if there is one, whatever it says.
	Err error
}

// leadsTo returns the first of several URLs to which a page was redirected; empty if there is none.
func (p Page) leadsTo(urls []string) string {
	for _, u := range p.Via {
		if slices.Contains(urls, u) {
			return u
		}
	}
	return ""
}

// redirects are the URLs to which Autodiscover clients are sent instead of an answer.
func (a Answers) redirects() []string {
	if a.found.Settings == nil || a.found.AutodiscoverRedirect == "" {
		return nil
	}
	return []string{a.found.AutodiscoverRedirect}
}

// ownName reports whether the server answers only under its own name in some place.
func (a Answers) ownName() bool {
	for _, p := range a.Web {
		if p.OwnName {
			return true
		}
	}
	return false
}

// wellKnownPaths are the paths of the places that are redirected to a service.
var wellKnownPaths = map[choices.Place]string{
	choices.CalDAVBare: wellknown.CalDAV, choices.CardDAVBare: wellknown.CardDAV, choices.JMAPBare: wellknown.JMAP,
}

// Configured returns the answers of a configuration for a person, given the SRV records that the domain has. Found is zero if the
// configuration has no settings for the domain; it may have the person's login names, which only requests with the address are answered with.
func Configured(found settings.Found, who settings.Address, srv []dnsrecords.Record, srvErr error) Answers {
	a := Answers{Web: make(map[choices.Place]Page), SRV: srv, SRVErr: srvErr, found: found, configured: true, services: make(map[choices.Place]string)}
	if found.Settings == nil {
		a.found.Settings = &settings.Settings{}
		return a
	}
	nameless := found.WithNames(nil)
	evolution := settings.Address{Local: settings.EvolutionUser, Domain: who.Domain}
	a.set(xmlType, answerOf(autoconfig.Answer(found, who, false)), choices.ConfigHost, choices.ConfigBare)
	a.set(xmlType, answerOf(autoconfig.Answer(nameless, settings.Address{}, false)), choices.ConfigNoAddress)
	a.set(xmlType, answerOf(autoconfig.Answer(nameless, evolution, true)), choices.ConfigEvolution)
	a.set(xmlType, answerOf(autodiscover.Answer(found, who)), choices.POXHost, choices.POXBare)
	if found.AutodiscoverRedirect != "" {
		moved := Page{Answer: choices.Answer{Status: http.StatusFound, Good: true}, Via: []string{found.AutodiscoverRedirect}}
		a.Web[choices.POXHost], a.Web[choices.POXBare] = moved, moved
	}
	a.set("application/json", answerOf(pacc.Answer(nameless)), choices.PACCHost)
	a.set(profileType, answerOf(mobileconfig.Answer(found, who)), choices.ProfileHost)
	for place, path := range wellKnownPaths {
		a.services[place], _, _ = wellknown.Target(found, path)
	}
	return a
}

const (
	xmlType     = "text/xml; charset=utf-8"
	profileType = "application/x-apple-aspen-config"
)

// answerOf is a good answer, or status 404 if the format cannot express the settings.
func answerOf(body []byte, err error) choices.Answer {
	if err != nil {
		return choices.Answer{Status: http.StatusNotFound, Good: true}
	}
	return choices.Answer{Status: http.StatusOK, Body: body, Good: true}
}

// set sets the answer in some places.
func (a Answers) set(kind string, answer choices.Answer, places ...choices.Place) {
	answer.ContentType = kind
	for _, p := range places {
		a.Web[p] = Page{Answer: answer}
	}
}

// expand fills the domain into a pattern of the settings.
func (a Answers) expand(p settings.Pattern) string {
	return p.Expand(string(a.found.Domain), string(a.found.Primary))
}
