package server

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Shutting down fails no request: neither those that are running, nor those that come before a load balancer has seen /-/readyz.
func TestGracefulShutdown(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	s := run(t, offline(), func(s *Server) {
		s.Drain = 5 * time.Second
		s.handlers.autodiscover = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(entered)
			<-leave
			io.WriteString(w, "late")
		})
	})
	var requests, closing atomic.Int64
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
					closing.Add(1)
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
	if r := send(t, s.http, []string{"GET /mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + "\r\n"}, "GET")[0]; r.StatusCode != 200 || !r.Close {
		t.Errorf("a new connection while draining: %s, Connection %q, want 200 and close", r.Status, r.Header["Connection"])
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
	t.Logf("%d requests, %d connections closed by the server", requests.Load(), closing.Load())
}

// A [server] table that has changed since the start is used only after a restart, and /-/readyz says so.
func TestRestartNeeded(t *testing.T) {
	d := snapshotOf(t, "example.com")
	s, err := New(d.Server, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s.Configure(d, nil)
	if line := s.restartNeeded(); line != "" {
		t.Errorf("without a change: %q", line)
	}
	changed := snapshotOf(t, "example.com", "example.org")
	changed.Server.Admin = "127.0.0.1:9"
	s.Configure(changed, nil)
	if line := s.restartNeeded(); line != "the [server] table has changed; restart mailhint to apply it\n" {
		t.Errorf("after a change: %q", line)
	}
}
