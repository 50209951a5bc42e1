package autodiscover

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"mailhint/edge"
	"mailhint/settings"
)

// location is the answer of the second version: where a protocol is served. It has exactly these two members; more would confuse
// Microsoft's AutoDetect.
type location struct {
	Protocol string
	URL      string `json:"Url"`
}

// jsonError is the answer to a request that cannot be answered, made once.
type jsonError struct {
	status int
	body   []byte
}

// newJSONError makes the answer with a code that Exchange Online uses. The message repeats nothing of a request.
func newJSONError(status int, code, message string) *jsonError {
	return &jsonError{status, encodeJSON(struct{ ErrorCode, ErrorMessage string }{code, message})}
}

var (
	missingAddress  = newJSONError(http.StatusBadRequest, "MandatoryParameterMissing", "The parameter Email must be a valid e-mail address.")
	missingProtocol = newJSONError(http.StatusBadRequest, "MissingProtocol", "The parameter Protocol is missing; an example is AutodiscoverV1.")
	noSuchProtocol  = newJSONError(http.StatusBadRequest, "ProtocolNotSupported", "This protocol is not offered for this domain. Try AutodiscoverV1.")
	unknownDomain   = newJSONError(http.StatusNotFound, "DomainNotFound", edge.NotFound)
	unavailable     = newJSONError(http.StatusServiceUnavailable, "ServiceUnavailable", edge.Unavailable)
	fault           = newJSONError(http.StatusInternalServerError, "InternalServerError", edge.Fault)
)

// JSON returns the handler of Autodiscover's second version, which says where a protocol is served, one at a time. It has no word for
// IMAP or SMTP: new Outlook, Outlook for phones and Apple Mail use it to find the first version, or an Exchange server.
//
// ActiveSync and EWS servers are named only if they are configured: AutoDetect would connect to them, and phones would stop looking for
// IMAP.
func (h *Handler) JSON() http.Handler { return http.HandlerFunc(h.serveJSON) }

func (h *Handler) serveJSON(w http.ResponseWriter, r *http.Request) {
	if r.URL.Scheme == "http" { // Outlook never does this, and the answer could not be trusted
		edge.Text(w, http.StatusNotFound, edge.NotFound)
		return
	}
	address, protocol := readJSONQuery(r)
	a, err := settings.ParseAddress(address)
	if err != nil {
		failJSON(w, missingAddress)
		return
	}
	found, p, err := h.find(w, r, a)
	if err != nil {
		failJSON(w, h.jsonErrorFor(err))
		return
	}
	if protocol == "" {
		failJSON(w, missingProtocol)
		return
	}
	answer, ok := p.locate(found, edge.OwnHost(h.lookup, r, settings.AutodiscoverPrefix, found.Domain), protocol)
	if !ok {
		failJSON(w, noSuchProtocol)
		return
	}
	writeJSON(w, http.StatusOK, encodeJSON(answer))
}

// readJSONQuery returns the address and the protocol of a request. Clients write the parameters' names in different letter cases.
func readJSONQuery(r *http.Request) (address, protocol string) {
	parameters, _ := url.ParseQuery(r.URL.RawQuery) // a parameter that cannot be decoded counts as missing
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		switch value := parameters[name][0]; {
		case strings.EqualFold(name, "Email"):
			address = strings.ReplaceAll(value, " ", "+") // it was sent without percent-encoding
		case strings.EqualFold(name, "Protocol"):
			protocol = value
		}
	}
	if inPath, ok := strings.CutPrefix(r.URL.Path, JSONPathWithAddress+"/"); ok {
		address = inPath
	}
	return address, protocol
}

// errNotOffered is settings.ErrNotExpressible for a protocol that the domain does not offer.
var errNotOffered = fmt.Errorf("the Autodiscover format %w: this protocol is not offered", settings.ErrNotExpressible)

// AnswerJSON returns the second version's answer for a protocol, as a client gets it under the domain's own name. It returns
// settings.ErrNotExpressible if the domain does not offer the protocol.
func AnswerJSON(found settings.Found, protocol string) ([]byte, error) {
	p, err := prepare(found.Common())
	if err != nil {
		return nil, err
	}
	answer, ok := p.locate(found, Host(found.Domain), protocol)
	if !ok {
		return nil, errNotOffered
	}
	return encodeJSON(answer), nil
}

// locate returns where a protocol is served for a domain, with Microsoft's spelling of its name; host is our own, for the first version.
// Letter case does not matter.
func (p *prepared) locate(found settings.Found, host, protocol string) (location, bool) {
	expand := func(p settings.Pattern) string { return p.Expand(string(found.Domain), string(found.Primary)) }
	switch strings.ToLower(protocol) {
	case "autodiscoverv1":
		if found.AutodiscoverRedirect != "" {
			return location{"AutodiscoverV1", found.AutodiscoverRedirect}, true
		}
		return location{"AutodiscoverV1", "https://" + host + Path}, p.personal != nil || p.mobilesync != nil
	case "activesync":
		return location{"ActiveSync", expand(found.ActiveSync)}, found.ActiveSync != ""
	case "ews":
		return location{"Ews", expand(found.EWS)}, found.EWS != ""
	}
	return location{}, false
}

// jsonErrorFor puts an error of find into the format's words.
func (h *Handler) jsonErrorFor(err error) *jsonError {
	switch edge.Status(err) {
	case http.StatusNotFound:
		return unknownDomain
	case http.StatusServiceUnavailable:
		return unavailable
	}
	edge.LogFault(h.log, err)
	return fault
}

func failJSON(w http.ResponseWriter, e *jsonError) {
	if e == unavailable {
		w.Header().Set("Retry-After", edge.RetryAfter)
	}
	writeJSON(w, e.status, e.body)
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", edge.NoStore)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body) // the client is gone if this fails
}

// encodeJSON encodes an answer without escaping "&" and without a line end.
func encodeJSON(answer any) []byte {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(answer); err != nil {
		panic(err) // our own types can be encoded
	}
	return bytes.TrimSuffix(body.Bytes(), []byte("\n"))
}
