package server

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"mailhint/autoconfig"
	"mailhint/autodiscover"
	"mailhint/edge"
	"mailhint/mobileconfig"
	"mailhint/pacc"
	"mailhint/wellknown"
)

// table lists every public path. A path is in lower case, because the guard passes paths on in lower case (Outlook, exchangelib and others
// ask for /Autodiscover/Autodiscover.xml), and a star at its end stands for anything or nothing.
//
// Every row is for every host name: the handler finds out which domain is meant, and a route for each domain would make each request
// slower with each domain (gorilla/mux 1.8.1: 2.3 ms with 10,000).
var table = []row{
	{autoconfig.Path, read, toAutoconfig},
	{autoconfig.WellKnownPath, read, toAutoconfig},
	{autoconfig.NinePath, read, toAutoconfig},
	{autoconfig.DraftPath, read, toAutoconfig},

	{autodiscover.Path, readOrPost, toAutodiscover},
	{autodiscover.MailEnablePath, readOrPost, toAutodiscover},

	{autodiscover.JSONPath, read, toAutodiscoverJSON},
	{autodiscover.JSONPathWithAddress, read, toAutodiscoverJSON},
	{autodiscover.JSONPathWithAddress + "/*", read, toAutodiscoverJSON},

	{mobileconfig.Path, readOrPost, toMobileconfig},
	{mobileconfig.PNGPath, read, toMobileconfig},
	{mobileconfig.SVGPath, read, toMobileconfig},
	{mobileconfig.EmailPath, readOrPost, toMobileconfig},
	{mobileconfig.ApplePath, readOrPost, toMobileconfig},

	{pacc.Path, read, toPACC},

	// Clients ask with PROPFIND, OPTIONS, REPORT and others.
	{wellknown.CalDAV, anyMethod, toWellKnown},
	{wellknown.CardDAV, anyMethod, toWellKnown},
	{wellknown.JMAP, read, toWellKnown},

	// Other services of an Exchange server. After a 404 a client goes on to the next place. A 401 would ask for a password, and a 405 or
	// an empty 200 would mean that there is such a server here.
	{"/autodiscover/autodiscover.svc*", anyMethod, toNothing},
	{"/ews*", anyMethod, toNothing},
	{"/microsoft-server-activesync*", anyMethod, toNothing},
	{"/mapi*", anyMethod, toNothing},
	{"/rpc*", anyMethod, toNothing},
	{"/oab*", anyMethod, toNothing},

	{"/", readOrPost, toHelp},
	{edge.StylePath, read, toHelpFiles},
	{edge.ScriptPath, read, toHelpFiles},
	{edge.IconPath, read, toHelpFiles},
	{edge.CodePath, read, toHelpFiles},
	{edge.LogoPath + "*", read, toHelpFiles},
}

// row is a line of the table.
type row struct {
	path    string
	methods methods
	service *service
}

// matches is the matcher of a row: mux only holds the table, because its own Path runs a regular expression twice for each row, which would
// be a quarter of all that this package adds to a request. (A row with variables in its path would need Path.)
func (r row) matches(request *http.Request, _ *mux.RouteMatch) bool {
	if start, ok := strings.CutSuffix(r.path, "*"); ok {
		return strings.HasPrefix(request.URL.Path, start)
	}
	return request.URL.Path == r.path
}

// methods are those that a row accepts besides OPTIONS.
type methods []string

var (
	read       = methods{http.MethodGet, http.MethodHead}
	readOrPost = methods{http.MethodGet, http.MethodHead, http.MethodPost}
	anyMethod  = methods(nil)
)

// allow returns the methods for the Allow header.
func (m methods) allow() string {
	return strings.Join(append(slices.Clone(m), http.MethodOptions), ", ")
}

// service is what answers at one or more paths.
type service struct {
	name    string // in the log and the metrics
	handler func(*handlers) http.Handler
	// redirectsHTTP is true if over plain http every method reaches the handler, which redirects the client to https.
	redirectsHTTP bool
	// otherMethods answers methods that a row does not accept, and OPTIONS; nil for the usual answers.
	otherMethods http.HandlerFunc
}

