package wellknown

import (
	"log/slog"
	"net/http"

	"mailhint/edge"
	"mailhint/settings"
)

// Handler redirects. It expects requests as package server passes them on; see package edge.
type Handler struct {
	lookup settings.Lookup
	log    *slog.Logger
}

// New returns a Handler for the domains that lookup finds.
func New(lookup settings.Lookup, log *slog.Logger) *Handler { return &Handler{lookup, log} }

// notOffered is what people read where there is no such service.
const notOffered = "This service is not offered for this domain."

// ServeHTTP answers any method with a redirect, or with 404 if the Host's domain does not offer the service. It never asks for a password:
// Evolution sends the person's unprompted, and it is meant for the service alone.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	found, err := edge.Find(w, h.lookup, r, settings.Address{})
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
