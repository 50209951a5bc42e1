package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"mailhint/domains"
)

// document is what the fake protocol packages answer.
const document = "<clientConfig version=\"1.1\"/>\n"

// fakeAnswers behave as the protocol packages do, and show in headers what they were handed.
func fakeAnswers() *Answers {
	show := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Seen", r.URL.Scheme+" "+r.Host+" "+r.URL.Path+" "+r.RemoteAddr)
	}
	write := func(w http.ResponseWriter, text string) {
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		io.WriteString(w, text)
	}
	return &Answers{
		Domains: 2, Profiles: 1,
		Autoconfig: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			show(w, r)
			write(w, document)
		}),
		Autodiscover: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			show(w, r)
			if r.URL.Scheme == "http" {
				w.Header().Set("Location", "https://autodiscover.example.com/autodiscover/autodiscover.xml")
				w.WriteHeader(http.StatusFound)
				return
			}
			body, err := io.ReadAll(r.Body)
			if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
				http.Error(w, "too large", http.StatusRequestEntityTooLarge)
				return
			}
			if err != nil {
				http.Error(w, "not whole", http.StatusBadRequest)
				return
			}
			write(w, "<Autodiscover>"+strings.Repeat("x", len(body))+"</Autodiscover>")
		}),
	}
}

// offline is the usual test server: plain HTTP that counts as https, and an admin listener.
func offline() domains.Server {
	return domains.Server{HTTP: []string{"127.0.0.1:0"}, TLS: "off", Admin: "127.0.0.1:0"}
}

// running is a server in use.
type running struct {
	*Server
	http, https, admin string
	log                *syncBuffer
	stop               func() error // ends Run, and returns its error
}

