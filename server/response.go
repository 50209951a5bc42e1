package server

import (
	"io"
	"net/http"
	"strconv"

	"mailhint/edge"
)

// The values of the common headers, made once. A handler that needs another value sets its own.
var (
	nosniff    = []string{"nosniff"}
	policy     = []string{"default-src 'none'; frame-ancestors 'none'"}
	noReferrer = []string{"no-referrer"}
	closing    = []string{"close"}
)

// setCommon sets the headers of every answer. There is no Strict-Transport-Security: clients must be able to fall back to plain http where
// a name has no certificate.
func setCommon(h http.Header, stopping bool) {
	h["X-Content-Type-Options"] = nosniff
	h["Content-Security-Policy"] = policy // somebody may open the document in a browser
	h["Referrer-Policy"] = noReferrer     // the address is in the query
	if stopping {
		h["Connection"] = closing // so that the client opens its next connection elsewhere
	}
}

// notFound answers for a path that is not in the table, with a page if a person asks. The status must not be 200: Thunderbird, Geary and KDE's wizard stop when they get
// a page instead of a document.
func notFound(w http.ResponseWriter, r *http.Request) {
	if edge.WantsPage(r) {
		edge.NotFoundMessage.Serve(w, r, http.StatusNotFound, edge.Language(r, edge.ChosenLanguage(r)), "", "")
		return
	}
	plain(w, http.StatusNotFound, "There is nothing here. This server tells mail programs which servers to use.\n")
}

// nothing answers 404 without a body.
func nothing(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusNotFound)
}

func methodNotAllowed(w http.ResponseWriter, allow string) {
	w.Header().Set("Allow", allow)
	plain(w, http.StatusMethodNotAllowed, "Allowed methods: "+allow+".\n")
}

func tooLarge(w http.ResponseWriter) {
	w.Header()["Connection"] = closing // instead of reading what will not be used
	plain(w, http.StatusRequestEntityTooLarge, "The request is too large.\n")
}

func tooOften(w http.ResponseWriter) {
	w.Header().Set("Retry-After", repeatRetry)
	plain(w, http.StatusTooManyRequests, "This request has been sent too often. Please wait a few seconds.\n")
}

func notReady(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "5")
	plain(w, http.StatusServiceUnavailable, "This server is still starting. Please try again in a few seconds.\n")
}

func ourFault(w http.ResponseWriter) {
	clear(w.Header())
	setCommon(w.Header(), true)
	plain(w, http.StatusInternalServerError, "Something went wrong on this server. It is not your fault, and the error has been logged.\n")
}

func plain(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	io.WriteString(w, text) // the client is gone if this fails
}
