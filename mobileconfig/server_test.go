package mobileconfig

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mailhint/edge/edgetest"
	"mailhint/settings"
)

// ask sends a request to a handler as package server passes it on.
func ask(h http.Handler, method, scheme, host, target, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.URL.Scheme, r.URL.Host, r.Host = scheme, host, host
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func newHandler(lookup settings.Lookup) *Handler {
	return New(lookup, nil, slog.New(slog.DiscardHandler))
}

func TestEdge(t *testing.T) { edgetest.Script(t, newHandler(edgetest.Load(t).Lookup)) }

func TestUnavailable(t *testing.T) {
	for err, status := range map[error]int{settings.ErrUnavailable: 503, errors.New("a fault"): 500} {
		w := ask(newHandler(edgetest.Failing(err)), "GET", "https", "autoconfig.example.com", "/mobileconfig?emailaddress=fred@example.com", "")
		if w.Code != status || (w.Header().Get("Retry-After") != "") != (status == 503) || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%v: got %d %v", err, w.Code, w.Header())
		}
	}
}

// Package server passes on GET, HEAD and POST only; if others came, they would be treated like POST.
func TestOtherMethods(t *testing.T) {
	if w := ask(newHandler(edgetest.Load(t).Lookup), "PUT", "http", "autoconfig.example.com", "/mobileconfig?emailaddress=fred@example.com", ""); w.Code != 403 {
		t.Errorf("got %d", w.Code)
	}
}

func TestForms(t *testing.T) {
	h := newHandler(edgetest.Load(t).Lookup)
	for _, c := range []struct {
		name, contentType string
		body              io.Reader
		status            int
		says              string
	}{
		{"with a charset", "Application/X-WWW-Form-urlencoded; charset=UTF-8", strings.NewReader("email=fred@example.com"), 200, ""},
		{"multipart", "multipart/form-data; boundary=x", strings.NewReader("--x--"), 415, "Please send the address as an HTML form does"},
		{"JSON", "application/json", strings.NewReader(`{"email":"fred@example.com"}`), 415, "Please send"},
		{"no type", "", strings.NewReader("email=fred@example.com"), 415, "Please send"},
		{"empty", "application/x-www-form-urlencoded", strings.NewReader(""), 400, "The e-mail address is missing."},
		{"cut short", "application/x-www-form-urlencoded", io.MultiReader(strings.NewReader("email=fred@exa"), broken{}), 400, "The request is incomplete. Please try again."},
		{"too large", "application/x-www-form-urlencoded", strings.NewReader("email=fred@example.com&x=" + strings.Repeat("x", 64<<10)), 413, "The request is too large."},
	} {
		r := httptest.NewRequest("POST", "https://autoconfig.example.com/mobileconfig", c.body)
		r.Header.Set("Content-Type", c.contentType)
		w := httptest.NewRecorder()
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10) // as package server does
		h.ServeHTTP(w, r)
		if w.Code != c.status || c.status != 200 && !strings.HasPrefix(w.Body.String(), c.says) {
			t.Errorf("%s: got %d %s, want %d and %q", c.name, w.Code, w.Body, c.status, c.says)
		}
	}
}

// broken is a body whose connection breaks.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// The handler looks up the address and the client of a request. The domain of its host does not answer for others.
func TestQuestion(t *testing.T) {
	var got settings.Question
	h := New(func(_ context.Context, q settings.Question) (settings.Found, error) {
		got = q
		return settings.Found{}, settings.ErrDomainNotFound
	}, nil, slog.New(slog.DiscardHandler))
	ask(h, "GET", "https", "autoconfig.example.com", "/mobileconfig?email=fred@other.example", "")
	want := settings.Question{Address: settings.Address{Local: "fred", Domain: "other.example"}, Client: netip.MustParseAddr("192.0.2.1")}
	if got != want {
		t.Errorf("asks for %+v, want %+v", got, want)
	}
}

