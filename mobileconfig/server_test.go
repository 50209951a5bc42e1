package mobileconfig

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailhint/edge/edgetest"
	"mailhint/settings"
)

// known are the domains of the tests.
var known = map[settings.Domain]*settings.Settings{
	"example.com":           recommended(),
	"xn--bcher-kva.example": recommended(),
	"oauth.example":         {Servers: withAuth(recommended().Servers, settings.OAuth2Token)},
	"receive.example":       {Servers: servers("imaps://imap.example.com")},
}

func lookup(ctx context.Context, q settings.Question) (settings.Found, error) {
	found := make(map[settings.Domain]settings.Found)
	for d, s := range known {
		found[d] = settings.Found{Settings: s, Domain: d, Primary: d}
	}
	return edgetest.Lookup(found)(ctx, q)
}

// ask sends a request to a handler as package server would hand it on.
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

// TestRequests plays testdata/requests.txt.
func TestRequests(t *testing.T) {
	script, err := os.ReadFile("testdata/requests.txt")
	if err != nil {
		t.Fatal(err)
	}
	h := New(lookup, nil, slog.New(slog.DiscardHandler))
	for paragraph := range strings.SplitSeq(string(script), "\n\n") {
		if strings.HasPrefix(paragraph, "#") {
			continue
		}
		lines := strings.Split(strings.TrimSpace(paragraph), "\n")
		t.Run(strings.ReplaceAll(lines[0], "/", "|"), func(t *testing.T) {
			method, url, _ := strings.Cut(lines[0], " ")
			scheme, rest, _ := strings.Cut(url, "://")
			slash := strings.IndexByte(rest, '/')
			var body string
			if text, ok := strings.CutPrefix(lines[1], "> "); ok {
				body, lines = text, lines[1:]
			}
			w := ask(h, method, scheme, rest[:slash], rest[slash:], body)
			for _, line := range lines[1:] {
				expect(t, w, line)
			}
		})
	}
}

// expect compares an answer with a line of the script.
func expect(t *testing.T, w *httptest.ResponseRecorder, line string) {
	t.Helper()
	sign, text, _ := strings.Cut(line, " ")
	name, isHeader := strings.CutSuffix(sign, ":")
	got := ""
	ok := false
	switch {
	case sign == "=":
		got = strconv.Itoa(w.Code)
		ok = got == text
	case sign == "+":
		got = w.Body.String()
		ok = strings.Contains(got, text)
	case sign == "-":
		var b strings.Builder
		w.Header().Write(&b) // a strings.Builder takes everything
		got = b.String() + w.Body.String()
		ok = !strings.Contains(got, text)
	case isHeader:
		got = w.Header().Get(name)
		ok = got == text
	}
	if !ok {
		t.Errorf("want %q, got %q", line, got)
	}
}

func TestForms(t *testing.T) {
	h := New(lookup, nil, slog.New(slog.DiscardHandler))
	for _, c := range []struct {
		name, contentType string
		body              io.Reader
		status            int
	}{
		{"with a charset", "Application/X-WWW-Form-urlencoded; charset=UTF-8", strings.NewReader("email=fred@example.com"), 200},
		{"multipart", "multipart/form-data; boundary=x", strings.NewReader("--x--"), 415},
		{"JSON", "application/json", strings.NewReader(`{"email":"fred@example.com"}`), 415},
		{"no type", "", strings.NewReader("email=fred@example.com"), 415},
		{"empty", "application/x-www-form-urlencoded", strings.NewReader(""), 400},
		{"cut short", "application/x-www-form-urlencoded", io.MultiReader(strings.NewReader("email=fred@exa"), broken{}), 400},
		{"too large", "application/x-www-form-urlencoded", strings.NewReader("email=fred@example.com&x=" + strings.Repeat("x", 64<<10)), 413},
	} {
		r := httptest.NewRequest("POST", "https://autoconfig.example.com/mobileconfig", c.body)
		r.Header.Set("Content-Type", c.contentType)
		w := httptest.NewRecorder()
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10) // as package server limits it
		h.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s: got %d %s, want %d", c.name, w.Code, w.Body, c.status)
		}
	}
}

// broken is a connection that ends too early.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestQuestion: the handler asks for the address, the host and the network it was asked from.
func TestQuestion(t *testing.T) {
	var got settings.Question
	h := New(func(_ context.Context, q settings.Question) (settings.Found, error) {
		got = q
		return settings.Found{}, settings.ErrDomainNotFound
	}, nil, slog.New(slog.DiscardHandler))
	ask(h, "GET", "https", "autoconfig.example.com", "/mobileconfig?email=fred@other.example", "")
	want := settings.Question{Address: settings.Address{Local: "fred", Domain: "other.example"}, Host: "example.com", Client: netip.MustParseAddr("192.0.2.1")}
	if got != want {
		t.Errorf("asks for %+v, want %+v", got, want)
	}
}

// TestSigner: the certificate is asked for each time, by the name in the request, and what cannot be signed goes out unsigned.
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
	h := New(lookup, signer, slog.New(slog.NewTextHandler(&log, nil)))
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
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "has expired") || strings.Contains(log.String(), "fred") {
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
		t.Error("something else than a profile was signed")
	}
}
