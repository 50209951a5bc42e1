package server

import (
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/gorilla/mux"

	"mailhint/settings"
)

// visit is everything that is kept for one request, in one piece of memory that is used again for a later one. Handlers must not keep any
// of it when they return. It is also the http.ResponseWriter that they write to.
type visit struct {
	http.ResponseWriter
	status  int // 0 until the header is written
	start   time.Time
	request http.Request // the normalised copy
	url     url.URL
	match   mux.RouteMatch
	route   *route
	client  client
	from    netip.Addr      // who asks; the zero Addr if that is not known
	domain  settings.Domain // that is answered for; empty if none was found
	body    body
	// unlogged is true for a request that gets no line in the log.
	unlogged bool
}

var visits = sync.Pool{New: func() any { return new(visit) }}

// release gives a visit back for a later request.
func (v *visit) release() {
	vars, data := v.match.Vars, v.body.data
	*v = visit{}
	v.match.Vars = vars // mux would make a map for each request, and no row of the table puts anything into it
	if cap(data) <= maxKeptBody {
		v.body.data = data
	}
	visits.Put(v)
}

// WriteHeader records the status.
func (v *visit) WriteHeader(status int) {
	if v.status == 0 && status >= 200 { // 1xx come before the answer
		v.status = status
	}
	v.ResponseWriter.WriteHeader(status)
}

func (v *visit) Write(p []byte) (int, error) {
	if v.status == 0 {
		v.status = http.StatusOK
	}
	return v.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (v *visit) Unwrap() http.ResponseWriter { return v.ResponseWriter }

// RecordDomain records which domain is answered for. With ClientAddr it makes visit an edge.Visit.
func (v *visit) RecordDomain(d settings.Domain) { v.domain = d }

// ClientAddr returns the address in RemoteAddr; the zero Addr if there is none.
func (v *visit) ClientAddr() netip.Addr { return v.from }

// line is the line of the log for a visit that took so long.
func (v *visit) line(took time.Duration) requestLine {
	domain := v.domain
	if domain == "" { // there was nothing to answer: an address may name any domain, but the host does not identify a person
		domain = settings.DomainOfHost(v.request.Host)
	}
	return requestLine{
		ended:    v.start.Add(took),
		status:   v.status,
		method:   knownMethod(v.request.Method),
		domain:   domain,
		duration: took,
	}
}
