package autodiscover

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
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

// find returns the settings for a request with an address, or for the Host's domain if the address is zero, and the documents made of them.
func (h *Handler) find(w http.ResponseWriter, r *http.Request, a settings.Address) (settings.Found, *prepared, error) {
	find := edge.FindPerson
	if a.IsZero() {
		find = edge.Find
	}
	found, err := find(w, h.lookup, r, a)
	if err != nil {
		return found, nil, err
	}
	p, err := h.documents.Of(found.Common())
	return found, p, err
}

// ServeHTTP answers POST as the protocol says, and GET and HEAD for clients that send no body. Over plain http it redirects every
// request to https and reveals nothing.
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

// redirect answers plain http. Hosters without a certificate for a customer's name rely on it: the name answers on port 80 and
// redirects to a name that has a certificate. The Location must be absolute: Delta Chat uses it verbatim.
func (h *Handler) redirect(w http.ResponseWriter, r *http.Request) {
	found, err := edge.Find(w, h.lookup, r, settings.Address{})
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

// get answers for the Host's domain, without anything personal: Delta Chat (2.57.0) sends only GET, without an address. For an unknown
// domain it gets 404, because it accepts any document with status 200 as an answer.
func (h *Handler) get(w http.ResponseWriter, r *http.Request) {
	found, p, err := h.find(w, r, settings.Address{})
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

// bodies are buffers for the bodies of requests, of which nothing is kept.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxKept bounds the buffers that are kept, so that one large request does not make them large for ever.
const maxKept = 16 << 10

// post answers the protocol's own request. Errors have status 200 and an Error element ([MS-OXDSCLI] section 3.2.5): with any other
// status, clients conclude that this is not an Autodiscover server and start guessing.
func (h *Handler) post(w http.ResponseWriter, r *http.Request) {
	body := bodies.Get().(*bytes.Buffer)
	defer func() {
		if body.Reset(); body.Cap() <= maxKept {
			bodies.Put(body)
		}
	}()
	_, err := body.ReadFrom(r.Body) // not ParseForm: FairEmail's Content-Type says that the body is a form
	if err != nil {
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			edge.Text(w, http.StatusRequestEntityTooLarge, "The request is too large.")
			return
		}
		edge.Text(w, http.StatusBadRequest, "The request is incomplete.")
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
	found, p, err := h.find(w, r, address)
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
	if document != p.mobilesync && document != p.anonymous { // these have no login name
		found = edge.FindNames(w, r, found, address)
	}
	edge.Serve(w, r, document, edge.NoStore, p.values(found, address))
}

// isFairEmail recognises FairEmail (August 2026), which keeps the last Protocol of each type, and would therefore use the fallback. Its
// User-Agent is a browser's, but it sets no Content-Type, for which Android substitutes that of a form. Apart from curl, no other client
// sends this.
func isFairEmail(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
}

// The response schemas that are answered, in lower case and without their common prefix. Others are refused.
const (
	schemaPrefix        = "http://schemas.microsoft.com/exchange/autodiscover/"
	schemaOutlook       = "outlook/responseschema/2006a" // Outlook, Thunderbird, FairEmail
	schemaOutlookOld    = "outlook/responseschema/2006"  // very old Outlook, which can read the answer for the later schema
	schemaMobilesync    = "mobilesync/responseschema/2006"
	schemaMobilesyncOdd = "mobilesync/responseschema/2006a" // hand-made; its meaning is clear
	schemaForeign       = "foreign"
)

// responseSchema returns what follows the common prefix in the requested schema, or the default if none is requested; schemaForeign if it
// does not have the prefix. Letter case does not matter, and neither does https in place of http: Microsoft's documentation prints the
// schemas in both ways.
func (req request) responseSchema() string {
	switch {
	case req.schema != "":
	case req.mobilesync:
		return schemaMobilesync
	default:
		return schemaOutlook
	}
	if rest, ok := strings.CutPrefix(req.schema, schemaPrefix); ok { // as nearly all clients write it
		return strings.ToLower(rest)
	}
	schema := strings.ToLower(req.schema)
	if rest, ok := strings.CutPrefix(schema, "https:"); ok {
		schema = "http:" + rest
	}
	schema, ok := strings.CutPrefix(schema, schemaPrefix)
	if !ok {
		return schemaForeign
	}
	return schema
}

// choose returns the document for the requested schema, or the failure if there is none.
func (p *prepared) choose(req request, a settings.Address, fairEmail bool) (*templates.Document, failure) {
	switch req.responseSchema() {
	case schemaMobilesync, schemaMobilesyncOdd:
		if p.mobilesync != nil && !a.Plausible() {
			return nil, invalidRequest
		}
		return p.mobilesync, noProvider
	case schemaOutlook, schemaOutlookOld:
		return p.forAddress(a, fairEmail), nothingConfigured
	}
	return nil, noProvider
}

// failure is an ErrorCode and its message, which repeats nothing of the request.
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

// failureFor translates an error of find. The format has no code for a temporary error; 603 claims the least.
func (h *Handler) failureFor(err error) failure {
	switch edge.Status(err) {
	case http.StatusNotFound:
		return unknownAddress
	case http.StatusInternalServerError:
		edge.LogFault(h.log, err)
	}
	return internalError
}

// fail answers with an Error. Thunderbird and exchangelib require the Response element, and ActiveSync clients its namespace.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, req request, f failure) {
	document := plainError
	if req.mobilesync || strings.HasPrefix(req.responseSchema(), "mobilesync/") {
		document = mobilesyncError
	}
	edge.Serve(w, r, document, edge.NoStore, errorValues(h.Now(), h.ID, f))
}
