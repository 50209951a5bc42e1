package server

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"mailhint/domains"
	"mailhint/keypairs/keypairtest"
)

// newPair writes a certificate for some names, and its key.
func newPair(t testing.TB, names ...string) domains.KeyPair {
	t.Helper()
	return writePair(t, t.TempDir(), "", keypairtest.Options{Names: names})
}

func writePair(t testing.TB, dir, base string, o keypairtest.Options) domains.KeyPair {
	t.Helper()
	cert, key := keypairtest.Write(t, dir, base, keypairtest.New(t, o))
	return domains.KeyPair{Cert: cert, Key: key}
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
	s := run(t, secured(
		newPair(t, "first.example"),
		newPair(t, "*.firm.example", "firm.example"),
		newPair(t, "autoconfig.firm.example"),
		newPair(t, "both.example"),
		writePair(t, t.TempDir(), "", keypairtest.Options{Names: []string{"both.example"}, RSA: true}),
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
		t.Errorf("of two keys the first should be used, got %v", cert.PublicKeyAlgorithm)
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
	s := run(t, secured(newPair(t, "autoconfig.example.com")), nil)
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
	s := run(t, secured(newPair(t, "autoconfig.example.com")), nil)
	cache := tls.NewLRUClientSessionCache(1)
	for i, want := range []bool{false, true} {
		c, _ := dial(t, s.https, "autoconfig.example.com", func(c *tls.Config) { c.ClientSessionCache = cache })
		exchangeOn(t, c, []string{"GET /mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + "\r\n"}, "GET") // reads the ticket too
		if got := c.ConnectionState().DidResume; got != want {
			t.Errorf("connection %d resumed: %v, want %v", i, got, want)
		}
	}
}

// A certificate that changes on disk is served without a restart; one that is broken on disk is not, and /-/readyz says so.
func TestCertificatesAreReadAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pair := writePair(t, dir, "cert", keypairtest.Options{Names: []string{"old.example"}})
	s := run(t, secured(pair), func(s *Server) { s.reread = 10 * time.Millisecond })
	serves := func(name string) func() bool {
		return func() bool {
			_, cert := dial(t, s.https, name, nil)
			return cert.Subject.CommonName == name
		}
	}
	writePair(t, dir, "cert", keypairtest.Options{Names: []string{"new-name.example"}})
	eventually(t, "the new certificate is served", serves("new-name.example"))
	good, err := os.ReadFile(pair.Cert)
	if err != nil {
		t.Fatal(err)
	}
	write(t, pair.Cert, string(good[:len(good)/2]))
	eventually(t, "readyz shows the broken file", func() bool {
		status, body := get(t, "http://"+s.admin+"/-/readyz")
		return status == 200 && strings.Contains(body, "still serving the previous certificate") && strings.Contains(body, pair.Cert)
	})
	if !serves("new-name.example")() {
		t.Error("a broken file has replaced the certificate")
	}
	write(t, pair.Cert, string(good))
	eventually(t, "readyz reports no fault any more", func() bool {
		_, body := get(t, "http://"+s.admin+"/-/readyz")
		return !strings.Contains(body, "previous")
	})
	if expiry := gather(t, s.Server, "mailhint_certificate_expiry_timestamp_seconds"); expiry < float64(time.Now().Unix()) {
		t.Errorf("expiry metric %v is in the past", expiry)
	}
}

// testTimeout is how long a test waits for what must happen, on a machine that is busy with other things.
const testTimeout = 60 * time.Second

// eventually waits until something is so.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(testTimeout); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("not within %s: %s", testTimeout, what)
}
