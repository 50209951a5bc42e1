//go:build linux

package clients_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mailhint/domains"
	"mailhint/settings"
)

// location is one of the places to which Thunderbird sends requests.
type location struct {
	name   string
	source string // what Thunderbird calls settings from there
	is     func(scheme, host, path, domain string) bool
}

var locations = []location{
	{"autoconfig host", "xml-from-isp-https", func(scheme, host, path, domain string) bool {
		return scheme == "https" && host == "autoconfig."+domain && path == "/mail/config-v1.1.xml"
	}},
	{"well-known path", "xml-from-isp-https", func(scheme, host, path, domain string) bool {
		return scheme == "https" && host == domain && path == "/.well-known/autoconfig/mail/config-v1.1.xml"
	}},
	{"plain http", "xml-from-isp-http", func(scheme, host, path, domain string) bool {
		return scheme == "http" && host == "autoconfig."+domain && path == "/mail/config-v1.1.xml"
	}},
	{"Autodiscover", "exchange-from-url1", func(scheme, host, path, domain string) bool {
		return scheme == "https" && host == "autodiscover."+domain && path == "/autodiscover/autodiscover.xml"
	}},
}

// TestThunderbirdFinds looks for the settings of every address of the corpus with the real Thunderbird, at all locations together and at each one
// alone, and compares each field of the account that it would set up. Guessing is off, and no host of the corpus has a name that a client would
// guess.
func TestThunderbirdFinds(t *testing.T) {
	c := loadCorpus(t)
	web := newWeb(t, c)
	tb := startThunderbird(t, web.ca, web.httpPort, web.httpsPort)

	for _, address := range corpusAddresses {
		t.Run("everywhere/"+address, func(t *testing.T) {
			web.open("", nil)
			web.find(t, tb, c, address, "xml-from-isp-https", false)
		})
	}
	for _, d := range locations {
		for _, address := range []string{"ann@both.example", "ann@starttls.example", "ann@pop3.example", "ann@three.example",
			"ann@local.example", "ann@firma.example", "ann@xn--bcher-kva.example", "ann+tag@named.example", "o'neil&co@both.example"} {
			t.Run(d.name+"/"+address, func(t *testing.T) {
				_, domain := parts(address)
				web.open(domain, d.is)
				web.find(t, tb, c, address, d.source, d.name == "Autodiscover")
			})
		}
	}
	t.Run("nothing published", func(t *testing.T) {
		web.open("", nil)
		for _, address := range []string{"ann@unknown.example", "ann@closed.example"} {
			if got, err := tb.find(t, address); !errors.Is(err, errNothingFound) {
				t.Errorf("%s: got %+v, error %v, want nothing found", address, got, err)
			}
		}
	})
	t.Run("an international domain in U-labels", func(t *testing.T) {
		// Thunderbird (153.7) accepts the address and then sends no request: its InputSanitizer refuses the letter. With A-labels, as
		// above, the settings are found.
		web.open("", nil)
		if got, err := tb.find(t, "ann@bücher.example"); !errors.Is(err, errNothingFound) || len(got.Asked) > 0 {
			t.Errorf("got %+v, error %v; if Thunderbird can do this now, move the address to the corpus", got, err)
		}
	})
	t.Run("the mail exchanger's domain", func(t *testing.T) {
		// A customer's domain that is not configured: Thunderbird finds the provider's settings after an MX look-up, with the customer's address.
		web.open("", nil)
		tb.dns = map[string]string{"MX unlisted.example": "mx1.both.example"}
		defer func() { tb.dns = nil }()
		got, err := tb.find(t, "ann@unlisted.example")
		if err != nil || got.Account.Incoming.Host != "i.one.both.example" || got.Account.Incoming.Username != "ann@unlisted.example" {
			t.Errorf("got %+v, error %v", got, err)
		}
	})
}

// web serves the corpus over http and https, under every name, but only at the open location.
type web struct {
	ca                  *x509.Certificate
	httpPort, httpsPort int
	isOpen              atomic.Pointer[func(scheme, host, path string) bool]
}

func newWeb(t *testing.T, c corpus) *web {
	t.Helper()
	h := new(web)
	names := []string{"autoconfig.unlisted.example", "autoconfig.unknown.example", "autodiscover.unknown.example", "unknown.example"}
	for _, address := range corpusAddresses {
		_, domain := parts(address)
		names = append(names, domain, "autoconfig."+domain, "autodiscover."+domain)
	}
	ca, certificate, pair := testCertificate(t, names...)
	h.ca = ca
	config := domains.Server{TLS: "files", Certificates: []domains.KeyPair{pair}}
	srv := newServer(t, c.Snapshot, config)

	plain := httptest.NewServer(h.guarded("http", srv.Handler(false)))
	t.Cleanup(plain.Close)
	h.httpPort = plain.Listener.Addr().(*net.TCPAddr).Port

	secure := httptest.NewUnstartedServer(h.guarded("https", srv.Handler(true)))
	secure.EnableHTTP2 = true
	secure.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // Thunderbird drops connections it no longer needs
	secure.StartTLS()
	t.Cleanup(secure.Close)
	h.httpsPort = secure.Listener.Addr().(*net.TCPAddr).Port
	return h
}

