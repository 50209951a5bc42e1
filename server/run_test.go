package server

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Slow clients are cut, and do not keep good ones waiting.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	s := run(t, secured(newPair(t, "autoconfig.example.com")), func(s *Server) {
		s.limits.ReadHeader, s.limits.Read, s.limits.Write, s.limits.Idle = time.Second, 2*time.Second, 3*time.Second, time.Second
	})
	const good = "GET /mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + "\r\n"
	var cut sync.WaitGroup
	for i := range 100 {
		ways := []struct{ address, start string }{
			{s.http, "GET /mail/config-v1.1.xml HTTP/1.1\r\nX: "},                                       // a header that does not end
			{s.http, "POST /autodiscover.xml HTTP/1.1\r\n" + hostLine + "Content-Length: 1000\r\n\r\n"}, // a body that does not
			{s.http, ""},              // nothing at all
			{s.http, good},            // an idle connection
			{s.https, "\x16\x03\x01"}, // a handshake that does not end
		}
		way := ways[i%len(ways)]
		c, err := net.Dial("tcp", way.address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		io.WriteString(c, way.start)
		cut.Go(func() {
			c.SetReadDeadline(time.Now().Add(30 * time.Second))
			trickle := make(chan struct{})
			go func() {
				for {
					select {
					case <-trickle:
						return
					case <-time.After(100 * time.Millisecond):
						if way.start != good && way.start != "" {
							io.WriteString(c, "x") // fails once it is cut
						}
					}
				}
			}()
			_, err := io.Copy(io.Discard, c)
			close(trickle)
			if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
				t.Errorf("a client that sent %.40q is not cut", way.start)
			}
		})
	}
	slowest := time.Duration(0)
	for range 20 {
		start := time.Now()
		if r := send(t, s.http, []string{good}, "GET")[0]; r.StatusCode != 200 {
			t.Errorf("a good request beside slow ones: %s", r.Status)
		}
		slowest = max(slowest, time.Since(start))
		time.Sleep(20 * time.Millisecond)
	}
	cut.Wait()
	if slowest >= s.limits.Read { // the time after which a slow client is cut: a good one must not have to wait for that
		t.Errorf("the slowest good request took %v, as long as a slow client is kept", slowest)
	}
}

// Being told to stop fails no request: neither those running, nor those that come before whoever sends them here has seen it.
func TestGracefulShutdown(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	s := run(t, offline(), func(s *Server) {
		s.Drain = 2 * time.Second
		s.handlers.autodiscover = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(entered)
			<-leave
			io.WriteString(w, "late")
		})
	})
	var requests, told atomic.Int64
	var clients sync.WaitGroup
	client := func(keepAlive bool) {
		transport := &http.Transport{DisableKeepAlives: !keepAlive}
		defer transport.CloseIdleConnections()
		for {
			r, err := (&http.Client{Transport: transport}).Get("http://" + s.http + "/mail/config-v1.1.xml")
			if err != nil {
				t.Errorf("failed: %v", err)
				return
			}
			body, err := io.ReadAll(r.Body)
			r.Body.Close()
			if err != nil || r.StatusCode != 200 || string(body) != document {
				t.Errorf("failed: %s %q %v", r.Status, body, err)
				return
			}
			requests.Add(1)
			if s.stopping.Load() { // as a load balancer sees at /-/readyz
				if keepAlive && r.Close {
					told.Add(1)
				}
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	for i := range 4 {
		clients.Go(func() { client(i%2 == 0) })
	}
	late := make(chan response, 1)
	go func() {
		late <- send(t, s.http, []string{"GET /autodiscover.xml HTTP/1.1\r\n" + hostLine + "\r\n"}, "GET")[0]
	}()
	<-entered
	eventually(t, "there is load", func() bool { return requests.Load() > 100 })

	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	eventually(t, "readyz says 503", func() bool {
		status, body := get(t, "http://"+s.admin+"/-/readyz")
		return status == 503 && strings.Contains(body, "shutting down")
	})
	if status, _ := get(t, "http://"+s.http+"/mail/config-v1.1.xml"); status != 200 {
		t.Errorf("a new connection while draining: %d", status)
	}
	clients.Wait()
	eventually(t, "nothing new is accepted", func() bool {
		c, err := net.Dial("tcp", s.http)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	if status, _ := get(t, "http://"+s.admin+"/-/healthz"); status != 200 {
		t.Errorf("healthz while a request still runs: %d", status)
	}
	close(leave)
	if r := <-late; r.StatusCode != 200 || r.body != "late" {
		t.Errorf("the request that was running: %s %q", r.Status, r.body)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Run: %v", err)
	}
	t.Logf("%d requests, %d clients told to go", requests.Load(), told.Load())
}

// A client that sends requests and takes no answers is cut, over TLS too.
func TestClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	s := run(t, secured(newPair(t, "autoconfig.example.com")), func(s *Server) {
		s.limits.Write = 200 * time.Millisecond
		big := make([]byte, 16<<20) // more than the kernel takes for a client
		s.handlers.autoconfig = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(big) })
	})
	for _, address := range []string{s.http, s.https} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if address == s.https {
			c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
		}
		io.WriteString(c, "GET /mail/config-v1.1.xml HTTP/1.1\r\n"+hostLine+"\r\n")
	}
	eventually(t, "both are being answered", func() bool { return s.metrics.inFlight.Load() == 2 })
	eventually(t, "both are cut", func() bool { return s.metrics.inFlight.Load() == 0 })
}
