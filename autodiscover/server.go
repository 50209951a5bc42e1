package autodiscover

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"

	"mailhint/settings"
	"mailhint/templates"
)

// Handler answers Autodiscover requests for one state of the domains. It expects requests as package server hands them on: Host
// in lower case without port, RemoteAddr the client's, URL.Scheme the one the client used.
type Handler struct {
	// ID identifies this server in error answers ([MS-ASCMD] section 2.2.3.92); Microsoft uses a hash of the host name.
	ID uint32
	// Now is the clock of error answers.
	Now func() time.Time

	lookup    settings.Lookup
	documents map[*settings.Settings]*prepared
}

// New prepares the documents for all settings that lookup can find.
func New(lookup settings.Lookup, all iter.Seq[*settings.Settings]) (*Handler, error) {
	h := &Handler{Now: time.Now, lookup: lookup, documents: make(map[*settings.Settings]*prepared)}
	for s := range all {
		p, err := prepare(s)
		if err != nil {
			return nil, err
		}
		h.documents[s] = p
	}
	return h, nil
}

// ServeHTTP answers POST as the protocol says, and GET and HEAD for programs that ask without a body. Over plain http it sends
// every request to https and tells nothing. It never answers 401, which makes programs ask for a password.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Scheme == "http":
		h.redirect(w, r)
	case r.Method == http.MethodPost:
		h.post(w, r)
	default:
		h.get(w, r)
	}
}

// redirect answers plain http: the standard way for a hoster who has no certificate for a customer's name is to have that name
// answer here. Location must be absolute: Delta Chat takes it verbatim.
func (h *Handler) redirect(w http.ResponseWriter, r *http.Request) {
	found, ok := h.lookup(settings.Ask(r.Host, r.RemoteAddr, settings.Address{}))
	if !ok {
		notFound(w)
		return
	}
	target := found.AutodiscoverRedirect
	if target == "" {
		target = "https://" + r.Host + Path
	}
	found302(w, target)
}

// get answers for the Host's domain, without anything personal: Delta Chat (2.57.0) sends nothing but GET without an address.
// An unknown domain is a 404, because Delta Chat takes any document with status 200 for an answer.
func (h *Handler) get(w http.ResponseWriter, r *http.Request) {
	found, ok := h.lookup(settings.Ask(r.Host, r.RemoteAddr, settings.Address{}))
	if !ok {
		notFound(w)
		return
	}
	if found.AutodiscoverRedirect != "" {
		found302(w, found.AutodiscoverRedirect)
		return
	}
	p := h.documents[found.Settings]
	if p.anonymous == nil {
		notFound(w)
		return
	}
	cache := "public, max-age=3600"
	if found.Varies {
		cache = "private, no-store"
	}
	p.anonymous.Serve(w, r, cache, p.values(found, settings.Address{}))
}

// post answers the protocol's own request. All errors have status 200 and an Error element ([MS-OXDSCLI] section 3.2.5): with
// any other status, clients take this for no Autodiscover server and go on to guess.
func (h *Handler) post(w http.ResponseWriter, r *http.Request) {
	const most = 64 << 10 // the server takes no longer ones
	var body bytes.Buffer
	body.Grow(int(min(max(r.ContentLength, 0), most)) + bytes.MinRead) // io.ReadAll would leave several times as much to be collected
	_, err := body.ReadFrom(r.Body)                                    // not ParseForm: FairEmail's Content-Type says that the body is a form
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		http.Error(w, "The request is too large.", http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, "The request did not arrive whole.", http.StatusBadRequest)
		return
	}
	req, err := parseRequest(body.Bytes())
	if err != nil {
		h.fail(w, r, req, invalidRequest)
		return
	}
	address, err := settings.ParseAddress(req.address)
	if err != nil {
		h.fail(w, r, req, invalidRequest)
		return
	}
	found, ok := h.lookup(settings.Ask(r.Host, r.RemoteAddr, address))
	if !ok {
		h.fail(w, r, req, unknownAddress)
		return
	}
	if found.AutodiscoverRedirect != "" {
		found302(w, found.AutodiscoverRedirect)
		return
	}
	p := h.documents[found.Settings]
	document, failure := p.choose(req, address, isFairEmail(r))
	if document == nil {
		h.fail(w, r, req, failure)
		return
	}
	document.Serve(w, r, "no-store", p.values(found, address))
}

// isFairEmail recognises FairEmail (August 2026), which keeps the last Protocol of a type, so that it would end up with the
// fallback. Its User-Agent is a browser's, but it sets no Content-Type, and Android then calls the body a form. Nobody else does,
// besides curl.
func isFairEmail(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
}

// The response schemas that have an answer, without their common beginning. Others are refused.
const (
	schemaPrefix     = "http://schemas.microsoft.com/exchange/autodiscover/"
	schemaOutlook    = "outlook/responseschema/2006a" // Outlook, Thunderbird, FairEmail
	schemaOutlookOld = "outlook/responseschema/2006"  // very old Outlook; it reads the later answer
	schemaMobilesync = "mobilesync/responseschema/2006"
)

// choose returns the document for the schema asked for, or why there is none.
func (p *prepared) choose(req request, a settings.Address, fairEmail bool) (*templates.Document, failure) {
	schema := req.schema
	if schema == "" && req.mobilesync {
		schema = schemaPrefix + schemaMobilesync
	}
	switch schema {
	case schemaPrefix + schemaMobilesync:
		if p.mobilesync != nil && !a.Plausible() {
			return nil, invalidRequest
		}
		return p.mobilesync, noProvider
	case "", schemaPrefix + schemaOutlook, schemaPrefix + schemaOutlookOld:
		return p.forAddress(a, fairEmail), nothingConfigured
	}
	return nil, noProvider
}

// failure is an ErrorCode with the message that goes with it. Messages repeat nothing of the request.
type failure struct {
	code    int
	message string
}

// The failures ([MS-OXDSCLI] section 2.2.4.1.1.3, ErrorCode).
var (
	unknownAddress    = failure{500, "The email address can't be found."}
	nothingConfigured = failure{501, "No mail service is configured for this address."}
	invalidRequest    = failure{600, "Invalid Request"}
	noProvider        = failure{601, "Provider is not available"}
)

// fail writes an Error answer. Thunderbird and exchangelib want the Response element, and ActiveSync clients its namespace.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, req request, f failure) {
	document := plainError
	if req.mobilesync || req.schema == schemaPrefix+schemaMobilesync {
		document = mobilesyncError
	}
	document.Serve(w, r, "no-store", errorValues(h.Now(), h.ID, f))
}

func found302(w http.ResponseWriter, target string) {
	w.Header().Set("Location", target)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusFound)
}

// notFound answers for a domain that is not known, or not to this client's network: nobody may keep that.
func notFound(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	io.WriteString(w, "No mail settings are published here for this domain.\n")
}
