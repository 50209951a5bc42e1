package pacc

import (
	"errors"
	"io"
	"iter"
	"net/http"
	"strconv"

	"mailhint/settings"
	"mailhint/templates"
)

// Handler answers PACC requests for one state of the domains. It expects requests as package server hands them on: Host in lower
// case without port, URL.Scheme and RemoteAddr the client's.
type Handler struct {
	lookup    settings.Lookup
	documents map[*settings.Settings]*prepared // without those that PACC cannot express
}

// New prepares the documents for all settings that lookup can find.
func New(lookup settings.Lookup, all iter.Seq[*settings.Settings]) (*Handler, error) {
	h := &Handler{lookup: lookup, documents: make(map[*settings.Settings]*prepared)}
	for s := range all {
		p, err := prepare(s)
		if errors.Is(err, ErrNotExpressible) {
			continue
		}
		if err != nil {
			return nil, err
		}
		h.documents[s] = p
	}
	return h, nil
}

// ServeHTTP answers GET and HEAD: the document, or 404 for a domain that is not known here or has none. Over plain http nobody has
// one: what is not encrypted could name anybody's servers.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Access-Control-Allow-Origin", "*") // mail programs that run in a browser
	body, varies, ok := h.find(r)
	if !ok {
		header.Set("Cache-Control", "no-store") // it may have one tomorrow, or for a client in another network
		header.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, "No PACC document is published here for this domain.\n")
		return
	}
	if varies {
		header.Set("Cache-Control", "private, no-store")
	} else {
		header.Set("Cache-Control", "public, max-age=3600")
		tag := `"` + digest(body) + `"` // of all tags the one that can be compared with the TXT record by eye
		header.Set("ETag", tag)
		if templates.NamesTag(r, tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body) // the client is gone if this fails; the server's log tells the status
}

// find returns the document a request asks for, and whether other clients could get another.
func (h *Handler) find(r *http.Request) (body []byte, varies, ok bool) {
	if r.URL.Scheme == "http" {
		return nil, false, false
	}
	found, ok := h.lookup(settings.Ask(r.Host, r.RemoteAddr, settings.Address{}))
	if !ok {
		return nil, false, false
	}
	p, ok := h.documents[found.Settings]
	if !ok {
		return nil, false, false
	}
	body, err := p.answer(found)
	return body, found.Varies, err == nil
}
