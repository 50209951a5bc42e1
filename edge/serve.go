package edge

import (
	"net/http"
	"strconv"
	"strings"
	"sync"

	"mailhint/templates"
)

// xmlType is the Content-Type of every XML document, made once. Thunderbird compares its beginning, in lower case.
var xmlType = []string{"text/xml; charset=utf-8"}

// bodies are buffers for filled documents. net/http copies what is written to it, so that one serves many requests.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

// maxKept bounds the buffers that are kept, so that one long login name does not make them large for ever.
const maxKept = 16 << 10

// values are the header fields of one answer, in a single piece of memory. They are not used again: net/http's copy of a header refers to
// them until it is written.
type values struct{ cacheControl, tag, length [1]string }

// Serve answers a request with a filled document. An answer that may be cached (cacheControl does not end with "no-store") has an
// entity tag, and a client that has it already gets 304 and no body.
//
// Names of headers are written as they appear on the wire and go into the map directly: finding their canonical form would be a
// tenth of the work.
func Serve(w http.ResponseWriter, r *http.Request, d *templates.Document, cacheControl string, fill []string) {
	header := w.Header()
	v := &values{cacheControl: [1]string{cacheControl}}
	header["Cache-Control"] = v.cacheControl[:]
	if !strings.HasSuffix(cacheControl, "no-store") {
		v.tag[0] = d.Tag(fill)
		header["Etag"] = v.tag[:]
		if HasTag(r, v.tag[0]) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	body := bodies.Get().(*[]byte)
	*body = d.Append((*body)[:0], fill)
	v.length[0] = strconv.Itoa(len(*body))
	header["Content-Type"] = xmlType
	header["Content-Length"] = v.length[:]
	w.Write(*body) // the client is gone if this fails; the server's log shows the status
	if cap(*body) <= maxKept {
		bodies.Put(body)
	}
}

// HasTag reports whether a request's If-None-Match lists an entity tag (RFC 9110 section 13.1.2): the client has the answer already.
// The comparison is the weak one, so that the W/ that nginx puts in front when it compresses does not matter.
func HasTag(r *http.Request, tag string) bool {
	for _, list := range r.Header["If-None-Match"] {
		if strings.TrimSpace(list) == "*" || strings.Contains(list, tag) { // the quotes are part of a tag
			return true
		}
	}
	return false
}
