package autoconfig

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"mailhint/edge"
	"mailhint/settings"
)

// Handler answers autoconfig requests. It expects requests as package server passes them on; see package edge.
type Handler struct {
	lookup    settings.Lookup
	documents *edge.Documents[*prepared]
	log       *slog.Logger
}

// New returns a Handler for the domains that lookup finds.
func New(lookup settings.Lookup, log *slog.Logger) *Handler {
	return &Handler{lookup, edge.NewDocuments(prepare), log}
}

// ServeHTTP answers GET and HEAD: the document, or 404 for a domain that is not configured here.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := readQuery(r)
	found, err := edge.Find(w, h.lookup, r, query.address)
	if err != nil {
		edge.Fail(w, h.log, err, edge.NotFound)
		return
	}
	p, err := h.documents.Of(found.Common())
	if err != nil {
		edge.Fail(w, h.log, err, edge.NotFound)
		return
	}
	document, err := p.forClient(query.evolution)
	if err != nil {
		edge.Fail(w, h.log, err, edge.NotFound)
		return
	}
	found = edge.FindNames(w, r, found, query.address)
	edge.AllowAnyOrigin(w, found)
	values, personal := p.values(found, query.address)
	edge.Serve(w, r, document, cacheControl(query, personal || found.Varies), values)
}

// query is what a request contains besides its Host.
type query struct {
	address   settings.Address
	any       bool // there is a query, valid or not
	evolution bool // the client is Evolution
}

func readQuery(r *http.Request) query {
	q := query{any: r.URL.RawQuery != ""}
	if agent := r.Header["User-Agent"]; len(agent) > 0 {
		q.evolution = strings.Contains(agent[0], "Evolution/")
	}
	text := ""
	for rest := r.URL.RawQuery; rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		name, value, _ := strings.Cut(pair, "=")
		switch { // hand-made requests and old setups have capitals in the names
		case strings.EqualFold(name, "emailaddress"):
			// A value that cannot be decoded counts as missing: the Host is enough.
			if readable, err := url.QueryUnescape(value); err == nil && text == "" {
				text = readable
			}
		case strings.EqualFold(name, "emailmd5"):
			q.evolution = true
		}
	}
	if text == "" {
		return q
	}
	// Nextcloud and FairEmail send the address without percent-encoding, so that "+" arrives as a space.
	address, err := settings.ParseAddress(strings.ReplaceAll(strings.TrimSpace(text), " ", "+"))
	if err == nil {
		q.address = address
	}
	return q
}

// cacheControl says who may cache an answer, and for how long.
func cacheControl(q query, personal bool) string {
	switch {
	case personal:
		return edge.PrivateNoStore
	case q.any || q.evolution:
		return edge.Private
	}
	return edge.Public
}
