package templates

import (
	"net/http"
	"strconv"
	"strings"
)

// Serve answers a request with the filled document. An answer that may be kept (cache says not "no-store") carries an entity
// tag, and a client that has it already gets 304 and no body.
func (d *Document) Serve(w http.ResponseWriter, r *http.Request, cache string, values []string) {
	header := w.Header()
	header.Set("Content-Type", "text/xml; charset=utf-8") // Thunderbird compares the beginning, in lower case
	header.Set("Cache-Control", cache)
	if !strings.Contains(cache, "no-store") {
		tag := d.Tag(values)
		header.Set("ETag", tag)
		if known := r.Header.Get("If-None-Match"); known != "" && (known == "*" || strings.Contains(known, tag)) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	body := d.Fill(values)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body) // the client is gone if this fails; the server's log tells the status
}
