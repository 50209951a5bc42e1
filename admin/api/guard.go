package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"mailhint/accounts"
	"mailhint/admin"
	"mailhint/untrusted"
)

// Limits are how much clients may ask. Zero values stand for the defaults.
type Limits struct {
	// Rate and Burst are the requests of one account per second, and at once; 100 and 500.
	Rate  rate.Limit
	Burst int
	// Wrong is how many requests without a valid token one network may send in a minute: an IPv4 address, or an IPv6 network of 64 bits; 30.
	Wrong int
	// Body is the size of a body in octets, Snapshot that of one in which an operator sends all domains; 1 MiB and 64 MiB. Of bodies larger than
	// Body, one is worked on at a time.
	Body, Snapshot int64
	// AtOnce is how many requests are worked on at the same time, Waiting how many may wait for changes; 64 and 256. An account can have a quarter.
	AtOnce, Waiting int
}

func (l Limits) withDefaults() Limits {
	if l.Rate == 0 {
		l.Rate = 100
	}
	for _, d := range []struct {
		field   *int
		initial int
	}{{&l.Burst, 500}, {&l.Wrong, 30}, {&l.AtOnce, 64}, {&l.Waiting, 256}} {
		if *d.field == 0 {
			*d.field = d.initial
		}
	}
	if l.Body == 0 {
		l.Body = 1 << 20
	}
	if l.Snapshot == 0 {
		l.Snapshot = 64 << 20
	}
	return l
}

// guard is what every request passes before its operation.
type guard struct {
	*admin.Service
	Options
	next    http.Handler
	metrics *metrics
	rates   *admin.Rates[string]       // by account
	wrong   *admin.Rates[netip.Prefix] // by network
	running *slots
	waiting *slots
	large   *slots // requests with bodies that take much memory
}

func newGuard(s *admin.Service, o Options, m *metrics, next http.Handler) http.Handler {
	o.Limits = o.Limits.withDefaults()
	g := &guard{Service: s, Options: o, next: next, metrics: m,
		rates: admin.NewRates[string](o.Limits.Rate, o.Limits.Burst), wrong: admin.NewRates[netip.Prefix](rate.Every(time.Minute/time.Duration(o.Limits.Wrong)), o.Limits.Wrong),
		running: newSlots(o.Limits.AtOnce), waiting: newSlots(o.Limits.Waiting), large: newSlots(1)}
	return http.NewCrossOriginProtection().Handler(g)
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	defer func() {
		if cause := recover(); cause != nil && cause != http.ErrAbortHandler {
			g.log("a request of the API has failed", "method", r.Method, "cause", cause, "stack", string(debug.Stack()))
			write(w, internal())
		}
	}()
	if !isPlain(r) {
		write(w, notFound("there is nothing at this path"))
		return
	}
	if r.URL.Path == Prefix+"/openapi.json" {
		g.next.ServeHTTP(w, r)
		return
	}
	who, p := g.signIn(r)
	if p != nil {
		write(w, p)
		return
	}
	if !g.rates.Allow(who.Name) {
		g.refuse(w, refusedRate, later429("this account has sent too many requests", 1))
		return
	}
	limit := g.bodyLimit(r, who)
	for _, s := range g.slotsFor(r, limit) {
		release, ok := s.take(who.Name)
		if !ok {
			g.refuse(w, refusedBusy, later429("this server works on too many requests", 1))
			return
		}
		defer release()
	}
	if p := addsNothing(r); p != nil {
		write(w, p)
		return
	}
	if p := g.readBody(w, r, limit); p != nil {
		write(w, p)
		return
	}
	g.next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), principalKey{}, who)))
}

// bodyLimit is the size of the body that an account may send. Only who may change everything sends so much at a time that it takes gigabytes to read.
func (g *guard) bodyLimit(r *http.Request, who accounts.Principal) int64 {
	if (r.URL.Path == applyPath || r.URL.Path == changesPath) && who.May(accounts.Apply, accounts.Target{}) {
		return g.Limits.Snapshot
	}
	return g.Limits.Body
}

// slotsFor returns the slots that a request needs.
func (g *guard) slotsFor(r *http.Request, limit int64) []*slots {
	switch {
	case r.URL.Path == eventsPath:
		return []*slots{g.waiting}
	case limit > g.Limits.Body && (r.ContentLength < 0 || r.ContentLength > g.Limits.Body):
		return []*slots{g.running, g.large}
	}
	return []*slots{g.running}
}

