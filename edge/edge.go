// Package edge contains what the HTTP edges of the formats share: autoconfig, autodiscover, mobileconfig, pacc and wellknown look settings up,
// keep prepared documents, fail, redirect and allow caching in the same way.
//
// It expects requests as package server passes them on: Host in lower case without a port, RemoteAddr the client's, URL.Scheme the
// scheme that the client used. It never answers with status 401, which would make clients ask the person for a password.
package edge

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"

	"mailhint/settings"
)

// Values of the Cache-Control header.
const (
	// Public is for answers that depend on the URL and its host alone.
	Public = "public, max-age=3600"
	// Private is for answers that depend on something else in the request too, such as its User-Agent.
	Private = "private, max-age=300"
	// PrivateNoStore is for answers that contain something personal, or that differ for another network.
	PrivateNoStore = "private, no-store"
	// NoStore is for errors: the domain may be configured a minute later.
	NoStore = "no-store"
)

// CacheControl returns Public, or PrivateNoStore for settings that vary with the address or the client's network. The host is part of
// every cache's key; the client's network is not.
func CacheControl(found settings.Found) string {
	if found.Varies {
		return PrivateNoStore
	}
	return Public
}

// Visit is a ResponseWriter that knows more about the request: package server's, for which each request is parsed only once.
type Visit interface {
	// ClientAddr returns the client's address, without its port; the zero Addr if it is not known.
	ClientAddr() netip.Addr
	// RecordDomain takes the domain that the request is answered for, for the log.
	RecordDomain(settings.Domain)
}

// Find looks up the settings for a request, and tells a Visit whose they are. The zero Address means that the request has no address.
func Find(w http.ResponseWriter, lookup settings.Lookup, r *http.Request, a settings.Address) (settings.Found, error) {
	return find(w, lookup, r, settings.Question{Address: a, Host: settings.DomainOfHost(r.Host)})
}

// FindPerson is like Find, for the domain of a person's address, whatever the Host. It is for answers that are made for one person:
// they never give them the servers of another domain, which may belong to another customer.
func FindPerson(w http.ResponseWriter, lookup settings.Lookup, r *http.Request, a settings.Address) (settings.Found, error) {
	return find(w, lookup, r, settings.Question{Address: a})
}

func find(w http.ResponseWriter, lookup settings.Lookup, r *http.Request, q settings.Question) (settings.Found, error) {
	visit, ok := w.(Visit)
	if !ok {
		return lookup(r.Context(), q.From(r.RemoteAddr))
	}
	q.Client = visit.ClientAddr()
	found, err := lookup(r.Context(), q)
	if err == nil {
		visit.RecordDomain(found.Domain)
	}
	return found, err
}

// FindNames returns found with the login names of a person, for an answer that contains them. It waits for a look-up, for a second at most, if
// the settings have one, and changes nothing otherwise.
func FindNames(w http.ResponseWriter, r *http.Request, found settings.Found, a settings.Address) settings.Found {
	if found.FindNames == nil {
		return found
	}
	client := settings.Question{}.From(r.RemoteAddr).Client
	if visit, ok := w.(Visit); ok {
		client = visit.ClientAddr()
	}
	return found.WithLoginNames(r.Context(), a, client)
}

// OwnHost returns the host name for links in an answer for a domain: the request's Host if it is one of ours, since the client has
// accepted its certificate, else the domain's own name with a prefix such as "autodiscover.". The client chooses the Host header: a
// link to an arbitrary host could end up in a shared cache.
func OwnHost(lookup settings.Lookup, r *http.Request, prefix string, d settings.Domain) string {
	if _, err := lookup(r.Context(), settings.NewQuestion(r.Host, r.RemoteAddr, settings.Address{})); err == nil {
		return r.Host
	}
	return prefix + string(d)
}

var anyOrigin = []string{"*"}

// AllowAnyOrigin lets mail clients that run in a browser read an answer, unless it depends on the client's network: any web page could read
// it then from inside. Answers without settings are not allowed either, since a domain that has none for this network must look unknown.
func AllowAnyOrigin(w http.ResponseWriter, found settings.Found) {
	if !found.VariesByNetwork {
		w.Header()["Access-Control-Allow-Origin"] = anyOrigin
	}
}

// Status returns the HTTP status for an error of a settings.Lookup or of the core of an answer. A domain that is unknown, one that has
// nothing for this client, and one whose settings the format cannot express look the same to a stranger.
func Status(err error) int {
	switch {
	case errors.Is(err, settings.ErrDomainNotFound), errors.Is(err, settings.ErrNotForClient), errors.Is(err, settings.ErrNotExpressible):
		return http.StatusNotFound
	case errors.Is(err, settings.ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// RetryAfter is the value of the Retry-After header with status 429 and 503, in seconds.
const RetryAfter = "10"

// Sentences for people, without a line end. NotFound is the usual one; a package may have a more fitting text of its own.
const (
	NotFound    = "No mail settings are published here for this domain."
	Unavailable = "The settings cannot be looked up right now. Please try again in a minute."
	Fault       = "Something went wrong on this server. It is not your fault, and it has been logged."
)

// Fail answers with the status of an error and a plain sentence: notFound with 404, else Unavailable or Fault. A fault is logged with
// its cause, which the client does not see.
func Fail(w http.ResponseWriter, log *slog.Logger, err error, notFound string) {
	switch status := Status(err); status {
	case http.StatusNotFound:
		Text(w, status, notFound)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", RetryAfter)
		Text(w, status, Unavailable)
	default:
		LogFault(log, err)
		Text(w, status, Fault)
	}
}

// LogFault logs an error that only a mistake in mailhint can cause.
func LogFault(log *slog.Logger, err error) {
	log.Error("a request could not be answered; this is a bug in mailhint, please report it with this text", "error", err)
}

// Header values that are made once. Nobody changes them: net/http copies a header, and Set replaces the value.
var (
	noStoreValue = []string{NoStore}
	textType     = []string{"text/plain; charset=utf-8"}
)

// Text answers with a plain sentence that must not be cached. Nothing is allocated for it: some clients keep repeating a request
// that gets 404.
func Text(w http.ResponseWriter, status int, sentence string) {
	header := w.Header()
	header["Cache-Control"] = noStoreValue
	header["Content-Type"] = textType
	w.WriteHeader(status)
	io.WriteString(w, sentence) // the client is gone if this fails; the server's log shows the status
	io.WriteString(w, "\n")
}

// Redirect sends the client to an absolute URL.
func Redirect(w http.ResponseWriter, target string, status int, cacheControl string) {
	w.Header().Set("Location", target)
	w.Header().Set("Cache-Control", cacheControl)
	w.WriteHeader(status)
}
