package mobileconfig

import (
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"mailhint/edge"
	"mailhint/settings"
)

// Handler answers requests for profiles and their QR codes, for one state of the domains. It expects requests as package server
// hands them on: Host in lower case without port, RemoteAddr the client's, URL.Scheme the one the client used, Body limited.
type Handler struct {
	// Now is the clock that says whether a certificate can sign.
	Now func() time.Time

	lookup   settings.Lookup
	signer   Signer // nil if profiles are not signed
	log      *slog.Logger
	unsigned atomic.Int64 // when it was last logged that a profile could not be signed, in seconds since 1970
}

// New makes a Handler. A nil signer leaves profiles unsigned; they can be installed, with a mark that they are.
func New(lookup settings.Lookup, signer Signer, log *slog.Logger) *Handler {
	return &Handler{Now: time.Now, lookup: lookup, signer: signer, log: log}
}

// What is wrong with a request, besides the errors of Answer.
var (
	errInsecure  = errors.New("plain http")
	errNotForm   = errors.New("the body is no form")
	errBody      = errors.New("the body did not arrive whole")
	errNoAddress = errors.New("no address")
	errMalformed = errors.New("malformed address")
)

// ServeHTTP answers GET, HEAD and POST. If the last element of the path is qr.png or qr.svg it answers with the code of the link,
// else with the profile, so that it can stand at any path.
//
// Everything goes over https, the code as well: on its way over plain http somebody could put another server into it, and people
// are asked for their password next. Nobody may keep an answer, since it holds the address.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	a, err := readAddress(r)
	if err != nil {
		h.refuse(w, err)
		return
	}
	found, err := edge.Find(h.lookup, r, a)
	if err != nil {
		h.refuse(w, err)
		return
	}
	p, err := newProfile(found, a)
	if err != nil {
		h.refuse(w, err)
		return
	}
	host := edge.OwnHost(h.lookup, r, settings.AutoconfigPrefix, found.Domain)
	switch file := path.Base(r.URL.Path); {
	case r.URL.Scheme == "http":
		redirect(w, host, file, a)
	case file == "qr.png" || file == "qr.svg":
		h.writeCode(w, host, file, a)
	default:
		h.writeProfile(w, r, found, p)
	}
}

// readAddress reads the address of a request from its query, or from its form if it is a POST.
func readAddress(r *http.Request) (settings.Address, error) {
	var values url.Values // a parameter that cannot be read is one not given
	switch {
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		// A plus sign is meant as one: links are often made without percent-encoding. The last character may be the space after
		// an address that was pasted into a form.
		values, _ = url.ParseQuery(strings.ReplaceAll(strings.TrimRight(r.URL.RawQuery, "+"), "+", "%2B"))
	case r.URL.Scheme == "http":
		return settings.Address{}, errInsecure // a redirect would lose the form, or send it where nobody expects it
	default:
		if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/x-www-form-urlencoded" {
			return settings.Address{}, errNotForm
		}
		body, err := io.ReadAll(r.Body)
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			return settings.Address{}, err
		}
		if err != nil {
			return settings.Address{}, errBody
		}
		values, _ = url.ParseQuery(string(body))
	}
	text := strings.TrimSpace(values.Get("emailaddress")) // as automx2's links have it
	if text == "" {
		text = strings.TrimSpace(values.Get("email")) // as Mailu's have it
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

// redirect sends a GET over plain http to https. Location is made of the host and what was understood of the rest.
func redirect(w http.ResponseWriter, host, file string, a settings.Address) {
	target := Path
	if file == "qr.png" || file == "qr.svg" {
		target += "/" + file
	}
	w.Header().Set("Location", link(host, target, a))
	w.WriteHeader(http.StatusFound)
}

func (h *Handler) writeCode(w http.ResponseWriter, host, file string, a settings.Address) {
	code, err := newCode(host, a)
	if err != nil { // longer than 2 KB: no host and address are
		h.refuse(w, err)
		return
	}
	if file == "qr.svg" {
		write(w, "image/svg+xml", svg(code, "QR code of the link to the mail settings for "+a.String()))
		return
	}
	write(w, "image/png", code.PNG())
}

// writeProfile answers with the profile, signed if possible. Where signing fails it goes out unsigned: the device marks it so, and
// the person can still set up their mail, which they came for. The log tells the admin.
func (h *Handler) writeProfile(w http.ResponseWriter, r *http.Request, found settings.Found, p *profile) {
	document, err := p.encode()
	if err != nil { // of a type that the library does not know, which nothing in a profile is
		h.refuse(w, err)
		return
	}
	w.Header().Set("Content-Disposition", `attachment; filename="`+string(found.Domain)+`.mobileconfig"`)
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", contentType)
		return // signing takes time, and the length is not the same twice
	}
	if h.signer != nil {
		if signed, err := h.sign(r.Host, document); err == nil {
			document = signed
		} else {
			h.complain(err)
		}
	}
	write(w, contentType, document)
}

// contentType is the profile's. With any other, or a charset behind it, Safari saves a file instead of offering to install it.
const contentType = "application/x-apple-aspen-config"

func (h *Handler) sign(host string, document []byte) ([]byte, error) {
	certificate, err := h.signer(host)
	if err != nil {
		return nil, err
	}
	return sign(document, certificate, h.Now())
}

// complain logs why a profile is not signed, once a minute at most: people may ask often.
func (h *Handler) complain(err error) {
	now, last := h.Now().Unix(), h.unsigned.Load()
	if now-last >= 60 && h.unsigned.CompareAndSwap(last, now) {
		h.log.Error("profiles go out unsigned, and devices say so; give a certificate that can sign them", "error", err)
	}
}

// refuse answers with a plain sentence. It repeats nothing of the request.
func (h *Handler) refuse(w http.ResponseWriter, err error) {
	status, text := http.StatusBadRequest, ""
	tooLarge := new(http.MaxBytesError)
	switch {
	case errors.Is(err, errNoAddress):
		text = "Whose mail is it about? Put the address at the end of the link: ?emailaddress=you@example.com"
	case errors.Is(err, errMalformed), errors.Is(err, ErrAddress):
		text = "This is not an e-mail address. It should look like you@example.com."
	case errors.Is(err, errBody):
		text = "The request did not arrive whole. Please try again."
	case errors.Is(err, errInsecure):
		status = http.StatusForbidden
		text = "Profiles are only sent over an encrypted connection. Please use the same address with https:// in front."
	case errors.Is(err, errNotForm):
		status, text = http.StatusUnsupportedMediaType, "Please send the address as HTML forms do (application/x-www-form-urlencoded)."
	case errors.As(err, &tooLarge):
		status, text = http.StatusRequestEntityTooLarge, "The request is too large."
	case errors.Is(err, ErrNoPassword):
		status = http.StatusNotFound
		text = "There is no profile for this domain: its mail servers do not take a password from mail programs, but have you sign in " +
			"another way, which a profile cannot describe. Please add the account on your device by hand: in the settings, under " +
			"Mail, choose Add Account."
	case errors.Is(err, ErrNoServers):
		status = http.StatusNotFound
		text = "There is no profile for this domain: it needs a server to read mail from and one to send it through, and this " +
			"domain does not have both."
	default:
		edge.Fail(w, h.log, err, edge.NotFound)
		return
	}
	edge.Text(w, status, text)
}

func write(w http.ResponseWriter, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body) // as above
}
