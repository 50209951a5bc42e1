package autodiscover

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"mailhint/edge"
	"mailhint/settings"
	"mailhint/templates"
)

// Handler answers Autodiscover requests. It expects requests as package server passes them on; see package edge.
type Handler struct {
	// ID identifies this server in error answers ([MS-ASCMD] section 2.2.3.92); Microsoft uses a hash of the host name.
	ID uint32
	// Now is the clock of error answers.
	Now func() time.Time

	lookup    settings.Lookup
	documents *edge.Documents[*prepared]
	log       *slog.Logger
}

// New returns a Handler for the domains that lookup finds.
func New(lookup settings.Lookup, log *slog.Logger) *Handler {
	return &Handler{Now: time.Now, lookup: lookup, documents: edge.NewDocuments(prepare), log: log}
}

// find returns the settings for a request and an address, and the documents made of them.
func (h *Handler) find(r *http.Request, a settings.Address) (settings.Found, *prepared, error) {
	found, err := edge.Find(h.lookup, r, a)
	if err != nil {
		return found, nil, err
	}
	p, err := h.documents.Of(found.Settings)
	return found, p, err
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
	found, err := edge.Find(h.lookup, r, settings.Address{})
	if err != nil {
		edge.Fail(w, h.log, err, edge.NotFound)
		return
	}
	target := found.AutodiscoverRedirect
	if target == "" {
		target = "https://" + r.Host + Path
	}
	edge.Redirect(w, target, http.StatusFound, edge.NoStore)
}

// get answers for the Host's domain, without anything personal: Delta Chat (2.57.0) sends nothing but GET without an address.
// An unknown domain is a 404, because Delta Chat takes any document with status 200 for an answer.
func (h *Handler) get(w http.ResponseWriter, r *http.Request) {
	found, p, err := h.find(r, settings.Address{})
	switch {
	case err != nil:
		edge.Fail(w, h.log, err, edge.NotFound)
	case found.AutodiscoverRedirect != "":
		edge.Redirect(w, found.AutodiscoverRedirect, http.StatusFound, edge.NoStore)
	case p.anonymous == nil:
		edge.Text(w, http.StatusNotFound, edge.NotFound)
	default:
		edge.Serve(w, r, p.anonymous, edge.CacheControl(found), p.values(found, settings.Address{}))
	}
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
	found, p, err := h.find(r, address)
	if err != nil {
		h.fail(w, r, req, h.failureFor(err))
		return
	}
	if found.AutodiscoverRedirect != "" {
		edge.Redirect(w, found.AutodiscoverRedirect, http.StatusFound, edge.NoStore)
		return
	}
	document, failure := p.choose(req, address, isFairEmail(r))
	if document == nil {
		h.fail(w, r, req, failure)
		return
	}
	edge.Serve(w, r, document, edge.NoStore, p.values(found, address))
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
	internalError     = failure{603, "The settings cannot be looked up right now."}
)

// failureFor puts an error of find into the format's words. There is none for an error that will pass: 603 says least.
func (h *Handler) failureFor(err error) failure {
	switch edge.Status(err) {
	case http.StatusNotFound:
		return unknownAddress
	case http.StatusInternalServerError:
		edge.LogFault(h.log, err)
	}
	return internalError
}

// fail writes an Error answer. Thunderbird and exchangelib want the Response element, and ActiveSync clients its namespace.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, req request, f failure) {
	document := plainError
	if req.mobilesync || req.schema == schemaPrefix+schemaMobilesync {
		document = mobilesyncError
	}
	edge.Serve(w, r, document, edge.NoStore, errorValues(h.Now(), h.ID, f))
}
