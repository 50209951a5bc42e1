package compare

import (
	"net/http"
	"net/url"

	"mailhint/autoconfig"
	"mailhint/autodiscover"
	"mailhint/choices"
	"mailhint/mobileconfig"
	"mailhint/pacc"
	"mailhint/settings"
)

// question is what clients ask at a place.
type question struct {
	place choices.Place
	// requests are tried in turn until one is answered: servers have their profiles at different paths.
	requests []settings.Request
	// ownName means that clients may also arrive under the server's own name.
	ownName bool
	// final means that a redirect is the answer and is not followed.
	final bool
}

// questions are all that is asked for a person, in an order in which connections can be used again.
func questions(who settings.Address) []question {
	d := who.Domain
	nobody := settings.Address{}
	return []question{
		ask(choices.ConfigHost, true, autoconfig.Request(d, who)),
		ask(choices.ConfigNoAddress, false, autoconfig.Request(d, nobody)),
		ask(choices.ConfigEvolution, true, autoconfig.EvolutionRequest(d, who)),
		ask(choices.ProfileHost, false, profileRequests(who)...),
		ask(choices.POXHost, true, autodiscover.Request(d, who)),
		ask(choices.MobilePOX, true, autodiscover.MobileRequest(who)),
		ask(choices.JSONActiveSync, false, autodiscover.JSONRequestFor(d, who, "ActiveSync")),
		ask(choices.JSONEWS, false, autodiscover.JSONRequestFor(d, who, "EWS")),
		ask(choices.PACCHost, false, pacc.Request(d)),
		ask(choices.ConfigBare, false, autoconfig.WellKnownRequest(d, who)),
		ask(choices.POXBare, false, autodiscover.BareRequest(d, who)),
		final(choices.CalDAVBare, d),
		final(choices.CardDAVBare, d),
		final(choices.JMAPBare, d),
	}
}

func ask(p choices.Place, ownName bool, requests ...settings.Request) question {
	return question{place: p, requests: requests, ownName: ownName}
}

// final asks a well-known path, whose answer is a redirect.
func final(p choices.Place, d settings.Domain) question {
	return question{place: p, requests: []settings.Request{settings.NewRequest(string(d), wellKnownPaths[p], nil)}, final: true}
}

// profileRequests are the requests for a profile at this server's path and at those of others: automx2's, that of Monogramm and
// wdes/mail-autodiscover-autoconfig, and Mailu's.
func profileRequests(who settings.Address) []settings.Request {
	own := mobileconfig.Request(who)
	automx2 := own
	automx2.URL.Path += "/"
	email := url.Values{"email": {who.String()}}
	return []settings.Request{own, automx2, settings.NewRequest(own.URL.Host, mobileconfig.EmailPath, email),
		settings.NewRequest(own.URL.Host, mobileconfig.ApplePath, email)}
}

// isDocument reports whether a place has a document with mail servers.
func isDocument(p choices.Place) bool {
	switch p {
	case choices.MobilePOX, choices.JSONActiveSync, choices.JSONEWS, choices.CalDAVBare, choices.CardDAVBare, choices.JMAPBare:
		return false
	}
	return true
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}