// refuse answers a request that is beyond a limit.
func (g *guard) refuse(w http.ResponseWriter, reason string, p *Problem) {
	g.metrics.refused.WithLabelValues(reason).Inc()
	write(w, p)
}

func (g *guard) log(message string, args ...any) {
	if g.Options.Log != nil {
		g.Options.Log.Error(message, args...)
	}
}

// secure sets the headers that keep browsers from making anything else of an answer than what it is.
func secure(h http.Header) {
	for name, value := range map[string]string{
		"Cache-Control":                "no-store",
		"X-Content-Type-Options":       "nosniff",
		"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'",
		"X-Frame-Options":              "DENY",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Resource-Policy": "same-origin",
	} {
		h.Set(name, value)
	}
}

// isPlain reports whether the path of a request has only one reading: no encoded slashes and dots, no empty and dot segments.
func isPlain(r *http.Request) bool {
	path := r.URL.Path
	encoded := strings.ToLower(r.URL.EscapedPath())
	for _, trick := range []string{"%2f", "%2e", "%5c", "%00", "%25"} {
		if strings.Contains(encoded, trick) {
			return false
		}
	}
	for segment := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if segment == "" || segment == "." || segment == ".." {
			return false
		}
	}
	return strings.HasPrefix(path, Prefix+"/") && untrusted.Printable(path) == path
}

type principalKey struct{}

// principal returns who has sent a request.
func principal(ctx context.Context) accounts.Principal {
	p, _ := ctx.Value(principalKey{}).(accounts.Principal) // the zero value may do nothing
	return p
}

// signIn returns who has sent a request, or why that is not known.
func (g *guard) signIn(r *http.Request) (accounts.Principal, *Problem) {
	address := clientOf(r)
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	who, err := accounts.Principal{}, error(accounts.ErrSignedOut)
	if strings.EqualFold(scheme, "Bearer") && secret != "" {
		who, err = g.Accounts.Token(r.Context(), strings.TrimSpace(secret), accounts.Client{Address: address, UserAgent: r.UserAgent()})
	}
	switch {
	case errors.Is(err, accounts.ErrSignedOut):
		// A valid token is always accepted: others in the same network cannot keep its owner out.
		if !g.wrong.Allow(networkOf(address)) {
			g.metrics.refused.WithLabelValues(refusedTokens).Inc()
			return who, later429("too many requests without a valid token came from your network", 60/g.Limits.Wrong+1)
		}
		return who, problem(http.StatusUnauthorized, codeSignedOut, "a valid token is needed", "Send Authorization: Bearer and the secret of a token, which mailhint token add makes.")
	case err != nil:
		g.log("a token cannot be checked", "error", err)
		return who, internal()
	}
	return who, nil
}

// clientOf returns the address of the client; what stands in front has already replaced it by that of the client.
func clientOf(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return address.Unmap().WithZone("")
}

// networkOf returns the network of which all addresses belong to one client.
func networkOf(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	network, _ := a.Prefix(bits) // zero for the zero address
	return network
}

// bodyTime is how long a body may take to arrive.
const bodyTime = 2 * time.Minute

// readBody reads the body of a request and checks it.
func (g *guard) readBody(w http.ResponseWriter, r *http.Request, limit int64) *Problem {
	control := http.NewResponseController(w)
	control.SetReadDeadline(time.Now().Add(bodyTime)) // not every connection has one
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	control.SetReadDeadline(time.Time{}) // some operations take longer than the listener waits for a request
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		g.metrics.refused.WithLabelValues(refusedBody).Inc()
		return problem(http.StatusRequestEntityTooLarge, codeTooLarge, "the body is too large", "Send less at a time.")
	}
	if err != nil {
		return problem(http.StatusBadRequest, codeRequest, "the body did not arrive as a whole", "Send it again.")
	}
	r.Body = io.NopCloser(bytes.NewReader(text))
	if len(text) == 0 || r.URL.Path == applyPath {
		return nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" && !(kind == "application/merge-patch+json" && r.Method == http.MethodPatch) {
		return problem(http.StatusUnsupportedMediaType, codeMediaType, "the body is not declared as JSON", "Send Content-Type: application/json.")
	}
	if err := checkJSON(text); err != nil {
		return problem(http.StatusBadRequest, codeRequest, untrusted.Clip(err.Error(), 300), "Compare the request with "+Prefix+"/openapi.json.")
	}
	r.Header.Set("Content-Type", "application/json")
	return nil
}
