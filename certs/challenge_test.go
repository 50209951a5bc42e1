package certs

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/mholt/acmez/v3/acme"
)

// A challenge is answered to a request for its name and path, by GET, while its order is open; everything else is left to the server.
func TestHTTPChallenge(t *testing.T) {
	t.Parallel()
	c, err := New((&testCA{directory: "https://127.0.0.1:1/dir"}).config(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := solver{c.storage, c.cas[0].key, new(error)}
	challenge := acme.Challenge{Type: acme.ChallengeTypeHTTP01, Token: "token", KeyAuthorization: "token.thumbprint",
		Identifier: acme.Identifier{Type: "dns", Value: "autoconfig.a.test"}}
	if err := s.Present(t.Context(), challenge); err != nil {
		t.Fatal(err)
	}
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	ask := func(method, url string) (int, string) {
		w := httptest.NewRecorder()
		c.HTTPChallenge(next).ServeHTTP(w, httptest.NewRequest(method, url, nil))
		return w.Code, w.Body.String()
	}
	for _, url := range []string{"http://autoconfig.a.test/.well-known/acme-challenge/token", "http://Autoconfig.A.test.:80/.well-known/acme-challenge/token"} {
		if status, text := ask("GET", url); status != http.StatusOK || text != "token.thumbprint" {
			t.Errorf("GET %s: %d %q", url, status, text)
		}
	}
	for _, test := range []struct{ method, url string }{
		{"POST", "http://autoconfig.a.test/.well-known/acme-challenge/token"},
		{"GET", "http://autoconfig.a.test/.well-known/acme-challenge/other"},
		{"GET", "http://autoconfig.a.test/.well-known/acme-challenge/"},
		{"GET", "http://autoconfig.b.test/.well-known/acme-challenge/token"},
		{"GET", "http://autoconfig.a.example/.well-known/acme-challenge/token"},
		{"GET", "http://autoconfig.a.test/token"},
	} {
		if status, text := ask(test.method, test.url); status != http.StatusTeapot {
			t.Errorf("%s %s: %d %q", test.method, test.url, status, text)
		}
	}
	if cert, err := c.GetCertificate(challengeHello("autoconfig.a.test")); err == nil || cert != nil {
		t.Error("an HTTP challenge is answered in a handshake")
	}
	if err := s.CleanUp(t.Context(), challenge); err != nil {
		t.Fatal(err)
	}
	if status, _ := ask("GET", "http://autoconfig.a.test/.well-known/acme-challenge/token"); status != http.StatusTeapot {
		t.Error("answered after the order")
	}
}

func challengeHello(name string) *tls.ClientHelloInfo {
	return &tls.ClientHelloInfo{ServerName: name, SupportedProtos: []string{ChallengeProtocol}}
}

// The CA's handshake gets a certificate with the proof (RFC 8737 section 3); a name that is not being ordered gets none.
func TestTLSChallenge(t *testing.T) {
	t.Parallel()
	c, err := New((&testCA{directory: "https://127.0.0.1:1/dir"}).config(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	challenge := acme.Challenge{Type: acme.ChallengeTypeTLSALPN01, Token: "token", KeyAuthorization: "token.thumbprint",
		Identifier: acme.Identifier{Type: "dns", Value: "autoconfig.a.test"}}
	if err := (solver{c.storage, c.cas[0].key, new(error)}).Present(t.Context(), challenge); err != nil {
		t.Fatal(err)
	}
	cert, err := c.GetCertificate(challengeHello("Autoconfig.a.test"))
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil || !slices.Equal(leaf.DNSNames, []string{"autoconfig.a.test"}) {
		t.Errorf("a certificate for %s: %v", leaf.DNSNames, err)
	}
	if _, err := c.GetCertificate(challengeHello("autoconfig.b.test")); err == nil || !strings.Contains(err.Error(), "not being ordered") {
		t.Errorf("a name that is not being ordered: %v", err)
	}
	if cert, err := c.GetCertificate(challengeHello("autoconfig.a.example")); cert != nil || err != nil {
		t.Errorf("a name that is not allowed: %v", err)
	}
}

// The kind of challenge that worked last goes first.
func TestKinds(t *testing.T) {
	t.Parallel()
	var k kinds
	k.set(true, true, false)
	for _, worked := range []string{acme.ChallengeTypeTLSALPN01, acme.ChallengeTypeTLSALPN01, acme.ChallengeTypeHTTP01} {
		k.worked(worked)
		if list := k.all(); len(list) != 2 || list[0] != worked {
			t.Errorf("after %s: %s", worked, list)
		}
	}
}
