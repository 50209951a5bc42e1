package postgres_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mailhint/certs"
	"mailhint/certs/pebbletest"
	"mailhint/postgres"
	"mailhint/postgres/postgrestest"
)

// orders is a CA that counts which names are ordered, and is asked one thing at a time: Pebble 2.10.1 deadlocks otherwise.
type orders struct {
	mutex  sync.Mutex
	byName map[string]int
}

// front stands in front of Pebble.
func (o *orders) front(t *testing.T, ca *pebbletest.CA) string {
	t.Helper()
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "https", Host: ca.Address})
			r.Out.Host = r.In.Host
		},
		Transport:      &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Roots}},
		ModifyResponse: o.count,
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mutex.Lock()
		defer o.mutex.Unlock()
		text, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(text))
		proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), bodyKey{}, text)))
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{ca.Root}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL + "/dir"
}

type bodyKey struct{}

// count counts an order that was accepted.
func (o *orders) count(r *http.Response) error {
	if r.Request.URL.Path != "/order-plz" || r.StatusCode != http.StatusCreated {
		return nil
	}
	var jws struct{ Payload string }
	var order struct{ Identifiers []struct{ Value string } }
	text, _ := r.Request.Context().Value(bodyKey{}).([]byte)
	if err := json.Unmarshal(text, &jws); err != nil {
		return err
	}
	payload, err := base64.RawURLEncoding.DecodeString(jws.Payload)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(payload, &order); err != nil {
		return err
	}
	for _, id := range order.Identifiers {
		o.byName[id.Value]++
	}
	return nil
}

