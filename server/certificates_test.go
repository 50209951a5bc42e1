package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailhint/domains"
)

type pairOptions struct {
	names   []string
	expired bool
	rsa     bool
	file    string // name of the files without ending; the first name if empty
}

// newPair writes a self-signed certificate and its key.
func newPair(t testing.TB, dir string, o pairOptions) domains.KeyPair {
	t.Helper()
	var public, private any
	if o.rsa {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		public, private = &key.PublicKey, key
	} else {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		public, private = &key.PublicKey, key
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: o.names[0]},
		DNSNames:     o.names,
		NotBefore:    time.Now().Add(-48 * time.Hour),
		NotAfter:     time.Now().Add(48 * time.Hour),
	}
	if o.expired {
		template.NotAfter = time.Now().Add(-24 * time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	file := o.file
	if file == "" {
		file = strings.ReplaceAll(o.names[0], "*", "wildcard")
	}
	pair := domains.KeyPair{Cert: filepath.Join(dir, file+".pem"), Key: filepath.Join(dir, file+".key")}
	write(t, pair.Cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, pair.Key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
	return pair
}

func write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// secured is a configuration with TLS on a free port.
func secured(pairs ...domains.KeyPair) domains.Server {
	return domains.Server{
		HTTP: []string{"127.0.0.1:0"}, HTTPS: []string{"127.0.0.1:0"}, TLS: "files", Certificates: pairs, Admin: "127.0.0.1:0",
	}
}

// dial makes a TLS connection and returns it with the certificate it was shown.
func dial(t testing.TB, address, name string, change func(*tls.Config)) (*tls.Conn, *x509.Certificate) {
	t.Helper()
	config := &tls.Config{ServerName: name, InsecureSkipVerify: true}
	if change != nil {
		change(config)
	}
	c, err := tls.Dial("tcp", address, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, c.ConnectionState().PeerCertificates[0]
}

func TestCertificateChosenByName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := run(t, secured(
		newPair(t, dir, pairOptions{names: []string{"first.example"}}),
		newPair(t, dir, pairOptions{names: []string{"*.firm.example", "firm.example"}}),
		newPair(t, dir, pairOptions{names: []string{"autoconfig.firm.example"}}),
		newPair(t, dir, pairOptions{names: []string{"both.example"}, file: "both-ecdsa"}),
		newPair(t, dir, pairOptions{names: []string{"both.example"}, file: "both-rsa", rsa: true}),
	), nil)
	for asked, want := range map[string]string{
		"first.example":             "first.example",
		"":                          "first.example",
		"unknown.example":           "first.example",
		"FIRM.example":              "*.firm.example",
		"autodiscover.firm.EXAMPLE": "*.firm.example",
		"autoconfig.firm.example":   "autoconfig.firm.example",
		"a.b.firm.example":          "first.example", // a star stands for one label
	} {
		if _, cert := dial(t, s.https, asked, nil); cert.Subject.CommonName != want {
			t.Errorf("asked for %q: certificate of %s, want %s", asked, cert.Subject.CommonName, want)
		}
	}
	if _, cert := dial(t, s.https, "both.example", nil); cert.PublicKeyAlgorithm != x509.ECDSA {
		t.Errorf("of two keys the first should serve, got %v", cert.PublicKeyAlgorithm)
	}
	_, cert := dial(t, s.https, "both.example", func(c *tls.Config) {
		c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	})
	if cert.PublicKeyAlgorithm != x509.RSA {
		t.Errorf("a client that knows only RSA got %v", cert.PublicKeyAlgorithm)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	s := run(t, secured(newPair(t, t.TempDir(), pairOptions{names: []string{"autoconfig.example.com"}})), nil)
	if _, err := tls.Dial("tcp", s.https, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is accepted")
	}

	client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	r, err := client.Get("https://" + s.https + "/Mail//config-v1.1.xml")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.ProtoMajor != 2 || r.StatusCode != 200 || !strings.HasPrefix(r.Header.Get("X-Seen"), "https ") {
		t.Errorf("%s %s %q, want HTTP/2, 200 and https", r.Proto, r.Status, r.Header.Get("X-Seen"))
	}
	request, _ := http.NewRequest("GET", "https://"+s.https+"/mail/config-v1.1.xml", nil)
	request.Header.Set("X-Long", strings.Repeat("x", 17<<10))
	if _, err := client.Do(request); err == nil || !strings.Contains(err.Error(), "advertised limit") { // Go's client obeys by itself
		t.Errorf("HTTP/2 header of 17 KiB: %v, want it refused", err)
	}

	c, _ := dial(t, s.https, "autoconfig.example.com", nil)
	if r := exchangeOn(t, c, []string{"GET https://autoconfig.example.com/mail/config-v1.1.xml HTTP/1.1\r\nHost: autoconfig.example.com\r\n\r\n"}, "GET")[0]; r.StatusCode != 200 {
		t.Errorf("HTTP/1.1 over TLS: %s", r.Status)
	}
	if r := send(t, s.https, []string{"GET / HTTP/1.1\r\n" + hostLine + "\r\n"}, "GET")[0]; r.StatusCode != 400 {
		t.Errorf("plain http at the https port: %s, want 400", r.Status)
	}
	s.stop()
	for _, line := range strings.Split(s.log.String(), "\n") {
		if strings.Contains(line, "TLS handshake error") && (strings.Contains(line, "127.0.0.1") || !strings.Contains(line, "level=DEBUG")) {
			t.Errorf("a failed handshake is logged as %s", line)
		}
	}
	if !strings.Contains(s.log.String(), "TLS handshake error") {
		t.Error("a failed handshake does not appear at debug level")
	}
}

func TestSessionTickets(t *testing.T) {
	t.Parallel()
	s := run(t, secured(newPair(t, t.TempDir(), pairOptions{names: []string{"autoconfig.example.com"}})), nil)
	cache := tls.NewLRUClientSessionCache(1)
	for i, want := range []bool{false, true} {
		c, _ := dial(t, s.https, "autoconfig.example.com", func(c *tls.Config) { c.ClientSessionCache = cache })
		exchangeOn(t, c, []string{"GET /mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + "\r\n"}, "GET") // reads the ticket too
		if got := c.ConnectionState().DidResume; got != want {
			t.Errorf("connection %d resumed: %v, want %v", i, got, want)
		}
	}
}

func TestCertificatesAreReadAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pair := newPair(t, dir, pairOptions{names: []string{"old.example"}, file: "cert"})
	s := run(t, secured(pair), func(s *Server) { s.limits.look = 10 * time.Millisecond })
	serves := func(name string) func() bool {
		return func() bool {
			_, cert := dial(t, s.https, name, nil)
			return cert.Subject.CommonName == name
		}
	}
	newPair(t, dir, pairOptions{names: []string{"new-name.example"}, file: "cert"})
	eventually(t, "the new certificate is served", serves("new-name.example"))

	good, _ := os.ReadFile(pair.Cert)
	write(t, pair.Cert, string(good[:len(good)/2]))
	eventually(t, "readyz shows the broken file", func() bool {
		status, body := get(t, "http://"+s.admin+"/-/readyz")
		return status == 200 && strings.Contains(body, "a certificate on disk is bad") && strings.Contains(body, pair.Cert)
	})
	if !serves("new-name.example")() {
		t.Error("a broken file took the certificate away")
	}
	if err := s.ReloadCertificates(); err == nil || !strings.Contains(err.Error(), pair.Cert) {
		t.Errorf("ReloadCertificates with a broken file: %v", err)
	}
	if n := strings.Count(s.log.String(), "goes on serving"); n != 1 {
		t.Errorf("the broken file was logged %d times, want once", n)
	}

	write(t, pair.Cert, string(good))
	eventually(t, "readyz is content again", func() bool {
		_, body := get(t, "http://"+s.admin+"/-/readyz")
		return !strings.Contains(body, "bad")
	})
	if err := s.ReloadCertificates(); err != nil {
		t.Error(err)
	}
	if end := gather(t, s.Server, "mailhint_certificate_expiry_timestamp_seconds"); end < float64(time.Now().Unix()) {
		t.Errorf("expiry metric %v lies in the past", end)
	}
}

// eventually waits until something is so.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("after 20 s it is not so that %s", what)
}

func TestCertificateFaults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := newPair(t, dir, pairOptions{names: []string{"a.example"}})
	b := newPair(t, dir, pairOptions{names: []string{"b.example"}})
	text := func(name, text string) string {
		write(t, filepath.Join(dir, name), text)
		return filepath.Join(dir, name)
	}
	for _, c := range []struct {
		name string
		pair domains.KeyPair
		want []string
	}{
		{"key of another", domains.KeyPair{Cert: a.Cert, Key: b.Key}, []string{a.Cert, b.Key, "does not match", "give the key the certificate was made with"}},
		{"exchanged", domains.KeyPair{Cert: a.Key, Key: a.Cert}, []string{"exchanged?"}},
		{"missing", domains.KeyPair{Cert: filepath.Join(dir, "none.pem"), Key: a.Key}, []string{"none.pem does not exist", "[server]"}},
		{"no PEM", domains.KeyPair{Cert: text("text.pem", "hello"), Key: a.Key}, []string{"text.pem", "BEGIN CERTIFICATE"}},
		{"empty", domains.KeyPair{Cert: a.Cert, Key: text("empty.key", "")}, []string{"empty.key", "PEM"}},
		{"password", domains.KeyPair{Cert: a.Cert, Key: text("locked.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n")}, []string{"locked.key has a password", "openssl pkey"}},
		{"directory", domains.KeyPair{Cert: dir, Key: a.Key}, []string{dir, "directory"}},
	} {
		_, err := New(secured(b, c.pair), slog.New(slog.DiscardHandler))
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %q in it", c.name, err, want)
			}
		}
	}
	if _, err := New(secured(), slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "fullchain.pem") {
		t.Errorf("no certificates at all: %v", err)
	}

	log := new(syncBuffer)
	expired := newPair(t, dir, pairOptions{names: []string{"expired.example"}, expired: true})
	if _, err := New(secured(expired), slog.New(slog.NewTextHandler(log, nil))); err != nil {
		t.Errorf("an expired certificate must not stop the server: %v", err)
	}
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), expired.Cert) {
		t.Errorf("no warning about the expired certificate: %s", log)
	}
}
