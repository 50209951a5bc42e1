package mobileconfig

import (
	"errors"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"mailhint/edge"
	"mailhint/settings"
	"mailhint/texts"
)

// Handler answers requests for profiles and their QR codes. It expects requests as package server passes them on; see package edge.
type Handler struct {
	// Now is the clock by which the validity of certificates is judged.
	Now func() time.Time

	lookup   settings.Lookup
	signer   Signer // nil if profiles are not signed
	budget   *edge.Budget
	log      *slog.Logger
	unsigned atomic.Int64 // when it was last logged that a profile could not be signed, in seconds since 1970
}

// New returns a Handler for the domains that lookup finds. With a nil signer, profiles are not signed; they can be installed, and the device
// marks them as unsigned.
func New(lookup settings.Lookup, signer Signer, log *slog.Logger) *Handler {
	return &Handler{Now: time.Now, lookup: lookup, signer: signer, budget: edge.NewBudget(signatureBurst, signaturesPerSecond), log: log}
}

// How many profiles are signed for one client: a school whose 500 people share one address gets all of them at once, and a client that asks
// endlessly takes a hundredth of a processor (an RSA signature takes about a millisecond).
const (
	signaturesPerSecond = 10
	signatureBurst      = 500
)

// What can be wrong with a request, besides the errors of Answer.
var (
	errInsecure  = errors.New("plain http")
	errNotForm   = errors.New("the body is not a form")
	errBody      = errors.New("incomplete body")
	errNoAddress = errors.New("no address")
	errMalformed = errors.New("malformed address")
)

// ServeHTTP answers GET, HEAD and POST. If the last element of the path is qr.png or qr.svg, the answer is the QR code of the link, else the
// profile; the rest of the path does not matter.
//
// Everything is sent over https, including the QR code: over plain http an attacker on the way could put in another server, and the person
// is asked for the password next. Answers contain the address, so they must not be cached.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	values, err := readValues(r)
	l := edge.Language(r, parameter(values, "lang"))
	a, err := readAddress(values, err)
	if err != nil {
		h.refuse(w, r, err, settings.Address{}, l)
		return
	}
	found, err := edge.FindPerson(w, h.lookup, r, a)
	if err != nil {
		h.refuse(w, r, err, a, l)
		return
	}
	file := path.Base(r.URL.Path)
	if r.URL.Scheme != "http" && !isCode(file) { // neither a redirect nor a code has a login name
		found = edge.FindNames(w, r, found, a)
	}
	p, err := newProfile(found, a, texts.For(l))
	if err != nil {
		h.refuse(w, r, err, a, l)
		return
	}
	host := edge.OwnHost(h.lookup, r, settings.AutoconfigPrefix, found.Domain)
	switch {
	case r.URL.Scheme == "http":
		redirect(w, host, file, a)
	case isCode(file):
		h.writeCode(w, r, host, file, a, l)
	default:
		h.writeProfile(w, r, found, a, p, l)
	}
}

// isCode reports whether the last element of a path is that of a QR code.
func isCode(file string) bool { return file == "qr.png" || file == "qr.svg" }

// readValues returns what a request's query says, or its form if it is a POST. A parameter that cannot be decoded counts as missing.
func readValues(r *http.Request) (url.Values, error) {
	switch {
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		// A plus sign means a plus sign: links are often made without percent-encoding. At the end it is the space after an address
		// that was pasted into a form.
		values, _ := url.ParseQuery(strings.ReplaceAll(strings.TrimRight(r.URL.RawQuery, "+"), "+", "%2B"))
		return values, nil
	case r.URL.Scheme == "http":
		return nil, errInsecure // a redirect would lose the form, or send it to an unexpected place
	default:
		if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/x-www-form-urlencoded" {
			return nil, errNotForm
		}
		body, err := io.ReadAll(r.Body)
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			return nil, err
		}
		if err != nil {
			return nil, errBody
		}
		values, _ := url.ParseQuery(string(body))
		return values, nil
	}
}

