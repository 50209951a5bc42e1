package listen

import (
	"bufio"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// secured does the handshake of a client that offers some protocols.
func secured(t *testing.T, c net.Conn, protocols ...string) *tls.Conn {
	t.Helper()
	s := tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: protocols})
	if err := s.Handshake(); err != nil {
		t.Fatal(err)
	}
	return s
}

// Requests that net/http answers with 5xx before any handler runs are answered with 400, with TLS and without, and the connection ends.
func TestClientFaults(t *testing.T) {
	t.Parallel()
	l := run(t, func(c *Config) { withTLS(t, c) })
	for name, open := range map[string]func() net.Conn{
		"plain":         func() net.Conn { return connect(t, "127.0.0.1", l.http) },
		"TLS":           func() net.Conn { return secured(t, connect(t, "127.0.0.1", l.https), "http/1.1") },
		"TLS, no ALPN":  func() net.Conn { return secured(t, connect(t, "127.0.0.1", l.https)) },
		"TLS, any ALPN": func() net.Conn { return secured(t, connect(t, "127.0.0.1", l.https), "http/1.1", "other") },
	} {
		for _, request := range []string{
			"POST / HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: gzip\r\n\r\n",
			"GET / HTTP/3.7\r\nHost: example.com\r\n\r\n",
		} {
			for _, before := range []bool{false, true} { // a good request on the same connection
				c := open()
				if before && !askOn(c) {
					t.Fatalf("%s: no answer to a good request", name)
				}
				if _, err := io.WriteString(c, request); err != nil {
					t.Fatal(err)
				}
				r, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatalf("%s, %q: %v", name, request, err)
				}
				body, err := io.ReadAll(r.Body)
				if r.StatusCode != http.StatusBadRequest || string(body) != "400 Bad Request" || err != nil {
					t.Errorf("%s, %q: %s, %q, %v; want 400 and the end of the connection", name, request, r.Status, body, err)
				}
			}
		}
	}
}

// A client gets the protocol it prefers, and the handler sees that there is TLS.
func TestProtocolsWithTLS(t *testing.T) {
	t.Parallel()
	l := run(t, func(c *Config) {
		withTLS(t, c)
		c.Handler = func(Purpose) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.TLS != nil {
					io.WriteString(w, r.Proto)
				}
			})
		}
	})
	for want, protocols := range map[string]func(*http.Protocols){
		"HTTP/1.1": func(p *http.Protocols) { p.SetHTTP1(true) },
		"HTTP/2.0": func(p *http.Protocols) { p.SetHTTP1(true); p.SetHTTP2(true) },
	} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, Protocols: new(http.Protocols)}
		protocols(transport.Protocols)
		r, err := (&http.Client{Transport: transport, Timeout: testTimeout}).Get("https://" + l.https)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r.Body)
		r.Body.Close()
		if string(got) != want || err != nil {
			t.Errorf("the handler sees %q, %v; want %s with TLS", got, err, want)
		}
		transport.CloseIdleConnections()
	}
}

// A client that forgets TLS gets an answer that says so.
func TestPlainHTTPAtHTTPS(t *testing.T) {
	t.Parallel()
	log := new(buffer)
	l := run(t, func(c *Config) {
		withTLS(t, c)
		c.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	c := connect(t, "127.0.0.1", l.https)
	io.WriteString(c, goodRequest) // an error shows below
	got, _ := io.ReadAll(c)        // it may be reset after the answer
	if !strings.HasPrefix(string(got), "HTTP/1.0 400 ") || !strings.Contains(string(got), "HTTP request to an HTTPS server") {
		t.Errorf("answer: %q", got)
	}
	eventually(t, "the failed handshake is logged", func() bool { return strings.Contains(log.String(), "TLS handshake error") })
}

// A connection whose handshake has not begun, or not ended, when the server stops is still answered.
func TestHandshakeAfterStop(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"http/1.1", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			l := run(t, func(c *Config) {
				withTLS(t, c)
				c.Limits.ReadHeader, c.Limits.Stop = testTimeout, 2*testTimeout
			})
			c := connect(t, "127.0.0.1", l.https)
			eventually(t, "the connection is accepted", func() bool { return l.tracker.size() == 1 })
			stopped := make(chan error, 1)
			go func() { stopped <- l.stop() }()
			eventually(t, "nothing new is accepted", func() bool { return refuses(l.https) })
			s := secured(t, c, protocol)
			if protocol == "h2" {
				if err := greet(t, s)(); err != nil {
					t.Error(err)
				}
			} else if !askOn(s) {
				t.Error("no answer")
			}
			s.Close()
			if err := <-stopped; err != nil {
				t.Errorf("stop: %v", err)
			}
		})
	}
}

// A handshake that panics ends its connection, and no other.
func TestHandshakePanics(t *testing.T) {
	t.Parallel()
	log := new(buffer)
	l := run(t, func(c *Config) {
		withTLS(t, c)
		certificate := c.TLS.Certificates[0]
		c.TLS.Certificates = nil
		c.TLS.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName == "panic.example" {
				panic(hello.ServerName)
			}
			return &certificate, nil
		}
		c.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	bad := tls.Client(connect(t, "127.0.0.1", l.https), &tls.Config{InsecureSkipVerify: true, ServerName: "panic.example"})
	if err := bad.Handshake(); err == nil {
		t.Error("the handshake succeeds")
	}
	eventually(t, "the connection is closed", func() bool { return l.tracker.size() == 0 })
	if !strings.Contains(log.String(), "http: panic") || strings.Contains(log.String(), "panic.example") {
		t.Errorf("the log must show the panic without the name:\n%s", log)
	}
	if !askOn(secured(t, connect(t, "127.0.0.1", l.https), "http/1.1")) {
		t.Error("the next connection gets no answer")
	}
}

// A handshake that waits for something longer than a client may take, as one for a new certificate does, does not delay the end.
func TestStopDuringLongHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secure := newPipes()
		l := run(t, func(c *Config) {
			withTLS(t, c)
			certificate := c.TLS.Certificates[0]
			c.TLS.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
				hello.Conn.SetDeadline(time.Now().Add(time.Minute))
				time.Sleep(time.Minute)
				return &certificate, nil
			}
			c.TLS.Certificates = nil
			c.HTTP, c.HTTPS, c.Admin = nil, nil, ""
			c.sockets = sockets{HTTPS: {secure}}
		})
		c := tls.Client(secure.dial(t), &tls.Config{InsecureSkipVerify: true})
		go c.Handshake() // it fails
		synctest.Wait()
		began := time.Now()
		if err := l.stop(); err != nil || time.Since(began) > 6*time.Second {
			t.Errorf("stop: %v after %s, want 5s", err, time.Since(began))
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := l.tracker.size(); n != 0 {
			t.Errorf("%d connections stay open after the last handshake", n)
		}
	})
}
