package certs

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// testCA is a Pebble, Let's Encrypt's small CA for tests, with its name server, and in front of it a proxy that counts orders and
// can be made to refuse or to vanish. Its certificates are valid for the time given.
type testCA struct {
	directory string
	root      *x509.Certificate // of its own https
	roots     *x509.CertPool
	issuing   *x509.CertPool // of what it issues

	orders atomic.Int64 // placed, and accepted
	refuse atomic.Pointer[refusal]
	gone   atomic.Bool // it cuts connections
	turn   sync.Mutex  // Pebble is asked one thing at a time
}

// refusal is how new orders are answered.
type refusal struct {
	status     int
	kind       string // after urn:ietf:params:acme:error:
	detail     string
	retryAfter string
}

// tool finds a program of the tests, or skips.
func tool(t testing.TB, name string) string {
	t.Helper()
	built, err := filepath.Abs(filepath.Join("..", "build", "tools", name))
	if err == nil {
		if _, err := os.Stat(built); err == nil {
			return built
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed; make programs builds it", name)
	}
	return path
}

// startCA starts a CA that asks back at these ports. It tries again if somebody else was faster at one of its own ports.
func startCA(t testing.TB, httpPort, tlsPort int, valid time.Duration) *testCA {
	t.Helper()
	for range 5 {
		if ca := tryCA(t, httpPort, tlsPort, valid); ca != nil {
			return ca
		}
	}
	t.Fatal("Pebble does not answer, five times")
	return nil
}

// tryCA returns nil if the CA does not come up.
func tryCA(t testing.TB, httpPort, tlsPort int, valid time.Duration) *testCA {
	t.Helper()
	pebble, dns := tool(t, "pebble"), tool(t, "pebble-challtestsrv")
	dir := t.TempDir()
	cert := selfSigned(t)
	ca := &testCA{root: cert.Leaf, roots: x509.NewCertPool(), issuing: x509.NewCertPool()}
	ca.roots.AddCert(cert.Leaf)
	writePair(t, dir, cert)

	resolver, management, address := freePort(t), freePort(t), freePort(t)
	start(t, nil, dns, "-dnsserver", resolver, "-management", freePort(t), "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
		"-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "")
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": address, "managementListenAddress": management, "httpPort": httpPort, "tlsPort": tlsPort,
		"certificate": filepath.Join(dir, "cert.pem"), "privateKey": filepath.Join(dir, "key.pem"),
		"profiles":   map[string]any{"test": map[string]any{"description": "for tests", "validityPeriod": int(valid.Seconds())}},
		"retryAfter": map[string]int{"authz": 0, "order": 0},
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	// No authorization is used again, and there is no random wait before the CA's questions. It refuses 5 % of the nonces, as it
	// does by itself.
	start(t, []string{"PEBBLE_AUTHZREUSE=0", "PEBBLE_VA_NOSLEEP=1"}, pebble, "-config", file, "-dnsserver", resolver)

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.roots}}}
	t.Cleanup(client.CloseIdleConnections)
	root := untilAnswers(client, "https://"+management+"/roots/0")
	if root == nil || untilAnswers(client, "https://"+address+"/dir") == nil {
		return nil
	}
	if !ca.issuing.AppendCertsFromPEM(root) {
		t.Fatalf("Pebble's root is no certificate: %s", root)
	}
	ca.directory = ca.proxy(t, address, cert) + "/dir"
	return ca
}

// proxy stands in front of Pebble, which names its addresses as it is asked.
func (ca *testCA) proxy(t testing.TB, pebble string, cert *tls.Certificate) string {
	t.Helper()
	front := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "https", Host: pebble})
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
		// Pebble 2.10.1 comes to a standstill when many ask at once: while it looks for an authorization to use again it holds its
		// store and waits for each authorization, and whoever changes one of those waits for the store.
		ca.turn.Lock()
		defer ca.turn.Unlock()
		front.ServeHTTP(w, r)
	}), ErrorLog: quiet, TLSConfig: &tls.Config{Certificates: []tls.Certificate{*cert}}}
	l := listen(t)
	go server.ServeTLS(l, "", "")
	t.Cleanup(func() { server.Close() })
	return "https://" + l.Addr().String()
}

