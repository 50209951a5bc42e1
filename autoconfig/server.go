package autoconfig

import (
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"mailhint/settings"
)

// Handler answers autoconfig requests for one state of the domains. It expects requests as package server hands them on: Host in
// lower case without port, RemoteAddr the client's.
type Handler struct {
	lookup    settings.Lookup
	documents map[*settings.Settings]*prepared
}

// New prepares the documents for all settings that lookup can find.
func New(lookup settings.Lookup, all iter.Seq[*settings.Settings]) (*Handler, error) {
	h := &Handler{lookup: lookup, documents: make(map[*settings.Settings]*prepared)}
	for s := range all {
		p, err := prepare(s)
		if err != nil {
			return nil, err
		}
		h.documents[s] = p
	}
	return h, nil
}

// ServeHTTP answers GET and HEAD: the document, or 404 for a domain that is not known here. It asks for no password: a 401 would
// make Thunderbird tell the person that the password is wrong.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := readQuery(r)
	found, ok := h.lookup(settings.Ask(r.Host, r.RemoteAddr, query.address))
	if !ok {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, "No mail settings are published here for this domain.\n")
		return
	}
	p := h.documents[found.Settings]
	values, personal := p.values(found, query.address)
	w.Header().Set("Access-Control-Allow-Origin", "*") // mail programs that run in a browser
	p.forReader(query.evolution).Serve(w, r, cacheControl(query, personal || found.Varies), values)
}

// query is what a request says besides its Host.
type query struct {
	address   settings.Address
	named     bool // the request named an address, readable or not
	evolution bool
}

func readQuery(r *http.Request) query {
	q := query{evolution: strings.Contains(r.UserAgent(), "Evolution/")}
	if r.URL.RawQuery == "" {
		return q
	}
	parameters, _ := url.ParseQuery(r.URL.RawQuery) // a parameter that cannot be read is one not given: Host is enough
	q.evolution = q.evolution || parameters.Has("emailmd5")
	text := parameters.Get("emailaddress")
	q.named = text != ""
	// Nextcloud and FairEmail send the address without percent-encoding, which turns "+" into a space.
	address, err := settings.ParseAddress(strings.ReplaceAll(strings.TrimSpace(text), " ", "+"))
	if err == nil {
		q.address = address
	}
	return q
}

// cacheControl says who may keep an answer and for how long. Host is part of every cache's key, the client's network is not.
func cacheControl(q query, personal bool) string {
	switch {
	case personal:
		return "private, no-store"
	case q.named || q.evolution:
		return "private, max-age=300"
	}
	return "public, max-age=3600"
}