// TestSigningLimit checks docs/profiles.md from outside: a school with 500 people behind one address gets its profiles, a client that goes on
// is refused, others are not, and whoever is refused gets profiles again later.
func TestSigningLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signatures := 0
		signer := func(string) (*tls.Certificate, error) {
			signatures++
			return nil, errors.New("not in this test")
		}
		h := New(edgetest.Load(t).Lookup, signer, slog.New(slog.DiscardHandler))
		get := func(method, client, path string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(method, path+"?emailaddress=fred@example.com", nil)
			r.URL.Scheme, r.Host, r.RemoteAddr = "https", "autoconfig.example.com", client
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w
		}
		for i := range 500 {
			if w := get("GET", fmt.Sprintf("192.0.2.1:%d", 1000+i), "/mobileconfig"); w.Code != 200 {
				t.Fatalf("person %d: status %d", i, w.Code)
			}
		}
		w := get("GET", "192.0.2.1:7", "/mobileconfig")
		if w.Code != 429 || w.Header().Get("Retry-After") == "" || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Disposition") != "" ||
			!strings.HasPrefix(w.Body.String(), "Too many profiles") {
			t.Errorf("the next: %d %v %s", w.Code, w.Header(), w.Body)
		}
		registry := prometheus.NewRegistry()
		registry.MustRegister(h.Collector())
		families, err := registry.Gather()
		if err != nil || len(families) != 1 || families[0].GetName() != "mailhint_profiles_refused_total" || families[0].GetMetric()[0].GetCounter().GetValue() != 1 {
			t.Errorf("metrics: %v, %v", families, err)
		}
		if signatures != 500 {
			t.Errorf("%d signatures", signatures)
		}
		if w := get("GET", "192.0.2.2:1", "/mobileconfig"); w.Code != 200 {
			t.Errorf("a neighbour: status %d", w.Code)
		}
		if w := get("GET", "192.0.2.1:1", "/mobileconfig/qr.png"); w.Code != 200 {
			t.Errorf("what is not signed: status %d", w.Code)
		}
		if w := get("HEAD", "192.0.2.1:1", "/mobileconfig"); w.Code != 200 {
			t.Errorf("HEAD: status %d", w.Code)
		}
		for i := range 500 { // a /48 is one client, however many addresses it has
			get("GET", fmt.Sprintf("[2001:db8:1:%x::1]:80", i), "/mobileconfig")
		}
		if w := get("GET", "[2001:db8:1:ffff::1]:80", "/mobileconfig"); w.Code != 429 {
			t.Errorf("the same /48: status %d", w.Code)
		}
		if w := get("GET", "[2001:db8:2::1]:80", "/mobileconfig"); w.Code != 200 {
			t.Errorf("another /48: status %d", w.Code)
		}
		time.Sleep(time.Second)
		again := 0
		for range 100 {
			if get("GET", "192.0.2.1:1", "/mobileconfig").Code == 200 {
				again++
			}
		}
		if again != 10 {
			t.Errorf("a second later: %d profiles, want 10", again)
		}
	})
}

// Profiles that are not signed are not limited.
func TestUnsignedLimit(t *testing.T) {
	h := newHandler(edgetest.Load(t).Lookup)
	for i := range 600 {
		if w := ask(h, "GET", "https", "autoconfig.example.com", "/mobileconfig?emailaddress=fred@example.com", ""); w.Code != 200 {
			t.Fatalf("%d: status %d", i, w.Code)
		}
	}
}

// TestSigner checks that the certificate is requested each time, for the host name of the request, and that a profile that cannot be signed
// is sent unsigned.
func TestSigner(t *testing.T) {
	openssl := program(t, "openssl", "openssl")
	var (
		log   bytes.Buffer
		now   = time.Now()
		asked []string
		next  *tls.Certificate
		fault error
	)
	signer := func(host string) (*tls.Certificate, error) {
		asked = append(asked, host)
		return next, fault
	}
	h := New(edgetest.Load(t).Lookup, signer, slog.New(slog.NewTextHandler(&log, nil)))
	h.Now = func() time.Time { return now }
	get := func() []byte {
		w := ask(h, "GET", "https", "autoconfig.example.com", "/mobileconfig?emailaddress=fred@example.com", "")
		if w.Code != 200 || w.Header().Get("Content-Type") != "application/x-apple-aspen-config" || w.Header().Get("Content-Length") != strconv.Itoa(w.Body.Len()) {
			t.Errorf("got %d %v", w.Code, w.Header())
		}
		return w.Body.Bytes()
	}
	plain := answer(t, recommended(), "fred@example.com")

	for _, next = range []*tls.Certificate{ecdsaCertificate(), rsaCertificate()} {
		if content, err := verify(t, openssl, get()); err != nil || !bytes.Equal(content, plain) {
			t.Errorf("signed: %v\n%s", err, content)
		}
	}
	if log.Len() > 0 {
		t.Errorf("logged %s", &log)
	}

	next = testAuthority().certificate(newECDSA(), yesterday, now.Add(-time.Minute))
	for range 3 {
		if got := get(); !bytes.Equal(got, plain) {
			t.Errorf("expired: got\n%q", got)
		}
	}
	next, fault = nil, errors.New("nothing for this name")
	if got := get(); !bytes.Equal(got, plain) {
		t.Errorf("no certificate: got\n%q", got)
	}
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), " expired on ") || strings.Contains(log.String(), "fred") {
		t.Errorf("want one line about the certificate, got\n%s", &log)
	}
	now = now.Add(time.Minute)
	get()
	if !strings.Contains(log.String(), "nothing for this name") {
		t.Errorf("a minute later, got\n%s", &log)
	}

	next, fault = ecdsaCertificate(), nil // renewed
	if content, err := verify(t, openssl, get()); err != nil || !bytes.Equal(content, plain) {
		t.Errorf("renewed: %v\n%s", err, content)
	}
	for _, host := range asked {
		if host != "autoconfig.example.com" {
			t.Errorf("asked for a certificate of %q", host)
		}
	}
	before := len(asked)
	ask(h, "HEAD", "https", "autoconfig.example.com", "/mobileconfig?emailaddress=fred@example.com", "")
	ask(h, "GET", "https", "autoconfig.example.com", "/mobileconfig/qr.png?emailaddress=fred@example.com", "")
	ask(h, "GET", "http", "autoconfig.example.com", "/mobileconfig?emailaddress=fred@example.com", "")
	if len(asked) != before {
		t.Error("something other than a profile was signed")
	}
}
