package autodiscover

import (
	"errors"
	"io"
	"iter"
	"net/http"
	"strconv"
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

// Path is where programs ask, in our spelling.
const Path = "/autodiscover/autodiscover.xml"

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
	body, err := io.ReadAll(r.Body) // not ParseForm: FairEmail's Content-Type says that the body is a form
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		http.Error(w, "The request is too large.", http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, "The request did not arrive whole.", http.StatusBadRequest)
		return
	}
	req, err := parseRequest(body)
	if err != nil {
		h.fail(w, req, invalidRequest)
		return
	}
	address, err := settings.ParseAddress(req.address)
	if err != nil {
		h.fail(w, req, invalidRequest)
		return
	}
	found, ok := h.lookup(settings.Ask(r.Host, r.RemoteAddr, address))
	if !ok {
		h.fail(w, req, unknownAddress)
		return
	}
	if found.AutodiscoverRedirect != "" {
		found302(w, found.AutodiscoverRedirect)
		return
	}
	p := h.documents[found.Settings]
	document, failure := p.choose(req, address)
	if document == nil {
		h.fail(w, req, failure)
		return
	}
	document.Serve(w, r, "no-store", p.values(found, address))
}

// The response schemas that have an answer, without their common beginning. Others are refused.
const (
	schemaPrefix     = "http://schemas.microsoft.com/exchange/autodiscover/"
	schemaOutlook    = "outlook/responseschema/2006a" // Outlook, Thunderbird, FairEmail
	schemaOutlookOld = "outlook/responseschema/2006"  // very old Outlook; it reads the later answer
	schemaMobilesync = "mobilesync/responseschema/2006"
)

// choose returns the document for the schema asked for, or why there is none.
func (p *prepared) choose(req request, a settings.Address) (*templates.Document, failure) {
	schema, known := strings.CutPrefix(req.schema, schemaPrefix)
	switch {
	case schema == "" && req.mobilesync, known && schema == schemaMobilesync:
		if p.mobilesync != nil && !a.Plausible() {
			return nil, invalidRequest
		}
		return p.mobilesync, noProvider
	case schema == "", known && (schema == schemaOutlook || schema == schemaOutlookOld):
		return p.forAddress(a), nothingConfigured
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
func (h *Handler) fail(w http.ResponseWriter, req request, f failure) {
	namespace := ""
	if req.mobilesync || req.schema == schemaPrefix+schemaMobilesync {
		namespace = schemaPrefix + schemaMobilesync
	}
	document, err := errorTemplate.Prepare(map[string]any{
		"Namespace": namespace,
		"Time":      h.Now().UTC().Format("15:04:05.0000000"), // [MS-ASCMD] section 2.2.3.63
		"ID":        h.ID,
		"ErrorCode": f.code,
		"Message":   f.message,
	})
	if err != nil {
		panic(err) // the template and its data are ours alone
	}
	body := document.Fill(nil)
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body) // the client is gone if this fails
}

func found302(w http.ResponseWriter, target string) {
	w.Header().Set("Location", target)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusFound)
}

func notFound(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	io.WriteString(w, "No mail settings are published here for this domain.\n")
}
