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
	"log/slog"
	"net/http"

	"mailhint/edge"
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

// Handler redirects. It expects requests as package server passes them on; see package edge.
type Handler struct {
	lookup settings.Lookup
	log    *slog.Logger
}

// New returns a Handler for the domains that lookup finds.
func New(lookup settings.Lookup, log *slog.Logger) *Handler { return &Handler{lookup, log} }

// notOffered is what people read where there is no such service.
const notOffered = "This service is not offered for this domain."

// ServeHTTP answers any method with a redirect, or 404 where the Host's domain has no such service. It never asks for a password:
// Evolution sends the person's unasked, and it belongs to the service alone.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	found, err := edge.Find(h.lookup, r, settings.Address{})
	if err != nil {
		edge.Fail(w, h.log, err, notOffered)
		return
	}
	url, status, ok := Target(found, r.URL.Path)
	if !ok {
		edge.Text(w, http.StatusNotFound, notOffered)
		return
	}
	edge.Redirect(w, url, status, edge.CacheControl(found))
}