// open opens one location of a domain and closes the others; nil opens all of them.
func (h *web) open(domain string, is func(scheme, host, path, domain string) bool) {
	only := func(scheme, host, path string) bool { return is == nil || is(scheme, host, path, domain) }
	h.isOpen.Store(&only)
}

func (h *web) guarded(scheme string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := strings.Cut(r.Host, ":")
		if (*h.isOpen.Load())(scheme, host, r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		http.NotFound(w, r)
	})
}

// find looks for an address and compares the account that Thunderbird would set up with the settings.
func (h *web) find(t *testing.T, tb *thunderbird, c corpus, address, source string, isPOX bool) {
	t.Helper()
	got, err := tb.find(t, address)
	if err != nil {
		t.Fatalf("%s: %v; requests:\n%s", address, err, strings.Join(got.Asked, "\n"))
	}
	if got.Source != source || got.Trust != "" {
		t.Errorf("%s: found at %q, trust in %q requested; want %q and none; requests:\n%s", address, got.Source, got.Trust, source, strings.Join(got.Asked, "\n"))
	}
	if want := c.thunderbirdAccount(t, address, isPOX); !reflect.DeepEqual(got.Account, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", address, got.Account, want)
	}
}

// thunderbirdAccount is what the settings of an address mean in Thunderbird.
func (c corpus) thunderbirdAccount(t *testing.T, address string, isPOX bool) mailAccount {
	t.Helper()
	a := mustAddress(address)
	found, err := c.Lookup(context.Background(), settings.Question{Address: a})
	if err != nil {
		t.Fatalf("%s is not in the corpus", address)
	}
	account := mailAccount{OtherIncoming: []mailServer{}, OtherOutgoing: []mailServer{}}
	if !isPOX { // POX has no name for the account
		account.Name = found.Name.Expand(string(found.Domain), string(found.Primary))
		if account.Name == "" {
			account.Name = string(found.Domain)
		}
	}
	for i, s := range found.Incoming() {
		server := thunderbirdServerOf(found, s, a, isPOX)
		if i == 0 {
			account.Incoming = server
		} else {
			account.OtherIncoming = append(account.OtherIncoming, server)
		}
	}
	if found.EWS != "" && !isPOX { // offered beside IMAP, which is the default
		u, err := url.Parse(found.EWS.Expand(string(found.Domain), string(found.Primary)))
		if err != nil {
			t.Fatal(err)
		}
		account.OtherIncoming = append(account.OtherIncoming,
			mailServer{Type: "ews", Host: u.Hostname(), Security: "SSL", Auth: "password-cleartext", Username: address})
	}
	for i, s := range found.Outgoing() {
		server := thunderbirdServerOf(found, s, a, isPOX)
		if i == 0 {
			account.Outgoing = server
			continue
		}
		if login := s.Login.For(found.Domain, found.Primary); !isPOX && login.IsPlain() {
			server.Username = string(login) // it does not fill in, or use, alternatives for outgoing mail (153.7)
		}
		account.OtherOutgoing = append(account.OtherOutgoing, server)
	}
	return account
}

// thunderbirdServerOf returns a server in the words of Thunderbird.
func thunderbirdServerOf(found settings.Found, s settings.Server, a settings.Address, isPOX bool) mailServer {
	types := map[settings.Protocol]string{settings.IMAP: "imap", settings.POP3: "pop3", settings.Submission: "smtp"}
	securities := map[settings.Security]string{settings.ImplicitTLS: "SSL", settings.STARTTLS: "STARTTLS", settings.Plaintext: "plain"}
	auth := "password-cleartext"
	if !isPOX && s.Auth[0] == settings.PasswordEncrypted { // POX only says that it is a password
		auth = "password-encrypted"
	}
	return mailServer{
		Type:     types[s.Protocol],
		Host:     s.Host.Expand(string(found.Domain), string(found.Primary)),
		Port:     int(s.Port),
		Security: securities[s.Security],
		Auth:     auth, // OAuth2 is ignored for hosts that Thunderbird does not know
		Username: s.Login.For(found.Domain, found.Primary).Fill(a),
	}
}

// testCertificate makes a CA and a certificate for the names, which it also writes to files.
func testCertificate(t testing.TB, names ...string) (*x509.Certificate, tls.Certificate, domains.KeyPair) {
	t.Helper()
	valid := x509.Certificate{NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}

	ca := valid
	ca.SerialNumber, ca.Subject = big.NewInt(1), pkix.Name{CommonName: "mailhint test CA"}
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	caKey := testKey(t)
	caDER, err := x509.CreateCertificate(rand.Reader, &ca, &ca, caKey.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	leaf := valid
	leaf.SerialNumber, leaf.DNSNames = big.NewInt(2), names
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	key := testKey(t)
	der, err := x509.CreateCertificate(rand.Reader, &leaf, &ca, key.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(caDER)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	pair := domains.KeyPair{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	writePEM(t, pair.Cert, "CERTIFICATE", der)
	writePEM(t, pair.Key, "PRIVATE KEY", keyDER)
	return parsed, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pair
}

func writePEM(t testing.TB, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func testKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
