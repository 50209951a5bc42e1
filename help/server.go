package help

import (
	"cmp"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"mailhint/edge"
	"mailhint/settings"
	"mailhint/templates"
	"mailhint/texts"
	"mailhint/untrusted"
)

// Handler answers at "/" with the page for people: a form for the address, and the settings for an address that was entered. It expects
// requests as package server passes them on; see package edge.
type Handler struct {
	// Own is the server's own host name, at which people of any domain are welcome; empty if it has none.
	Own string
	// Unsigned is true if this server does not sign Apple profiles.
	Unsigned bool
	// Seen returns the state that package monitor last saw a mail server in, and when; the zero Time if it has not looked yet. It is nil if
	// mail servers are not checked.
	Seen func(host string, s settings.Server) (state string, at time.Time)

	lookup settings.Lookup
	log    *slog.Logger
	pages  *lru.Cache[pageKey, *edge.PreparedPage]

	budget   *edge.Budget // of preparing pages
	prepared atomic.Uint64
}

// maxPages is how many prepared pages are kept. A page of an answer has about 17 KB.
const maxPages = 1024

// How many pages are prepared for one client, which takes about a millisecond for each. The page of a domain in one language and for one
// program is prepared once for all its people; a client that asks for ever other domains, languages and programs takes a fiftieth of a processor.
const (
	preparedPerSecond = 20
	preparedBurst     = 500
)

// New returns a Handler for the domains that lookup finds.
func New(lookup settings.Lookup, log *slog.Logger) *Handler {
	pages, _ := lru.New[pageKey, *edge.PreparedPage](maxPages) // fails for a size below 1 only
	return &Handler{lookup: lookup, log: log, pages: pages, budget: edge.NewBudget(preparedBurst, preparedPerSecond)}
}

// pageKey is what a prepared page depends on.
type pageKey struct {
	kind     pageKind
	settings *settings.Settings // nil if the page is no domain's
	domain   settings.Domain    // of an answer
	primary  settings.Domain
	language texts.Language
	program  string // of an answer
	address  bool   // the answer is for an address, not for a whole domain
	code     bool   // the page was asked for at one of our host names, so that other devices find it there
	checks   bool   // it shows what was last seen of the mail servers
}

type pageKind uint8

const (
	start   pageKind = iota + 1 // the form
	invalid                     // the form again, because what was entered is not an address
	unknown                     // the form again, because the domain is not known here
	answer                      // the settings
)

// ServeHTTP answers GET, HEAD and POST.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host, err := edge.Find(w, h.lookup, r, settings.Address{})
	known := err == nil
	if target := h.secure(r, known); target != "" {
		w.Header().Set("Vary", upgrade)
		edge.Redirect(w, target, http.StatusSeeOther, edge.NoStore)
		return
	}
	if r.Method == http.MethodPost {
		h.post(w, r, host)
		return
	}
	cache := edge.Private
	if host.Settings != nil && host.Varies {
		cache = edge.PrivateNoStore
	}
	language := edge.Language(r, edge.ChosenLanguage(r))
	h.serve(w, r, http.StatusOK, cache, pageKey{kind: start, settings: host.Settings, language: language}, host, nameOf(host))
}

// upgrade is the header with which browsers say that they prefer https. Health checks do not send it, and get the page over plain http too.
const upgrade = "Upgrade-Insecure-Requests"

// secure returns where to send a browser that asks over plain http: on the way, somebody could read the address or put in other servers.
// The bare domain may have no certificate.
func (h *Handler) secure(r *http.Request, known bool) string {
	if r.URL.Scheme != "http" || r.Method != http.MethodPost && r.Header.Get(upgrade) != "1" {
		return ""
	}
	switch {
	case h.isOwn(r.Host), known && settings.DomainOfServiceHost(r.Host) != "":
		return "https://" + r.Host + "/"
	case known:
		return "https://" + settings.AutoconfigPrefix + r.Host + "/"
	case r.Method == http.MethodPost && h.Own != "":
		return "https://" + h.Own + "/"
	case r.Method == http.MethodPost:
		return "/"
	}
	return ""
}

func (h *Handler) isOwn(host string) bool { return host == h.Own && host != "" }

// isForeign reports whether a form on another site was sent: a page of a stranger must not make this one say anything. Browsers say where
// a form comes from with one of two headers, and other programs send neither.
func isForeign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
		origin := r.Header.Get("Origin")
		u, err := url.Parse(origin)
		return origin != "" && (err != nil || u.Hostname() != r.Host) // a proxy may have another port
	}
	return true
}

// form is what a person has entered.
type form struct{ address, language, program string }

var errNotForm = errors.New("not a form")

func readForm(r *http.Request) (form, error) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/x-www-form-urlencoded" {
		return form{}, errNotForm
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return form{}, err
	}
	values, _ := url.ParseQuery(string(body)) // a value that cannot be decoded counts as missing
	return form{strings.TrimSpace(cmp.Or(values.Get("email"), values.Get("emailaddress"))), values.Get("lang"), values.Get("program")}, nil
}

