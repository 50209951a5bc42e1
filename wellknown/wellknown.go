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
	"io"
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

// Handler redirects for one state of the domains. It expects requests as package server hands them on.
type Handler struct{ lookup settings.Lookup }

// New returns a Handler for the domains that lookup finds.
func New(lookup settings.Lookup) *Handler { return &Handler{lookup} }

// ServeHTTP answers any method with a redirect, or 404 where the Host's domain has no such service. It never asks for a password:
// Evolution sends the person's unasked, and it belongs to the service alone.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	found, known := h.lookup(settings.Ask(r.Host, r.RemoteAddr, settings.Address{}))
	if known {
		if url, status, ok := Target(found, r.URL.Path); ok {
			w.Header().Set("Location", url)
			w.Header().Set("Cache-Control", cacheControl(found))
			w.WriteHeader(status)
			return
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	io.WriteString(w, "This service is not offered for this domain.\n")
}

func cacheControl(found settings.Found) string {
	if found.Varies {
		return "private, no-store"
	}
	return "public, max-age=3600"
}