// readAddress returns the address in the values of a request.
func readAddress(values url.Values, err error) (settings.Address, error) {
	if err != nil {
		return settings.Address{}, err
	}
	text := parameter(values, "emailaddress") // as in automx2's links
	if text == "" {
		text = parameter(values, "email") // as in Mailu's links
	}
	if text == "" {
		return settings.Address{}, errNoAddress
	}
	a, err := settings.ParseAddress(text)
	if err != nil {
		return settings.Address{}, errMalformed
	}
	return a, nil
}

// parameter returns the first value of a parameter whose name is in any letter case, without space around it.
func parameter(values url.Values, name string) string {
	for _, spelled := range slices.Sorted(maps.Keys(values)) {
		if text := strings.TrimSpace(values.Get(spelled)); text != "" && strings.EqualFold(spelled, name) {
			return text
		}
	}
	return ""
}

// redirect redirects a GET over plain http to https. Of the request, the Location contains only what was understood.
func redirect(w http.ResponseWriter, host, file string, a settings.Address) {
	target := Path
	if isCode(file) {
		target += "/" + file
	}
	w.Header().Set("Location", link(host, target, a))
	w.WriteHeader(http.StatusFound)
}

func (h *Handler) writeCode(w http.ResponseWriter, r *http.Request, host, file string, a settings.Address, l texts.Language) {
	code, err := newCode(host, a)
	if err != nil { // the link is longer than 2 KB, which a host and an address cannot be
		h.refuse(w, r, err, a, l)
		return
	}
	if file == "qr.svg" {
		write(w, "image/svg+xml", SVG(code, "QR code of the link to the mail settings for "+a.String()))
		return
	}
	write(w, "image/png", code.PNG())
}

// writeProfile answers with the profile, signed if possible, unless the client has had too many signatures. If signing fails, it is sent unsigned: the device says so, and the person can
// still set up their mail. The log explains it to the admin.
func (h *Handler) writeProfile(w http.ResponseWriter, r *http.Request, found settings.Found, a settings.Address, p *profile, l texts.Language) {
	if h.signer != nil && r.Method != http.MethodHead && !h.budget.Allow(r.RemoteAddr) {
		w.Header().Set("Retry-After", edge.RetryAfter)
		if edge.WantsPage(r) {
			busyMessage.Serve(w, r, http.StatusTooManyRequests, l, "", addressOf(a))
			return
		}
		edge.Text(w, http.StatusTooManyRequests, "Too many profiles are requested from your network at the moment. Please try again in a minute.")
		return
	}
	document, err := p.encode()
	if err != nil { // it has a type that the library does not know, which profiles do not have
		h.refuse(w, r, err, a, l)
		return
	}
	w.Header().Set("Content-Disposition", `attachment; filename="`+string(found.Domain)+`.mobileconfig"`)
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", contentType)
		return // signing takes time, and the length differs each time
	}
	if h.signer != nil {
		if signed, err := h.sign(r.Host, document); err == nil {
			document = signed
		} else {
			h.logUnsigned(err)
		}
	}
	write(w, contentType, document)
}

// contentType is a profile's. With any other, or with a charset, Safari saves a file instead of offering to install the profile.
const contentType = "application/x-apple-aspen-config"

func (h *Handler) sign(host string, document []byte) ([]byte, error) {
	certificate, err := h.signer(host)
	if err != nil {
		return nil, err
	}
	return sign(document, certificate, h.Now())
}

// logUnsigned logs why a profile is not signed, at most once a minute.
func (h *Handler) logUnsigned(err error) {
	now, last := h.Now().Unix(), h.unsigned.Load()
	if now-last >= 60 && h.unsigned.CompareAndSwap(last, now) {
		h.log.Error("Apple profiles are sent unsigned, and devices say so; set sign_cert and sign_key in [server] to a valid certificate and its key", "error", err)
	}
}

