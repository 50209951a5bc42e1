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

// anyOrigin lets mail programs that run in a browser read the answers.
var anyOrigin = []string{"*"}

// ServeHTTP answers GET and HEAD: the document, or 404 for a domain that is not known here. It asks for no password: a 401 would
// make Thunderbird tell the person that the password is wrong.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := readQuery(r)
	w.Header()["Access-Control-Allow-Origin"] = anyOrigin
	found, ok := h.lookup(settings.Ask(r.Host, r.RemoteAddr, query.address))
	if !ok {
		notFound(w)
		return
	}
	p := h.documents[found.Settings]
	if p.all == nil {
		notFound(w)
		return
	}
	values, personal := p.values(found, query.address)
	p.forReader(query.evolution).Serve(w, r, cacheControl(query, personal || found.Varies), values)
}

// notFound answers for a domain that is not known, or not to this client's network: nobody may keep that.
func notFound(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	io.WriteString(w, "No mail settings are published here for this domain.\n")
}

// query is what a request says besides its Host.
type query struct {
	address   settings.Address
	any       bool // there is a query, readable or not
	evolution bool
}

func readQuery(r *http.Request) query {
	q := query{any: r.URL.RawQuery != "", evolution: strings.Contains(r.UserAgent(), "Evolution/")}
	if !q.any {
		return q
	}
	text := ""
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		switch name {
		case "emailaddress":
			// What cannot be read is not given: Host is enough.
			if readable, err := url.QueryUnescape(value); err == nil && text == "" {
				text = readable
			}
		case "emailmd5":
			q.evolution = true
		}
	}
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
	case q.any || q.evolution:
		return "private, max-age=300"
	}
	return "public, max-age=3600"
}
