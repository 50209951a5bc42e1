package certs

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mholt/acmez/v3/acme"

	"mailhint/keypairs/keypairtest"
)

// The numbers in this file are those of docs/certificates.md.

// addressedConn is a connection of a client with an address.
type addressedConn struct {
	net.Conn
	from string
}

type textAddr string

func (a textAddr) Network() string { return "tcp" }
func (a textAddr) String() string  { return string(a) }

func (c addressedConn) RemoteAddr() net.Addr { return textAddr(c.from) }

// pending returns certificates that do not run, so that all handshakes wait.
func pending(t *testing.T, listed func(string) bool) *Certificates {
	t.Helper()
	config := (&testCA{directory: "https://127.0.0.1:1/dir"}).config("")
	config.Storage, config.Listed = newMemoryStorage(), listed
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// ask begins a handshake, and returns the server's error at its end.
func ask(t *testing.T, c *Certificates, name, client string) <-chan error {
	there, here := net.Pipe()
	t.Cleanup(func() { there.Close(); here.Close() })
	answer := make(chan error, 1)
	go tls.Client(there, &tls.Config{ServerName: name, InsecureSkipVerify: true}).HandshakeContext(t.Context()) // the server's error counts
	go func() {
		answer <- tls.Server(addressedConn{here, client}, &tls.Config{GetCertificate: c.GetCertificate}).HandshakeContext(t.Context())
	}()
	return answer
}

// At most 1,000 handshakes wait for certificates, 200 of them of one client, while others are refused at once.
func TestHandshakesAreBounded(t *testing.T) {
	t.Parallel()
	c := pending(t, nil)
	waiting := func() int {
		c.waiting.mu.Lock()
		defer c.waiting.mu.Unlock()
		return c.waiting.total
	}
	const name = "autoconfig.a.test" // one name, so that only handshakes are counted
	for i := range 1000 {
		ask(t, c, name, fmt.Sprintf("192.0.2.%d:1234", i/200))
	}
	eventually(t, "fewer than 1,000 handshakes wait", func() bool { return waiting() == 1000 })
	if err := <-ask(t, c, name, "198.51.100.1:1"); err == nil || !strings.Contains(err.Error(), "too many handshakes") {
		t.Errorf("one handshake more than 1,000: %v", err)
	}
	c = pending(t, nil)
	for i := range 200 {
		ask(t, c, name, fmt.Sprintf("[2001:db8::%x]:1234", i))
	}
	eventually(t, "fewer than 200 handshakes wait", func() bool { return waiting() == 200 })
	if err := <-ask(t, c, name, "[2001:db8::ffff]:1"); err == nil || !strings.Contains(err.Error(), "too many handshakes") {
		t.Errorf("one handshake more than 200 of one client: %v", err)
	}
	ask(t, c, name, "[2001:db8:0:1::1]:1")
	eventually(t, "another client does not wait", func() bool { return waiting() == 201 })
}

// Of the handshakes for names that are not listed, at most 100 wait, 5 of one client, for 10 names below one registered domain; listed names
// do not suffer.
func TestUnlistedHandshakesAreBounded(t *testing.T) {
	t.Parallel()
	listed := func(name string) bool { return strings.HasSuffix(name, ".listed.test") }
	c := pending(t, listed)
	waiting := func(n int) func() bool {
		return func() bool {
			c.waiting.mu.Lock()
			defer c.waiting.mu.Unlock()
			return c.waiting.total == n
		}
	}
	for i := range 5 {
		ask(t, c, fmt.Sprintf("autoconfig.x%d.d%d.test", i, i), "192.0.2.1:1")
	}
	eventually(t, "fewer than 5 wait", waiting(5))
	if err := <-ask(t, c, "autoconfig.x.d6.test", "192.0.2.1:1"); err == nil || !strings.Contains(err.Error(), "too many names that are not listed") {
		t.Errorf("the sixth of one client: %v", err)
	}
	for i := range 10 {
		ask(t, c, fmt.Sprintf("autoconfig.x%d.same.test", i), fmt.Sprintf("192.0.2.%d:1", 100+i))
	}
	eventually(t, "fewer than 10 below one registered domain wait", waiting(15))
	if err := <-ask(t, c, "autoconfig.x10.same.test", "192.0.2.99:1"); err == nil || !strings.Contains(err.Error(), "too many names") {
		t.Errorf("the eleventh below one registered domain: %v", err)
	}
	for i := range 85 {
		ask(t, c, fmt.Sprintf("autoconfig.x.e%d.test", i), fmt.Sprintf("198.51.100.%d:1", i))
	}
	eventually(t, "fewer than 100 wait", waiting(100))
	if err := <-ask(t, c, "autoconfig.x.f.test", "203.0.113.1:1"); err == nil || !strings.Contains(err.Error(), "too many names that are not listed") {
		t.Errorf("one more than 100: %v", err)
	}
	ask(t, c, "autoconfig.a.listed.test", "192.0.2.1:1")
	eventually(t, "a listed name does not wait", waiting(101))
	if s := c.Status(); s.Refused["unlisted"]+s.Refused["failed"] != 3 {
		t.Errorf("refused handshakes: %v, want 3", s.Refused)
	}
}

// At most 100 names below wildcards have a certificate, while listed names can get one.
func TestLimitBelowWildcards(t *testing.T) {
	t.Parallel()
	c := pending(t, func(name string) bool { return strings.HasSuffix(name, ".listed.test") })
	pair := keypairtest.New(t, keypairtest.Options{})
	for i := range 100 {
		name := fmt.Sprintf("autoconfig.x.d%d.test", i)
		if err := c.takeRoom(t.Context(), name); err != nil {
			t.Fatalf("name %d: %v", i, err)
		}
		storeCertificate(t, c, name, pair)
	}
	if err := c.scan(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.countUnlisted(t.Context())
	if err := <-ask(t, c, "autoconfig.x.d100.test", "192.0.2.1:1"); !errors.Is(err, errWildcardsFull) {
		t.Errorf("the 101st name: %v", err)
	}
	if err := c.takeRoom(t.Context(), "autoconfig.x.d100.test"); !errors.Is(err, errWildcardsFull) {
		t.Errorf("an order for the 101st name: %v", err)
	}
	if err := c.takeRoom(t.Context(), "autoconfig.a.listed.test"); err != nil {
		t.Errorf("an order for a listed name: %v", err)
	}
	if err := <-ask(t, c, "autoconfig.x.d99.test", "192.0.2.1:1"); err != nil {
		t.Errorf("the 100th name: %v", err)
	}
	if lines := strings.Join(c.Lines(), "\n"); !strings.Contains(lines, "all certificates for names below wildcards are in use") {
		t.Errorf("readyz does not say so:\n%s", lines)
	}
}

// A challenge is answered only under the host that it is about, and only for names that may have a certificate.
func TestChallengeUnderForeignHost(t *testing.T) {
	t.Parallel()
	c := pending(t, nil)
	present := func(key, name string) {
		t.Helper()
		for kind, token := range map[string]string{acme.ChallengeTypeHTTP01: "http", acme.ChallengeTypeTLSALPN01: "tls"} {
			challenge := acme.Challenge{Type: kind, Token: token, KeyAuthorization: "secret", Identifier: acme.Identifier{Type: "dns", Value: name}}
			s := solver{c.storage, c.cas[0].key, new(error)}
			if err := s.Present(t.Context(), challenge); err != nil {
				t.Fatal(err)
			}
			text, err := c.storage.Load(t.Context(), challengeKey(c.cas[0].key, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.storage.Store(t.Context(), challengeKey(c.cas[0].key, key), text); err != nil {
				t.Fatal(err)
			}
			next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
			w := httptest.NewRecorder()
			c.HTTPChallenge(next).ServeHTTP(w, httptest.NewRequest("GET", "http://"+key+"/.well-known/acme-challenge/http", nil))
			cert, err := c.GetCertificate(challengeHello(key))
			if strings.Contains(w.Body.String(), "secret") || cert != nil {
				t.Errorf("the %s challenge of %s is answered under %s", kind, name, key)
			}
			if strings.HasSuffix(key, ".test") && err == nil {
				t.Errorf("a handshake with %s for %s has no error", kind, key)
			}
		}
	}
	present("autoconfig.b.test", "autoconfig.a.test") // the file of one name with the challenge of another
	present("autoconfig.a.example", "autoconfig.a.example")
	if n := c.Status().Refused["challenge"]; n != 2 {
		t.Errorf("%d handshakes of CAs are counted as refused, want 2", n)
	}
}

// A CA that cannot be reached, and says for how long, gets no orders until then, however short our own pause is; an hour at most.
func TestRetryAfterOfCAThatIsAway(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{"600": 10 * time.Minute, "100000": time.Hour, "": unreachablePause} {
		var asked atomic.Int64
		ca := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			if header != "" {
				w.Header().Set("Retry-After", header)
			}
			w.WriteHeader(http.StatusServiceUnavailable)
		}))
		t.Cleanup(ca.Close)
		clock := newManualClock()
		config := (&testCA{directory: ca.URL}).config("")
		config.Storage, config.Clock = newMemoryStorage(), clock
		config.Roots = ca.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		c, err := New(config)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Get(t.Context(), names(1)[0]); !errors.Is(err, errNoCA) {
			t.Errorf("Retry-After %q: %v", header, err)
		}
		account := c.Status().Accounts[0]
		if wait := account.Until.Sub(clock.Now()); wait < want*3/4 || wait > want*5/4 || header != "" && wait != want {
			t.Errorf("Retry-After %q: the next order in %s, want %s", header, wait, want)
		}
		before := asked.Load()
		if err := c.Get(t.Context(), names(1)[0]); !errors.Is(err, errNoCA) || asked.Load() != before {
			t.Errorf("Retry-After %q: asked again too early: %v", header, err)
		}
		c.Close()
	}
}

// What one CA says of a name decides whether the next is asked: it is after a refusal for the CA's own reasons, and is not when the
// next would find the same.
func TestNextCAAfterRefusal(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	first, second := startCA(t, httpPort, tlsPort, 90*day), startCA(t, httpPort, tlsPort, 90*day)
	first.roots.AddCert(second.root)
	for i, c := range []struct {
		refusal refusal
		next    bool
	}{
		{refusal{403, "caa", "CAA forbids", ""}, true},
		{refusal{403, "rejectedIdentifier", "a policy", ""}, true},
		{refusal{403, "userActionRequired", "new terms", ""}, true},
		{refusal{429, "rateLimited", "too many certificates already issued for d4.test", "60"}, true},
		{refusal{503, "serverInternal", "maintenance", ""}, true},
		{refusal{400, "dns", "no such name", ""}, false},
		{refusal{403, "unauthorized", "wrong answer", ""}, false},
		{refusal{400, "connection", "refused", ""}, false},
	} {
		first.refuse.Store(&c.refusal)
		config := first.config("")
		config.CAs, config.Storage = append(config.CAs, second.directory), newMemoryStorage()
		cs, err := New(config)
		if err != nil {
			t.Fatal(err)
		}
		f.certs.Store(cs)
		before := second.orders.Load()
		err = cs.Get(t.Context(), fmt.Sprintf("autoconfig.d%d.test", i+1))
		if asked := second.orders.Load() > before; asked != c.next || (err == nil) != c.next {
			t.Errorf("after %s the next CA was asked: %v, want %v: %v", c.refusal.kind, asked, c.next, err)
		}
		cs.Close()
	}
}
