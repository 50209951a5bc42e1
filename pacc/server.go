package pacc

import (
	"log/slog"
	"net/http"
	"strconv"

	"mailhint/edge"
	"mailhint/settings"
)

// Handler answers PACC requests. It expects requests as package server passes them on; see package edge.
type Handler struct {
	lookup    settings.Lookup
	documents *edge.Documents[*prepared]
	log       *slog.Logger
}

// New returns a Handler for the domains that lookup finds.
func New(lookup settings.Lookup, log *slog.Logger) *Handler {
	return &Handler{lookup, edge.NewDocuments(prepare), log}
}

// notFound is what people read where there is no document.
const notFound = "No PACC document is published here for this domain."

// ServeHTTP answers GET and HEAD: the document, or 404 for a domain that is not configured here or has none. Over plain http there is
// none for any domain: an attacker on the way could put in servers of their own.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	if r.URL.Scheme == "http" {
		edge.Text(w, http.StatusNotFound, notFound)
		return
	}
	found, body, err := h.find(w, r)
	if err != nil {
		edge.Fail(w, h.log, err, notFound)
		return
	}
	edge.AllowAnyOrigin(w, found)
	header.Set("Cache-Control", edge.CacheControl(found))
	if !found.Varies {
		tag := `"` + digest(body) + `"` // the one tag that can be compared with the TXT record by eye
		header.Set("ETag", tag)
		if edge.HasTag(r, tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body) // the client is gone if this fails; the server's log shows the status
}

// find returns the document that a request asks for, and the settings it is made of.
func (h *Handler) find(w http.ResponseWriter, r *http.Request) (found settings.Found, body []byte, err error) {
	found, err = edge.Find(w, h.lookup, r, settings.Address{})
	if err != nil {
		return found, nil, err
	}
	p, err := h.documents.Of(found.Settings)
	if err != nil {
		return found, nil, err
	}
	body, err = p.answer(found)
	return found, body, err
}
