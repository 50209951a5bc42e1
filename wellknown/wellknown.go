// Package wellknown leads programs from the well-known addresses of a mail domain to its calendars, contacts and JMAP service,
// which other servers offer.
//
// Thunderbird, Evolution, DAVx5 and Apple's programs ask with any method, most often PROPFIND (RFC 6764 section 5), at
//
//	https://D/.well-known/caldav
//	https://D/.well-known/carddav
//
// and JMAP clients with GET at https://D/.well-known/jmap (RFC 8620 section 2.2). They ask under the bare domain, so a web server
// there has to hand these paths on to us.
package wellknown

import (
	"net/http"

	"mailhint/settings"
)

// Target returns where a path leads for a domain and with which status, or false if the domain offers no such service.
//
// Calendars and contacts are moved permanently, as deployed servers say it; RFC 6764 section 5 allows 301, 303 and 307. The JMAP
// session may move, so it is only found there now.
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
