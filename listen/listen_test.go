package listen

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"mailhint/keypairs/keypairtest"
)

// testTimeout is how long a test waits for what must happen, on a machine that is busy with other things.
const testTimeout = 60 * time.Second

// echo answers every request when its body has arrived.
func echo(Purpose) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			fmt.Fprintf(w, "from %s", r.RemoteAddr)
		}
	})
}

// testConfig is the usual configuration of a test: plain HTTP and an admin listener on free ports.
func testConfig(t testing.TB) Config {
	return Config{HTTP: []string{"127.0.0.1:0"}, Admin: "127.0.0.1:0", Limits: DefaultLimits(), Handler: echo,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), sockets: sockets{}}
}

// withTLS adds a listener for HTTPS.
func withTLS(t testing.TB, c *Config) {
	c.HTTPS = []string{"127.0.0.1:0"}
	c.TLS = &tls.Config{Certificates: []tls.Certificate{keypairtest.New(t, keypairtest.Options{})}, NextProtos: []string{"h2", "http/1.1"}}
}

// running is Listeners that are being served.
type running struct {
	*Listeners
	http, https, admin string
	stop               func() error // ends Serve, and returns the error of Shutdown
}

// run serves a test's configuration, changed as the test needs, until the test ends.
func run(t testing.TB, change func(*Config)) *running {
	t.Helper()
	c := testConfig(t)
	if change != nil {
		change(&c)
	}
	l, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Listeners: l}
	addrs := l.Addrs()
	if len(addrs.HTTP) > 0 {
		r.http = addrs.HTTP[0].String()
	}
	if len(addrs.HTTPS) > 0 {
		r.https = addrs.HTTPS[0].String()
	}
	if addrs.Admin != nil {
		r.admin = addrs.Admin.String()
	}
	served := make(chan error, 1)
	go func() { served <- l.Serve() }()
	r.stop = sync.OnceValue(func() error { return errors.Join(l.Shutdown(), <-served) })
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("the server's end: %v", err)
		}
	})
	return r
}

// connect opens a connection from one of this machine's addresses.
func connect(t testing.TB, from, to string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: testTimeout}
	c, err := d.Dial("tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(testTimeout))
	return c
}

const goodRequest = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"

// askOn sends a good request on an open connection, and reports whether it was answered.
func askOn(c net.Conn) bool {
	if _, err := io.WriteString(c, goodRequest); err != nil {
		return false
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, r.Body)
	return err == nil && r.StatusCode == 200
}

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

// refuses reports whether no connection can be opened.
func refuses(address string) bool {
	c, err := net.Dial("tcp", address)
	if err == nil {
		c.Close()
	}
	return err != nil
}

// buffer is a log that can be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct{ address, want string }{
		{taken.Addr().String(), "another program is listening there"},
		{"192.0.2.1:0", "does not have that address"},
		{"nonsense", `as "host:port"`},
	} {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		config := testConfig(t)
		config.HTTP = []string{c.address}
		config.sockets = sockets{Admin: {free}}
		if _, err := Open(config); err == nil || !strings.Contains(err.Error(), c.address) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Open with %s: %v, want the address and %q", c.address, err, c.want)
		}
		if !refuses(free.Addr().String()) {
			t.Errorf("Open with %s: another listener is left open after the error", c.address)
		}
	}
}

// Alive distinguishes listeners that hang from those that work, whatever they are for and whoever may connect.
func TestAlive(t *testing.T) {
	t.Parallel()
	log := new(buffer)
	good := run(t, func(c *Config) {
		withTLS(t, c)
		trustLoopback(c)
		c.Log = slog.New(slog.NewTextHandler(log, nil))
	})
	if err := good.Alive(testTimeout); err != nil {
		t.Errorf("a good server: %v", err)
	}
	if strings.Contains(log.String(), "PROXY") {
		t.Errorf("the check looks like a proxy's mistake:\n%s", log)
	}
	stuck, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts connections, the program does not
	if err != nil {
		t.Fatal(err)
	}
	defer stuck.Close()
	hangs := &Listeners{all: []*listener{{purpose: HTTP, Listener: stuck}}}
	if err := hangs.Alive(100 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "did not react") {
		t.Errorf("a listener that hangs: %v", err)
	}
	go func() { // one that accepts, and whose goroutines hang
		for {
			c, err := stuck.Accept()
			if err != nil {
				return
			}
			go io.Copy(io.Discard, c)
		}
	}()
	if err := hangs.Alive(100 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "did not react") {
		t.Errorf("a listener that accepts and says nothing: %v", err)
	}
	stuck.Close() // like one behind a firewall, or with addresses that this machine cannot reach
	if err := hangs.Alive(testTimeout); err != nil {
		t.Errorf("a listener to which no connection can be opened: %v", err)
	}
}

func TestErrorLogIsAnonymous(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"http: TLS handshake error from 192.0.2.1:1234: EOF":                                                                         "http: TLS handshake error: EOF",
		"http: TLS handshake error from [2001:db8::1]:1234: tls: first record does not look like a TLS handshake":                    "http: TLS handshake error: tls: first record does not look like a TLS handshake",
		"http: TLS handshake error from 192.0.2.1:1234: read tcp 10.0.0.1:443->192.0.2.1:1234: read: connection reset by peer":       "http: TLS handshake error: connection reset by peer",
		"http: TLS handshake error from 192.0.2.1:1234: tls: client requested unsupported application protocols ([\"bob@example\"])": "http: TLS handshake error: tls: client requested unsupported application protocols",
		"http2: server: error reading preface from client 192.0.2.1:1234: timeout waiting for client preface":                        "http2: server: error reading preface: timeout waiting for client preface",
		"http: panic serving 192.0.2.1:1234: bob@example.com\nstack":                                                                 "http: panic",
		`http: something new about "bob@example.com"`:                                                                                "http: something new about ",
	} {
		if got := anonymous(line); got != want {
			t.Errorf("%s\nbecomes %q\nwant    %q", line, got, want)
		}
	}
	log := new(buffer)
	errorLog(slog.New(slog.NewTextHandler(log, nil)), HTTPS).Print("http: Accept error: accept tcp: too many open files; retrying in 5ms")
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "LimitNOFILE") {
		t.Errorf("the limit of open files is logged as %q", log)
	}
}
