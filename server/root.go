package server

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"strings"

	"mailhint/edge"
	"mailhint/templates"
)

// root answers at "/", for load balancers that ask there whether the server works, and for people who enter the host name into a browser.
// GET, HEAD and OPTIONS get status 200, the usual questions of load balancers; other methods are for services that are not here.
func root() http.HandlerFunc {
	page := templates.Text("root.html.tmpl")
	policy := rootPolicy(page)
	return func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			h := w.Header()
			h.Set("Content-Type", "text/html; charset=utf-8")
			h.Set("Content-Security-Policy", policy)
			h.Set("Cache-Control", edge.Public)
			h.Set("Content-Length", strconv.Itoa(len(page)))
			io.WriteString(w, page) // the client is gone if this fails
		case http.MethodOptions:
			w.Header().Set("Allow", read.allow())
			w.Header().Set("Content-Length", "0")
		default:
			notFound(w, r)
		}
	}
}

// rootPolicy allows the page its own style and nothing else.
func rootPolicy(page string) string {
	_, style, _ := strings.Cut(page, "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	return policy[0] + "; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
