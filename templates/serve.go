package templates

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// xmlType is the Content-Type of every document, made once. Thunderbird compares its beginning, in lower case.
var xmlType = []string{"text/xml; charset=utf-8"}

// bodies are buffers for filled documents. net/http copies what is written to it, so that one serves many requests.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

// maxKept bounds the buffers that are kept: a hostile login name must not make them large for ever.
const maxKept = 16 << 10

// Serve answers a request with the filled document. An answer that may be kept (cache says not "no-store") carries an entity
// tag, and a client that has it already gets 304 and no body.
//
// Names of headers are written as they appear on the wire and go into the map directly: finding their canonical form would be a
// tenth of the work.
func (d *Document) Serve(w http.ResponseWriter, r *http.Request, cache string, values []string) {
	header := w.Header()
	header["Cache-Control"] = []string{cache}
	if !strings.HasSuffix(cache, "no-store") {
		tag := d.Tag(values)
		header["Etag"] = []string{tag}
		if NamesTag(r, tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	body := bodies.Get().(*[]byte)
	*body = d.append((*body)[:0], values)
	header["Content-Type"] = xmlType
	header["Content-Length"] = []string{strconv.Itoa(len(*body))}
	w.Write(*body) // the client is gone if this fails; the server's log tells the status
	if cap(*body) <= maxKept {
		bodies.Put(body)
	}
}

// NamesTag reports whether a request's If-None-Match names an entity tag (RFC 9110 section 13.1.2): its client has the answer. The
// comparison is the weak one, so that W/ in front, which nginx adds when it compresses, does not matter.
func NamesTag(r *http.Request, tag string) bool {
	for _, list := range r.Header["If-None-Match"] {
		if strings.TrimSpace(list) == "*" || strings.Contains(list, tag) { // the quotes are part of a tag
			return true
		}
	}
	return false
}
