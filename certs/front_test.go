package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mailhint/certs/pebbletest"
)

// front is a server that serves the certificates of a Certificates, which can be exchanged, and answers the CA's challenges.
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

// closedPort returns a port at which nothing listens.
func closedPort(t testing.TB) int {
	t.Helper()
	return portIn(t, pebbletest.FreeAddress(t))
}

func portIn(t testing.TB, address string) int {
	t.Helper()
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return int(a.Port())
}

// handshake asks for a name and returns its certificate.
func (f *front) handshake(name string, roots *x509.CertPool) (*x509.Certificate, error) {
	d := &tls.Dialer{NetDialer: &net.Dialer{Timeout: testTimeout}, Config: &tls.Config{ServerName: name, RootCAs: roots,
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

func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("autoconfig.d%d.test", i)
	}
	return list
}

// testTimeout is how long a test waits for what must happen. Other programs may be busy on the same machine.
const testTimeout = 2 * time.Minute

// eventually waits until a condition holds.
func eventually(t testing.TB, problem string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testTimeout); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %s: %s", testTimeout, problem)
		}
	}
}
