// Package wellknown redirects clients from the well-known URLs of a mail domain to its calendars, contacts and JMAP service, which other
// servers offer.
//
// Thunderbird, Evolution, DAVx5 and Apple's clients send requests with any method, most often PROPFIND (RFC 6764 section 5), to
//
//	https://D/.well-known/caldav
//	https://D/.well-known/carddav
//
// and JMAP clients send GET requests to https://D/.well-known/jmap (RFC 8620 section 2.2). D is the bare domain, so a web server there has to
// pass these paths on to mailhint.
package wellknown

import (
	"net/http"

	"mailhint/settings"
)

// Target returns where a path is redirected for a domain and with which status, or false if the domain does not offer that service.
//
// Calendars and contacts are redirected permanently, as deployed servers do; RFC 6764 section 5 allows 301, 303 and 307. The redirect for
// JMAP is temporary, since the session may move.
func Target(found settings.Found, path string) (url string, status int, ok bool) {
	var target settings.Pattern
	switch path {
	case CalDAV:
		target, status = found.CalDAV, http.StatusMovedPermanently
	case CardDAV:
		target, status = found.CardDAV, http.StatusMovedPermanently
	case JMAP:
		target, status = found.JMAP, http.StatusTemporaryRedirect
	}
	return target.Expand(string(found.Domain), string(found.Primary)), status, target != ""
}