var (
	toAutoconfig       = &service{name: "autoconfig", handler: func(h *handlers) http.Handler { return h.autoconfig }}
	toAutodiscover     = &service{name: "autodiscover", handler: func(h *handlers) http.Handler { return h.autodiscover }, redirectsHTTP: true}
	toAutodiscoverJSON = &service{name: "autodiscover-json", handler: func(h *handlers) http.Handler { return h.autodiscoverJSON }}
	toMobileconfig     = &service{name: "mobileconfig", handler: func(h *handlers) http.Handler { return h.mobileconfig }}
	toPACC             = &service{name: "pacc", handler: func(h *handlers) http.Handler { return h.pacc }}
	toWellKnown        = &service{name: "well-known", handler: func(h *handlers) http.Handler { return h.wellKnown }}
	toNothing          = &service{name: "exchange", handler: func(*handlers) http.Handler { return http.HandlerFunc(nothing) }}
	toHelp             = &service{name: "help", handler: func(h *handlers) http.Handler { return h.help }, otherMethods: rootOther}
	toHelpFiles        = &service{name: "help-files", handler: func(h *handlers) http.Handler { return h.helpFiles }}
	toUnmatched        = &service{name: "none", handler: func(*handlers) http.Handler { return http.HandlerFunc(notFound) }}
)

// rootOther answers at "/" besides the page for people: OPTIONS gets status 200, since some load balancers ask so; other methods are for
// services that are not here, such as CalDAV.
func rootOther(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodOptions {
		notFound(w, r)
		return
	}
	w.Header().Set("Allow", readOrPost.allow())
	w.Header().Set("Content-Length", "0")
}

// router finds the route of a request.
type router struct {
	mux       *mux.Router
	unmatched *route // for paths that are not in the table
	handlers  *handlers
	state     *current
	maxBody   int64 // octets of a request's body
}

// route is a row with all that is needed to answer: what gorilla/mux finds for a path.
type route struct {
	*service
	router  *router
	methods methods
	allow   string
	metrics *serviceMetrics
}

// newRouter puts the table into a router.
func newRouter(h *handlers, state *current, maxBody int64, m *metrics, log *slog.Logger) *router {
	// Without SkipClean, mux would answer //mail/… with a redirect.
	rt := &router{mux: mux.NewRouter().SkipClean(true), handlers: h, state: state, maxBody: maxBody}
	made := make(map[*service]*serviceMetrics)
	newRoute := func(allowed methods, of *service) *route {
		if made[of] == nil {
			made[of] = m.of(of.name, log)
		}
		return &route{service: of, router: rt, methods: allowed, allow: allowed.allow(), metrics: made[of]}
	}
	for _, r := range table {
		rt.mux.MatcherFunc(r.matches).Handler(newRoute(r.methods, r.service))
	}
	rt.unmatched = newRoute(anyMethod, toUnmatched)
	return rt
}

// find returns the route for a normalised request. mux only matches and does not serve: that saves two copies of the request, and the guard
// needs the route anyway, for log and metrics.
func (rt *router) find(r *http.Request, match *mux.RouteMatch) *route {
	if !rt.mux.Match(r, match) {
		return rt.unmatched
	}
	return match.Handler.(*route)
}

// ServeHTTP answers a normalised request, or refuses its method.
func (rt *route) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	anyGoes := rt.methods == nil || rt.redirectsHTTP && r.URL.Scheme == "http"
	switch {
	case anyGoes || slices.Contains(rt.methods, r.Method):
	case rt.otherMethods != nil:
		rt.otherMethods(w, r)
		return
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", rt.allow)
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		methodNotAllowed(w, rt.allow)
		return
	}
	if !anyGoes && r.ContentLength > rt.router.maxBody {
		tooLarge(w)
		return
	}
	if rt.router.state.domains() == nil {
		notReady(w)
		return
	}
	h := rt.handler(rt.router.handlers)
	if h == nil {
		notFound(w, r)
		return
	}
	h.ServeHTTP(w, r)
}
