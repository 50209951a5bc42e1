// Package page is the admin page: HTML forms for what package admin can do. It works without script, with a keyboard and on a phone.
//
// It decides nothing about permissions: every request finds out from package accounts who makes it, and asks package admin for what that account
// may see and change. What it shows may have been written by strangers, so templates make every text printable and escape it.
//
// The files, in the order in which they are best read:
//
//   - page.go: the Handler; routes.go: the table of its paths; visit.go: one request and its answer; errors.go, notices.go: what a page says
//   - layout.go: where each key is in the form; form.go: a record as a form; typed.go: a form as a change of a record
//   - signin.go, provider.go: sign-in and sign-out; account.go: one's own account; accounts.go, tokens.go, audit.go: what operators look after; pager.go: long lists of these
//   - domains.go: the list; domain.go: the form of one domain or profile; review.go: what a change would do; conflict.go: two changes at once
//   - add.go, remove.go: the beginning and the end of a domain; preview.go, records.go, doctor.go, history.go: its other pages
//   - profiles.go: the profiles; words.go: how numbers, sentences and differences are spelled
package page

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"mailhint/accounts"
	"mailhint/admin"
)

// Options are what a Handler needs.
type Options struct {
	// Admin does the work, and Accounts knows who may do what.
	Admin    *admin.Service
	Accounts *accounts.Service
	// External is the sign-in through an identity provider; nil if there is none.
	External External
	// Log gets what people are not told; nil for none.
	Log *slog.Logger
	// Rate and Burst are the pages and forms of one account per second, and at once; 20 and 200 by default.
	Rate  rate.Limit
	Burst int
}

// External is the sign-in through an identity provider: an oidc.SignIn.
type External interface {
	// Name is what the button calls the provider; empty if there is none at the moment.
	Name() string
	// Begin returns where to send the browser, and the value of a cookie that Finish needs.
	Begin(next string) (location, state string, err error)
	// Finish says who has come back, and where they wanted to go.
	Finish(ctx context.Context, answer url.Values, state string) (accounts.Vouched, string, error)
}

// Handler answers with the admin page. It expects to be reached only under names that belong to it: see package server.
type Handler struct {
	Options
	routes  http.Handler
	rates   *admin.Rates[string] // by account
	refused prometheus.Counter   // because of rates
	// writable returns why the store cannot be written; nil if it can, or if that is not known.
	writable func(context.Context) error
}

// New returns a Handler.
func New(o Options) *Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Rate == 0 {
		o.Rate, o.Burst = 20, 200
	}
	h := &Handler{Options: o, rates: admin.NewRates[string](o.Rate, o.Burst), refused: prometheus.NewCounter(prometheus.CounterOpts{Name: "mailhint_admin_requests_refused_total",
		Help: "Requests for the admin page that were refused because their account has sent too many."}), writable: func(context.Context) error { return nil }}
	if store, ok := o.Admin.Store.(interface{ Writable(context.Context) error }); ok {
		h.writable = store.Writable
	}
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(h.foreign))
	h.routes = protection.Handler(h.router())
	return h
}

// Collector returns the metrics of the page.
func (h *Handler) Collector() prometheus.Collector { return h.refused }

// maxBody is how much of a form is read, in octets.
const maxBody = 256 << 10

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	for name, value := range headers {
		header.Set(name, value)
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	h.routes.ServeHTTP(w, r)
}

// headers are those of every answer. Referrer-Policy is not "no-referrer", because browsers would then hide where a form comes from, from this
// server too; no page has a URL with anything personal.
var headers = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
		"base-uri 'none'; frame-ancestors 'none'",
	"Referrer-Policy":              "same-origin",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Permissions-Policy":           "camera=(), geolocation=(), microphone=()",
	"Cache-Control":                "no-store",
}
