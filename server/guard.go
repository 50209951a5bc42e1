package server

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// guard is the outermost handler: it normalises each request, limits it, and counts and logs how it ended. It wraps the router, because
// gorilla/mux skips its own middleware when nothing matches.
type guard struct {
	log      *slog.Logger
	metrics  *metrics
	router   *router
	stopping *atomic.Bool
	scheme   string         // of requests at this listener: "http" or "https"
	byPort   bool           // the port that the client connected to decides instead, if it is a usual one
	proxies  []netip.Prefix // whose X-Forwarded headers are trusted
	repeats  *repeats       // nil for no limit
	unknown  *unknownClients
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v := visits.Get().(*visit)
	v.ResponseWriter, v.start, v.route, v.client = w, time.Now(), g.router.unmatched, clientOf(r)
	g.metrics.inFlight.Add(1)
	defer g.end(v)

	v.normalise(r, g.schemeOf(r), g.proxies)
	v.route = g.router.find(&v.request, &v.match)
	if v.request.RemoteAddr == "" {
		g.unknown.warn(v.route, g.log)
	}
	setCommon(w.Header(), g.stopping.Load())
	switch r.Body {
	case http.NoBody:
	case nil: // only in tests; never from the network
		v.request.Body = http.NoBody
	default:
		v.request.Body = http.MaxBytesReader(w, r.Body, g.router.maxBody)
	}
	switch {
	case !g.allow(v):
		tooOften(v)
	case r.Method == http.MethodConnect, r.Method == http.MethodTrace:
		// CONNECT is for proxies. TRACE would send back what the client sent, including credentials.
		methodNotAllowed(v, readOrPost.allow())
	case r.Method == http.MethodOptions && r.RequestURI == "*":
		v.Header().Set("Allow", readOrPost.allow())
		v.WriteHeader(http.StatusNoContent)
	default:
		v.route.ServeHTTP(v, &v.request)
	}
}

// allow reports whether to answer a request that its client may have repeated too often.
func (g *guard) allow(v *visit) bool {
	if g.repeats == nil {
		return true
	}
	ok, first := g.repeats.allow(v)
	v.unlogged = !ok && !first // a client that never stops would fill the log
	return ok
}

func (g *guard) schemeOf(r *http.Request) string {
	if g.byPort {
		if scheme := schemeByPort(r); scheme != "" {
			return scheme
		}
	}
	return g.scheme
}

// schemeByPort returns how a request came to a proxy that does TLS and says with the PROXY protocol at which port; "" if the port does
// not show it.
func schemeByPort(r *http.Request) string {
	tcp, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return ""
	}
	switch tcp.Port {
	case 80:
		return "http"
	case 443:
		return "https"
	}
	return ""
}

// end runs when a request is done, also when its handler has panicked.
func (g *guard) end(v *visit) {
	defer g.metrics.inFlight.Add(-1)
	failure := recover()
	if failure != nil && failure != http.ErrAbortHandler {
		g.metrics.panics.Inc()
		g.log.Error("a handler panicked; this is a bug in mailhint, please report it with this text",
			"route", v.route.name, "panic", panicText(failure), "stack", string(debug.Stack()))
		if v.status == 0 {
			ourFault(v)
			failure = nil
		}
	}
	if v.status == 0 {
		v.status = http.StatusOK // the handler has written nothing, so net/http does
	}
	took := time.Since(v.start)
	o := v.route.metrics.outcome(v.status, v.client)
	o.counter.Inc()
	v.route.metrics.duration.Observe(took.Seconds())
	if !v.unlogged && o.logs() {
		o.log(v.line(took))
	}
	v.release()
	if failure != nil {
		panic(http.ErrAbortHandler) // closes the connection, so that half an answer is not taken for a complete one
	}
}

// panicText describes a panic without anything that a request may have put into it: an e-mail address must not reach the log.
func panicText(value any) string {
	switch v := value.(type) {
	case runtime.Error:
		return v.Error()
	case error:
		return "an error of type " + fmt.Sprintf("%T", v)
	}
	return "a value of type " + fmt.Sprintf("%T", value)
}