// Three replicas that ask for the same names at the same moment order each of them once, although the CA always asks the same one of them, which has
// not placed most of the orders.
func TestThreeReplicasOrderOnce(t *testing.T) {
	names := 200
	if testing.Short() {
		names = 20
	}
	server := postgrestest.Shared(t)
	_, database := open(t)
	var answers http.Handler = http.NotFoundHandler()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ca := pebbletest.Start(t, l.Addr().(*net.TCPAddr).Port, 1, 24*time.Hour)
	counted := &orders{byName: make(map[string]int)}
	directory := counted.front(t, ca)
	var replicas []*certs.Certificates
	for range 3 {
		s := reopen(t, postgres.Config{URL: server.URL(database), MaxConns: 8})
		c, err := certs.New(certs.Config{
			Allowed: func(name string) bool { return strings.HasSuffix(name, ".test") },
			CAs:     []string{directory}, Roots: ca.Roots, Profile: pebbletest.Profile, Storage: s.Certificates(), Dir: t.TempDir(), PerHour: 10_000,
			Wait: 4 * time.Minute, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		c.ReachableBy(true, false)
		replicas = append(replicas, c)
	}
	answers = replicas[2].HTTPChallenge(answers)
	web := &http.Server{Handler: answers}
	go web.Serve(l)
	t.Cleanup(func() { web.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, c := range replicas {
		running.Go(func() { c.Run(ctx) })
	}
	defer running.Wait()
	defer cancel()

	serials := make([][]string, len(replicas))
	var asking sync.WaitGroup
	for i, c := range replicas {
		serials[i] = make([]string, names)
		for n := range names {
			asking.Go(func() {
				cert, err := served(c, fmt.Sprintf("n%d.test", n))
				if err != nil {
					t.Errorf("replica %d, name %d: %v", i, n, err)
					return
				}
				serials[i][n] = cert.SerialNumber.String()
			})
		}
	}
	asking.Wait()
	counted.mutex.Lock()
	defer counted.mutex.Unlock()
	for n := range names {
		if count := counted.byName[fmt.Sprintf("n%d.test", n)]; count != 1 {
			t.Errorf("name %d was ordered %d times", n, count)
		}
	}
	if !slices.Equal(serials[0], serials[1]) || !slices.Equal(serials[0], serials[2]) {
		t.Error("the replicas serve different certificates")
	}
}

// served returns the certificate that a client gets, which may wait for an order.
func served(c *certs.Certificates, name string) (*x509.Certificate, error) {
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		defer far.Close()
		tls.Server(far, &tls.Config{GetCertificate: c.GetCertificate}).Handshake() // the client sees an error
	}()
	client := tls.Client(near, &tls.Config{ServerName: name, InsecureSkipVerify: true})
	if err := client.Handshake(); err != nil {
		return nil, err
	}
	return client.ConnectionState().PeerCertificates[0], nil
}

func TestCertificateStorage(t *testing.T) {
	s, _ := open(t)
	c, ctx := s.Certificates(), t.Context()
	for _, key := range []string{"a/b/one.crt", "a/b/one.key", "a/c", "ab/d"} {
		if err := c.Store(ctx, key, []byte(key)); err != nil {
			t.Fatal(err)
		}
	}
	if value, err := c.Load(ctx, "a/b/one.crt"); err != nil || string(value) != "a/b/one.crt" {
		t.Errorf("got %q, %v", value, err)
	}
	for _, test := range []struct {
		path      string
		recursive bool
		want      string
	}{
		{"a", false, "a/b a/c"}, {"a/", false, "a/b a/c"}, {"a", true, "a/b/one.crt a/b/one.key a/c"}, {"", false, "a ab"}, {"a/b", false, "a/b/one.crt a/b/one.key"},
	} {
		keys, err := c.List(ctx, test.path, test.recursive)
		slices.Sort(keys)
		if err != nil || strings.Join(keys, " ") != test.want {
			t.Errorf("list %q, recursive %v: got %q, %v; want %q", test.path, test.recursive, keys, err, test.want)
		}
	}
	if info, err := c.Stat(ctx, "a/b"); err != nil || info.IsTerminal {
		t.Errorf("a directory: %+v, %v", info, err)
	}
	if info, err := c.Stat(ctx, "a/c"); err != nil || !info.IsTerminal || info.Size != 3 || time.Since(info.Modified).Abs() > time.Hour {
		t.Errorf("a value: %+v, %v", info, err)
	}
	if err := c.Delete(ctx, "a"); err != nil {
		t.Error(err)
	}
	if c.Exists(ctx, "a") || !c.Exists(ctx, "ab/d") {
		t.Error("a directory is not deleted, or too much is")
	}
	for _, err := range []error{second(c.Load(ctx, "a/c")), second(c.List(ctx, "a", true)), second(c.Stat(ctx, "a"))} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("what is gone: %v, want ErrNotExist", err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A lock is held by one process; it can be renewed, and one that nobody renews ends by itself.
func TestCertificateLocks(t *testing.T) {
	s, database := open(t)
	mine, theirs, ctx := s.Certificates(), s.Certificates(), t.Context()
	if err := mine.Lock(ctx, "name"); err != nil {
		t.Fatal(err)
	}
	if locked, err := theirs.TryLock(ctx, "name"); locked || err != nil {
		t.Fatalf("a lock that is held: %v, %v", locked, err)
	}
	expire := func() {
		postgrestest.Shared(t).Exec(t, database, "UPDATE mailhint.acme_locks SET expires = now() - interval '1 second'")
	}
	expire()
	if err := mine.RenewLockLease(ctx, "name", time.Minute); err != nil {
		t.Errorf("renewed late, but before anybody else took it: %v", err)
	}
	if locked, err := theirs.TryLock(ctx, "name"); locked || err != nil {
		t.Fatalf("a lock that was renewed: %v, %v", locked, err)
	}
	expire()
	if err := theirs.Lock(ctx, "name"); err != nil {
		t.Fatalf("a lock that has ended: %v", err)
	}
	if err := mine.RenewLockLease(ctx, "name", time.Minute); !errors.Is(err, postgres.ErrLockLost) {
		t.Errorf("renewed after somebody else took it: %v, want ErrLockLost", err)
	}
	if err := mine.Unlock(ctx, "name"); err != nil {
		t.Error(err)
	}
	if locked, err := mine.TryLock(ctx, "name"); locked || err != nil {
		t.Errorf("the lock of another process was released: %v, %v", locked, err)
	}
	if err := theirs.Unlock(ctx, "name"); err != nil {
		t.Error(err)
	}
	if err := mine.Lock(ctx, "name"); err != nil {
		t.Error(err)
	}
}