// post answers the form. Host are the settings for the Host, with which a page looks if it is no domain's.
func (h *Handler) post(w http.ResponseWriter, r *http.Request, host settings.Found) {
	if isForeign(r) {
		edge.Redirect(w, "/", http.StatusSeeOther, edge.NoStore)
		return
	}
	f, err := readForm(r)
	switch tooLarge := new(http.MaxBytesError); {
	case errors.Is(err, errNotForm):
		edge.Text(w, http.StatusUnsupportedMediaType, "Please send the address as an HTML form does (application/x-www-form-urlencoded).")
		return
	case errors.As(err, &tooLarge):
		edge.Text(w, http.StatusRequestEntityTooLarge, "The request is too large.")
		return
	case err != nil:
		edge.Text(w, http.StatusBadRequest, "The request is incomplete. Please try again.")
		return
	}
	language := edge.Language(r, f.language)
	a, err := settings.ParseAddress(f.address)
	if err != nil {
		entered := untrusted.Clip(f.address, maxEntered)
		h.serve(w, r, http.StatusBadRequest, edge.NoStore, pageKey{kind: invalid, settings: host.Settings, language: language}, host, nameOf(host), entered)
		return
	}
	found, err := edge.FindPerson(w, h.lookup, r, a)
	if err != nil {
		h.refuse(w, r, err, language, host, a)
		return
	}
	h.answer(w, r, f, language, host.Settings != nil || h.isOwn(r.Host), found, a)
}

// maxEntered is how many characters of what was entered are shown again.
const maxEntered = 254

// refuse answers if there are no settings for an address.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error, l texts.Language, host settings.Found, a settings.Address) {
	switch status := edge.Status(err); status {
	case http.StatusNotFound:
		h.serve(w, r, status, edge.NoStore, pageKey{kind: unknown, settings: host.Settings, language: l}, host, nameOf(host), readableAddress(a), a.Domain.Unicode())
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", edge.RetryAfter)
		edge.UnavailableMessage.Serve(w, r, status, l, "", readableAddress(a))
	default:
		edge.Fail(w, h.log, err, "")
	}
}

// readableAddress returns an address that was entered, to show it again; empty if it cannot be anyone's.
func readableAddress(a settings.Address) string {
	if !a.Plausible() {
		return ""
	}
	return readableLogin(a.String())
}

// nameOf returns the name of the provider for people; "" if there is none.
func nameOf(found settings.Found) string {
	if found.Settings == nil {
		return ""
	}
	if name := readable(found.Name.Expand(string(found.Domain), string(found.Primary))); name != "" {
		return name
	}
	return found.Domain.Unicode()
}

// serve answers with the page for a key, filled with values.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, status int, cacheControl string, key pageKey, found settings.Found, fill ...string) {
	page, ok := h.pages.Get(key)
	if !ok {
		if !h.budget.Allow(r.RemoteAddr) {
			w.Header().Set("Retry-After", edge.RetryAfter)
			busyMessage.Serve(w, r, http.StatusTooManyRequests, key.language, "", "")
			return
		}
		h.prepared.Add(1)
		var err error
		if page, err = h.prepare(key, found); err != nil {
			edge.Fail(w, h.log, err, "")
			return
		}
		h.pages.Add(key, page) // if another request has just done so, it is the same page
	}
	page.Serve(w, r, status, cacheControl, fill)
}

var busyMessage = edge.Message{Title: "error.busy_title", Text: "error.busy", Path: "/"}

var startPage = templates.HTML("start.html.tmpl")

// formContent is what start.html.tmpl is filled with.
type formContent struct {
	Error   *formError // nil if there is none
	Entered string     // what was entered, if there is an error
}

type formError struct{ Title, Text string }

// prepare makes a page. The holes of a form are the provider's name, what was entered, and the domain of that.
func (h *Handler) prepare(key pageKey, found settings.Found) (*edge.PreparedPage, error) {
	if key.kind == answer {
		return h.prepareAnswer(key, found)
	}
	t := texts.For(key.language)
	p := edge.Page{Printer: t, Title: t.Text("page.title")}
	if key.settings != nil {
		p.Brand = edge.NewBrand(key.settings, templates.Hole(0))
	}
	content := formContent{Entered: templates.Hole(1)}
	if key.kind != start {
		p.Hidden = []edge.Field{{Name: "email", Value: content.Entered}}
	}
	switch key.kind {
	case invalid:
		content.Error = &formError{t.Text("error.address_title"), t.Text("error.address")}
	case unknown:
		domain := templates.Hole(2)
		content.Error = &formError{t.Text("error.unknown_title", "domain", domain), t.Text("error.unknown", "domain", domain)}
	}
	p.Content = content
	return edge.PreparePage(startPage, p, 3)
}