// What people read, if they follow a link or submit a form in a browser.
var (
	busyMessage     = edge.Message{Title: "error.busy_title", Text: "error.busy", Path: Path, Field: "emailaddress"}
	addressMessage  = edge.Message{Title: "error.address_title", Text: "error.address", Home: true, Path: Path}
	insecureMessage = edge.Message{Title: "error.insecure_title", Text: "error.insecure", Path: "/"} // which sends a browser to https
	passwordMessage = edge.Message{Title: "error.no_profile_title", Text: "error.no_profile_password", Home: true, Path: Path, Field: "emailaddress"}
	serversMessage  = edge.Message{Title: "error.no_profile_title", Text: "error.no_profile_servers", Home: true, Path: Path, Field: "emailaddress"}
	unknownMessage  = edge.Message{Title: "error.unknown_title", Text: "error.unknown", Home: true, Path: Path, Field: "emailaddress"}
)

// messageFor returns the page for an error and its status. It reports false if there is none.
func messageFor(err error) (edge.Message, int, bool) {
	switch {
	case errors.Is(err, errNoAddress), errors.Is(err, errMalformed), errors.Is(err, ErrAddress):
		return addressMessage, http.StatusBadRequest, true
	case errors.Is(err, errInsecure):
		return insecureMessage, http.StatusForbidden, true
	case errors.Is(err, ErrNoPassword):
		return passwordMessage, http.StatusNotFound, true
	case errors.Is(err, ErrNoServers):
		return serversMessage, http.StatusNotFound, true
	case errors.Is(err, settings.ErrDomainNotFound), errors.Is(err, settings.ErrNotForClient), errors.Is(err, ErrOtherDomain):
		return unknownMessage, http.StatusNotFound, true
	}
	return edge.Message{}, 0, false
}

// addressOf returns an address for the form that changes the language; empty if it cannot be anyone's.
func addressOf(a settings.Address) string {
	if !a.Plausible() {
		return ""
	}
	return a.String()
}

// refuse answers with a page in a browser, and otherwise with a plain sentence. Of the request it shows at most the address's domain, in which
// a typing error is seen.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error, a settings.Address, l texts.Language) {
	if edge.WantsPage(r) {
		if m, status, ok := messageFor(err); ok {
			m.Serve(w, r, status, l, a.Domain.Unicode(), addressOf(a))
			return
		}
	}
	status, text := http.StatusBadRequest, ""
	tooLarge := new(http.MaxBytesError)
	switch {
	case errors.Is(err, errNoAddress):
		text = "The e-mail address is missing. Add it to the end of the link: ?emailaddress=you@example.com"
	case errors.Is(err, errMalformed), errors.Is(err, ErrAddress):
		text = "This is not a valid e-mail address. It should look like you@example.com."
	case errors.Is(err, errBody):
		text = "The request is incomplete. Please try again."
	case errors.Is(err, errInsecure):
		status = http.StatusForbidden
		text = "Profiles are only sent over an encrypted connection. Please use the same link with https:// in front."
	case errors.Is(err, errNotForm):
		status, text = http.StatusUnsupportedMediaType, "Please send the address as an HTML form does (application/x-www-form-urlencoded)."
	case errors.As(err, &tooLarge):
		status, text = http.StatusRequestEntityTooLarge, "The request is too large."
	case errors.Is(err, ErrNoPassword):
		status = http.StatusNotFound
		text = "There is no profile for this domain: its mail servers do not accept a password from mail programs, and a profile cannot " +
			"describe other ways to sign in. Please add the account on your device yourself: in the settings, under Mail, choose " +
			"Add Account."
	case errors.Is(err, ErrNoServers):
		status = http.StatusNotFound
		text = "There is no profile for this domain: a profile needs an incoming and an outgoing mail server, and this domain does " +
			"not have both."
	default:
		edge.Fail(w, h.log, err, "This server does not handle mail for "+string(a.Domain)+". Please check the address.")
		return
	}
	edge.Text(w, status, text)
}

func write(w http.ResponseWriter, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body) // as above
}