func (r *refusal) answer(w http.ResponseWriter) {
	if r.retryAfter != "" {
		w.Header().Set("Retry-After", r.retryAfter)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(r.status)
	json.NewEncoder(w).Encode(map[string]any{"type": "urn:ietf:params:acme:error:" + r.kind, "detail": r.detail, "status": r.status})
}

// untilAnswers waits for an address to answer, and returns nil if it does not.
func untilAnswers(client *http.Client, address string) []byte {
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		res, err := client.Get(address)
		if err == nil {
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err == nil && res.StatusCode == http.StatusOK {
				return body
			}
		}
	}
	return nil
}

// start runs a program until the test ends.
func start(t testing.TB, env []string, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	var last lastLines
	cmd.Stdout, cmd.Stderr = &last, &last
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		cmd.Wait() // killed, which is an error
		if t.Failed() {
			t.Logf("the last that %s said:\n%s", filepath.Base(name), last.String())
		}
	})
}

// lastLines keeps the end of what is written.
type lastLines struct {
	mu   sync.Mutex
	text []byte
}

func (l *lastLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text = append(l.text, p...); len(l.text) > 16<<10 {
		l.text = bytes.Clone(l.text[len(l.text)-8<<10:])
	}
	return len(p), nil
}

func (l *lastLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// freePort returns an address that was free a moment ago, for programs that cannot choose one.
func freePort(t testing.TB) string {
	t.Helper()
	l := listen(t)
	defer l.Close()
	return l.Addr().String()
}

func selfSigned(t testing.TB) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func writePair(t testing.TB, dir string, cert *tls.Certificate) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: cert.Certificate[0]}, "key.pem": {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// front is a server that answers with the certificates of some Certificates, which can be exchanged, and the CA's questions.
type front struct {
	http, https net.Listener
	certs       atomic.Pointer[Certificates]
}

func newFront(t testing.TB) *front {
	t.Helper()
	f := &front{http: listen(t), https: listen(t)}
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
	plain := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.certs.Load().HTTPChallenge(hello).ServeHTTP(w, r)
	})}
	secure := &http.Server{Handler: hello, ReadHeaderTimeout: 5 * time.Second, ErrorLog: nil, TLSConfig: &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1", ChallengeProtocol},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return f.certs.Load().GetCertificate(hello)
		},
	}}
	plain.ErrorLog, secure.ErrorLog = quiet, quiet
	go plain.Serve(f.http)
	go secure.ServeTLS(f.https, "", "")
	t.Cleanup(func() { plain.Close(); secure.Close() })
	return f
}

func (f *front) ports() (http, https int) { return portOf(f.http), portOf(f.https) }

func portOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// handshake asks for a name and returns its certificate.
func (f *front) handshake(name string, roots *x509.CertPool) (*x509.Certificate, error) {
	d := &tls.Dialer{NetDialer: &net.Dialer{Timeout: 30 * time.Second}, Config: &tls.Config{ServerName: name, RootCAs: roots,
		NextProtos: []string{"http/1.1"}}}
	conn, err := d.Dial("tcp", f.https.Addr().String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

// serve runs certificates behind the front until the test ends, or stop is called.
func (f *front) serve(t testing.TB, config Config) (c *Certificates, stop func()) {
	t.Helper()
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	c.ListensOn(f.ports())
	f.certs.Store(c)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { c.Run(ctx); close(done) }()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
		c.Close()
	})
	t.Cleanup(stop)
	return c, stop
}

// config is a configuration for one CA, with all names below "test" allowed.
func (ca *testCA) config(dir string) Config {
	return Config{
		Allowed: func(name string) bool { return strings.HasSuffix(name, ".test") },
		CAs:     []string{ca.directory}, Roots: ca.roots, Profile: "test", Dir: dir, PerHour: 10_000, Log: quietLog,
	}
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, within time.Duration, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %s: %s", within, what)
		}
	}
}

// manualClock stands still until it is moved.
type manualClock struct {
	mu     sync.Mutex
	now    time.Time
	timers []manualTimer
}

type manualTimer struct {
	at time.Time
	c  chan time.Time
}

func (m *manualClock) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *manualClock) After(d time.Duration) <-chan time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := make(chan time.Time, 1)
	if d <= 0 {
		c <- m.now
	} else {
		m.timers = append(m.timers, manualTimer{m.now.Add(d), c})
	}
	return c
}

func (m *manualClock) advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
	var later []manualTimer
	for _, timer := range m.timers {
		if timer.at.After(m.now) {
			later = append(later, timer)
		} else {
			timer.c <- m.now
		}
	}
	m.timers = later
}

func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("autoconfig.d%d.test", i)
	}
	return list
}
