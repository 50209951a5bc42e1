package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mailhint/certs/pebbletest"
)

// testCA is a Pebble behind a proxy that counts orders and can be made to refuse them or not to answer. On a busy machine Pebble may give up
// a validation; then one more order is placed, with another kind of challenge, and the status counts one that was refused.
type testCA struct {
	directory string
	roots     *x509.CertPool // of its own https
	root      *x509.Certificate
	issuing   *x509.CertPool // of what it issues

	backend       atomic.Pointer[pebbletest.CA]
	orders        atomic.Int64 // placed, and accepted
	renewals      atomic.Int64 // orders that name the certificate they replace, accepted or not
	refuse        atomic.Pointer[refusal]
	refuseRenewal atomic.Pointer[refusal] // of orders that name the certificate they replace

	renewAfter atomic.Int64 // nanoseconds after which certificates should be renewed; 0 leaves it to Pebble
	gone       atomic.Bool  // connections are cut
	lose       atomic.Bool  // the answer to the next accepted order is lost
	before     atomic.Pointer[hook]
	turn       sync.Mutex // Pebble is asked one thing at a time
}

// hook is called when the CA has dealt with a request for a path, before the client gets the answer.
type hook struct {
	path string
	call func()
}

// refusal is how new orders are answered.
type refusal struct {
	status     int
	kind       string // after urn:ietf:params:acme:error:
	detail     string
	retryAfter string
}

// startCA starts a CA that asks back at these ports, and whose certificates are valid for the time given.
func startCA(t testing.TB, httpPort, tlsPort int, valid time.Duration) *testCA {
	t.Helper()
	return startCAWithDNS(t, "", httpPort, tlsPort, valid)
}

// startCAWithDNS is startCA for a CA that asks a certain name server.
func startCAWithDNS(t testing.TB, nameServer string, httpPort, tlsPort int, valid time.Duration) *testCA {
	t.Helper()
	pebble := pebbletest.StartWithDNS(t, nameServer, httpPort, tlsPort, valid)
	ca := &testCA{root: pebble.Root.Leaf, roots: pebble.Roots, issuing: pebble.Issuing}
	ca.backend.Store(pebble)
	ca.directory = ca.proxy(t, pebble) + "/dir"
	return ca
}

// proxy stands in front of Pebble, which names its addresses as it is asked.
func (ca *testCA) proxy(t testing.TB, pebble *pebbletest.CA) string {
	t.Helper()
	front := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "https", Host: ca.backend.Load().Address})
			r.Out.Host = r.In.Host
		},
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.roots}, MaxIdleConnsPerHost: 100},
		ErrorLog:  quiet,
		ModifyResponse: func(r *http.Response) error {
			if r.Request.URL.Path == "/order-plz" && r.StatusCode == http.StatusCreated {
				ca.orders.Add(1)
			}
			return nil
		},
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ca.gone.Load() {
			panic(http.ErrAbortHandler)
		}
		if refusal := ca.refuse.Load(); refusal != nil && r.URL.Path == "/order-plz" {
			refusal.answer(w)
			return
		}
		if r.URL.Path == "/order-plz" && replaces(r) {
			ca.renewals.Add(1)
			if refusal := ca.refuseRenewal.Load(); refusal != nil {
				refusal.answer(w)
				return
			}
		}
		if renewAfter := time.Duration(ca.renewAfter.Load()); renewAfter != 0 && strings.Contains(r.URL.Path, "/renewalInfo/") {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Retry-After", "50000") // or it would be asked again while tests move their clocks
			json.NewEncoder(w).Encode(map[string]any{"suggestedWindow": map[string]time.Time{
				"start": time.Now().Add(renewAfter), "end": time.Now().Add(renewAfter + 3*time.Second)}})
			return
		}
		// Pebble 2.10.1 deadlocks when it gets many requests at once: while it looks for an authorization to reuse, it locks its store
		// and waits for each authorization, and the goroutine that changes one of those waits for the store.
		ca.turn.Lock()
		defer ca.turn.Unlock()
		if before := ca.orders.Load(); r.URL.Path == "/order-plz" && ca.lose.Load() {
			answer := httptest.NewRecorder()
			if front.ServeHTTP(answer, r); ca.orders.Load() > before { // and not refused because of its nonce
				ca.lose.Store(false)
				panic(http.ErrAbortHandler)
			}
			maps.Copy(w.Header(), answer.Header())
			w.WriteHeader(answer.Code)
			answer.Body.WriteTo(w)
			return
		}
		if h := ca.before.Load(); h != nil && strings.HasPrefix(r.URL.Path, h.path) {
			front.ServeHTTP(httptest.NewRecorder(), r)
			h.call()
			panic(http.ErrAbortHandler)
		}
		front.ServeHTTP(w, r)
	}), ErrorLog: quiet, TLSConfig: &tls.Config{Certificates: []tls.Certificate{pebble.Root}}}
	l := listen(t)
	go server.ServeTLS(l, "", "")
	t.Cleanup(func() { server.Close() })
	return "https://" + l.Addr().String()
}

// replaces reports whether a request is an order that names the certificate it replaces.
func replaces(r *http.Request) bool {
	text, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(text))
	var jws struct{ Payload string }
	if err != nil || json.Unmarshal(text, &jws) != nil {
		return false
	}
	payload, err := base64.RawURLEncoding.DecodeString(jws.Payload)
	return err == nil && bytes.Contains(payload, []byte(`"replaces"`))
}

func (r *refusal) answer(w http.ResponseWriter) {
	if r.retryAfter != "" {
		w.Header().Set("Retry-After", r.retryAfter)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(r.status)
	json.NewEncoder(w).Encode(map[string]any{"type": "urn:ietf:params:acme:error:" + r.kind, "detail": r.detail, "status": r.status})
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// config is a configuration for one CA that allows all names below "test".
func (ca *testCA) config(dir string) Config {
	return Config{
		Allowed: func(name string) bool { return strings.HasSuffix(name, ".test") },
		CAs:     []string{ca.directory}, Roots: ca.roots, Profile: pebbletest.Profile, Dir: dir, PerHour: 10_000, Wait: testTimeout,
		Log: quietLog,
	}
}