// run starts a server with fakeAnswers. Change may set what a test needs before it listens.
func run(t testing.TB, config domains.Server, change func(*Server)) *running {
	t.Helper()
	log := new(syncBuffer)
	s, err := New(config, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	s.Drain = 0
	s.Use(fakeAnswers())
	if change != nil {
		change(s)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	r := &running{Server: s, log: log}
	addrs := s.Addrs()
	if len(addrs.HTTP) > 0 {
		r.http = addrs.HTTP[0].String()
	}
	if len(addrs.HTTPS) > 0 {
		r.https = addrs.HTTPS[0].String()
	}
	if addrs.Admin != nil {
		r.admin = addrs.Admin.String()
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return r
}

// syncBuffer is a log that can be read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// response is an answer as it came over the wire.
type response struct {
	*http.Response
	body string
}

// send writes raw octets to a fresh connection, in pieces, and reads as many answers as methods are named.
func send(t testing.TB, address string, pieces []string, methods ...string) []response {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return exchangeOn(t, c, pieces, methods...)
}

func exchangeOn(t testing.TB, c net.Conn, pieces []string, methods ...string) []response {
	t.Helper()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	for i, piece := range pieces {
		if i > 0 {
			time.Sleep(20 * time.Millisecond) // so that it is a segment of its own
		}
		if _, err := io.WriteString(c, piece); err != nil {
			break // the server may have answered and closed already
		}
	}
	var answers []response
	in := bufio.NewReader(c)
	for _, method := range methods {
		r, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			t.Fatalf("sent %.200q: no answer: %v", pieces, err)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil && r.StatusCode != http.StatusRequestHeaderFieldsTooLarge { // after that net/http resets the connection
			t.Fatalf("sent %.200q: answer %s breaks off: %v", pieces, r.Status, err)
		}
		answers = append(answers, response{r, string(body)})
	}
	return answers
}

// get asks a running server, whose address is the URL's host.
func get(t testing.TB, url string) (status int, body string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

func TestNotReadyBeforeUse(t *testing.T) {
	t.Parallel()
	s := run(t, offline(), func(s *Server) { s.answers.Store(nil) })
	if status, body := get(t, "http://"+s.admin+"/-/readyz"); status != 503 || !strings.Contains(body, "no domains loaded yet") {
		t.Errorf("readyz before Use: %d %q, want 503 and the reason", status, body)
	}
	if status, _ := get(t, "http://"+s.http+"/mail/config-v1.1.xml"); status != 503 {
		t.Errorf("request before Use: %d, want 503", status)
	}
	s.Use(fakeAnswers())
	if status, body := get(t, "http://"+s.admin+"/-/readyz"); status != 200 || !strings.Contains(body, "domains: 2\nprofiles: 1\n") {
		t.Errorf("readyz after Use: %d %q, want 200 and counts", status, body)
	}
}

func TestAdmin(t *testing.T) {
	t.Parallel()
	s := run(t, offline(), nil)
	get(t, "http://"+s.http+"/mail/config-v1.1.xml")
	if status, body := get(t, "http://"+s.admin+"/-/healthz"); status != 200 || body != "ok\n" {
		t.Errorf("healthz: %d %q", status, body)
	}
	if status, _ := get(t, "http://"+s.admin+"/mail/config-v1.1.xml"); status != 404 {
		t.Errorf("public path on the admin listener: %d, want 404", status)
	}

	s.Reject(errors.New("domains.toml:3: unknown key"))
	if status, body := get(t, "http://"+s.admin+"/-/readyz"); status != 200 || !strings.Contains(body, "domains.toml:3: unknown key") {
		t.Errorf("readyz with a bad file: %d %q, want 200 and the reason", status, body)
	}
	_, metrics := get(t, "http://"+s.admin+"/-/metrics")
	for _, want := range []string{
		`mailhint_requests_total{client="other",route="autoconfig",status="200"} 1`,
		`mailhint_request_duration_seconds_count{route="autoconfig"} 1`,
		`mailhint_reloads_total{result="failed"} 1`, `mailhint_reloads_total{result="ok"} 0`, `mailhint_config_bad 1`,
		`mailhint_domains 2`, `mailhint_profiles 1`, `mailhint_panics_total 0`, `mailhint_requests_in_flight 0`,
		`mailhint_build_info{`, `go_goroutines`, `process_open_fds`,
	} {
		if !strings.Contains(metrics, "\n"+want) {
			t.Errorf("metrics lack %s", want)
		}
	}

	s.Use(fakeAnswers())
	if _, body := get(t, "http://"+s.admin+"/-/readyz"); strings.Contains(body, "bad") {
		t.Errorf("readyz after a good reload: %q", body)
	}
	if _, metrics := get(t, "http://"+s.admin+"/-/metrics"); !strings.Contains(metrics, "\nmailhint_config_bad 0") ||
		!strings.Contains(metrics, `mailhint_reloads_total{result="ok"} 1`) {
		t.Error("metrics do not show the good reload")
	}
}

func TestNoAdminListener(t *testing.T) {
	t.Parallel()
	config := offline()
	config.Admin = ""
	if s := run(t, config, nil); s.Addrs().Admin != nil {
		t.Errorf("an admin listener at %v, want none", s.Addrs().Admin)
	}
}

func TestPanic(t *testing.T) {
	t.Parallel()
	s := run(t, offline(), func(s *Server) {
		a := fakeAnswers()
		a.Autoconfig = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Half", "made")
			panic("the address is " + r.URL.Query().Get("emailaddress"))
		})
		a.Autodiscover = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "<half")
			http.NewResponseController(w).Flush()
			var none []int
			_ = none[len(r.Method)]
		})
		s.Use(a)
	})
	const ask = "GET /mail/config-v1.1.xml?emailaddress=bob@example.com HTTP/1.1\r\nHost: autoconfig.example.com\r\n\r\n"
	r := send(t, s.http, []string{ask}, "GET")[0]
	if r.StatusCode != 500 || r.Header.Get("X-Half") != "" || !strings.Contains(r.body, "not your fault") {
		t.Errorf("a panic gives %s %v %q, want a plain 500", r.Status, r.Header, r.body)
	}
	if r := send(t, s.http, []string{strings.Replace(ask, "/mail", "/nothing", 1)}, "GET")[0]; r.StatusCode != 404 {
		t.Errorf("the request after a panic gives %s, want 404", r.Status)
	}
	if _, err := http.Get("http://" + s.http + "/autodiscover.xml"); err == nil {
		// The header arrived; the body must break off.
		r, _ := http.Get("http://" + s.http + "/autodiscover.xml")
		if _, err := io.ReadAll(r.Body); err == nil {
			t.Error("half an answer looks whole")
		}
	}
	s.stop()
	if log := s.log.String(); !strings.Contains(log, "index out of range") || !strings.Contains(log, "server_test.go") || strings.Contains(log, "bob") {
		t.Errorf("the log should hold the stack of the panic and no address:\n%s", log)
	}
	if n := gather(t, s.Server, "mailhint_panics_total"); n < 2 {
		t.Errorf("%v panics counted, want at least 2", n)
	}
}

// gather returns the value of a metric without labels.
func gather(t testing.TB, s *Server, name string) float64 {
	t.Helper()
	families, err := s.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func TestSwapUnderLoad(t *testing.T) {
	t.Parallel()
	s := run(t, offline(), nil)
	version := func(v string) *Answers {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, v) })
		return &Answers{Autoconfig: h, Autodiscover: h}
	}
	s.Use(version("one"))
	done := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if status, body := get(t, "http://"+s.http+"/mail/config-v1.1.xml"); status != 200 || body != "one" && body != "two" {
					t.Errorf("during a swap: %d %q", status, body)
					return
				}
			}
		})
	}
	for range 200 {
		s.Use(version("two"))
		s.Use(version("one"))
	}
	close(done)
	clients.Wait()
}
