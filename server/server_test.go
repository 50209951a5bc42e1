package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mailhint/domains"
	"mailhint/help"
	"mailhint/settings"
)

// document is what the fake handlers answer.
const document = "<clientConfig version=\"1.1\"/>\n"

// snapshotOf loads a configuration with these domains, which share a profile.
func snapshotOf(t testing.TB, names ...string) *domains.Snapshot {
	t.Helper()
	file := filepath.Join(t.TempDir(), "domains.toml")
	write(t, file, fmt.Sprintf("[profiles.p]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\ndomains = [\"%s\"]\n", strings.Join(names, `", "`)))
	s, err := domains.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fakeHandlers behave as those of the protocol packages do, and show in headers what they were handed.
func fakeHandlers() *handlers {
	show := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.User != nil {
			w.Header().Set("X-Evil", "evil credentials in the URL")
		}
		w.Header().Set("X-Seen", r.URL.Scheme+" "+r.Host+" "+r.URL.Path+" "+r.RemoteAddr)
	}
	write := func(w http.ResponseWriter, text string) {
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		io.WriteString(w, text)
	}
	return &handlers{
		help: help.New(func(context.Context, settings.Question) (settings.Found, error) {
			return settings.Found{}, settings.ErrDomainNotFound
		}, slog.New(slog.DiscardHandler)),
		autoconfig: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			show(w, r)
			write(w, document)
		}),
		autodiscover: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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

// run starts a server with fakeHandlers and two domains. change may set what a test needs before it listens.
func run(t testing.TB, config domains.Server, change func(*Server)) *running {
	t.Helper()
	log := new(syncBuffer)
	s, err := New(config, nil, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	s.Drain = 0
	*s.handlers = *fakeHandlers()
	s.Configure(snapshotOf(t, "example.com", "example.org"), nil)
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

// response is an answer whose body has been read.
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
	c.SetDeadline(time.Now().Add(testTimeout))
	for i, piece := range pieces {
		if i > 0 {
			// The server reads the pieces one by one. Under load it may read two at a time, and the test misses what it looks for; load
			// never makes it fail.
			time.Sleep(20 * time.Millisecond)
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

func TestNotReadyBeforeConfigure(t *testing.T) {
	t.Parallel()
	s := run(t, offline(), func(s *Server) { s.state.Store(nil) })
	if status, body := get(t, "http://"+s.admin+"/-/readyz"); status != 503 || !strings.Contains(body, "no domains loaded yet") {
		t.Errorf("readyz before Configure: %d %q, want 503 and the reason", status, body)
	}
	if status, _ := get(t, "http://"+s.http+"/mail/config-v1.1.xml"); status != 503 {
		t.Errorf("request before Configure: %d, want 503", status)
	}
	s.Configure(snapshotOf(t, "example.com", "example.org"), nil)
	if status, body := get(t, "http://"+s.admin+"/-/readyz"); status != 200 || !strings.Contains(body, "domains: 2\nprofiles: 1\n") {
		t.Errorf("readyz after Configure: %d %q, want 200 and counts", status, body)
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
	_, metrics := get(t, "http://"+s.admin+"/-/metrics")
	for _, want := range []string{
		`mailhint_requests_total{client="other",route="autoconfig",status="200"} 1`,
		`mailhint_request_duration_seconds_count{route="autoconfig"} 1`,
		`mailhint_domains 2`, `mailhint_profiles 1`, `mailhint_config_loaded_timestamp_seconds 1.`, `mailhint_panics_total 0`,
		`mailhint_requests_in_flight 0`, `mailhint_connections `, `mailhint_connections_evicted_total 0`,
		`mailhint_build_info{`, `go_goroutines`, `process_open_fds`,
	} {
		if !strings.Contains(metrics, "\n"+want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}

// How a reading of the configuration ended is shown alike in the log, by readyz, and in the metrics.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	s := run(t, offline(), nil)
	first := s.State()
	if first.Outcome != Loaded || first.Domains == nil || first.Since.IsZero() || first.Reason != nil {
		t.Fatalf("after the first Configure: %+v", first)
	}
	reason := errors.New("domains.toml:3: unknown key")
	held := fmt.Errorf("20,001 domains would become 1; send SIGHUP to accept%w", heldBack{})
	for _, c := range []struct {
		domains *domains.Snapshot
		err     error
		outcome Outcome
		serves  int
		ready   string // part of readyz
		log     string // part of a line of the log
		metrics string
	}{
		{snapshotOf(t, "example.com", "example.org"), nil, Unchanged, 2, ": unchanged\n", "level=INFO msg=\"configuration read again\" outcome=unchanged",
			"mailhint_config_refused 0"},
		{nil, reason, Refused, 2, "cannot be used:\ndomains.toml:3: unknown key\n", "level=ERROR msg=\"the configuration on disk cannot be used; still serving the previous one\" outcome=refused error=\"domains.toml:3",
			"mailhint_config_refused 1"},
		{snapshotOf(t, "example.com", "example.org"), nil, Unchanged, 2, ": unchanged\n", "outcome=unchanged", "mailhint_config_refused 0"},
		{nil, held, HeldBack, 2, "would drop many domains:\n20,001 domains would become 1; send SIGHUP to accept\n",
			"level=WARN msg=\"the configuration on disk would drop many domains and is held back; still serving the previous one\" outcome=\"held back\" reason=\"20,001",
			"mailhint_config_refused 0"},
		{snapshotOf(t, "example.net"), nil, Loaded, 1, "domains: 1\n", "outcome=loaded domains=1 profiles=1", "mailhint_config_refused 0"},
	} {
		state := s.Configure(c.domains, c.err)
		if state != s.State() || state.Outcome != c.outcome || state.Domains.Domains() != c.serves || !errors.Is(state.Reason, c.err) ||
			(c.outcome == Loaded) != state.Since.After(first.Since) {
			t.Errorf("%s: got the state %+v", c.outcome, state)
		}
		if status, body := get(t, "http://"+s.admin+"/-/readyz"); status != 200 || !strings.Contains(body, c.ready) ||
			strings.Contains(body, "cannot be used") != (c.outcome == Refused) {
			t.Errorf("%s: readyz says %d %q, want 200 with %q", c.outcome, status, body, c.ready)
		}
		if log := s.log.String(); !strings.Contains(log, c.log) {
			t.Errorf("%s: the log lacks %q:\n%s", c.outcome, c.log, log)
		}
		if _, metrics := get(t, "http://"+s.admin+"/-/metrics"); !strings.Contains(metrics, "\n"+c.metrics+"\n") {
			t.Errorf("%s: the metrics lack %s", c.outcome, c.metrics)
		}
	}
	_, metrics := get(t, "http://"+s.admin+"/-/metrics")
	for _, want := range []string{`{result="loaded"} 1`, `{result="unchanged"} 2`, `{result="refused"} 1`, `{result="held back"} 1`} {
		if !strings.Contains(metrics, "\nmailhint_reloads_total"+want+"\n") {
			t.Errorf("metrics lack mailhint_reloads_total%s", want)
		}
	}
}

// heldBack is what domains adds to the error of a change that is held back.
type heldBack struct{}

func (heldBack) Error() string        { return "" }
func (heldBack) Is(target error) bool { return target == domains.ErrHeldBack }

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
		s.handlers.autoconfig = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Half", "made")
			panic("the address is " + r.URL.Query().Get("emailaddress"))
		})
		s.handlers.autodiscover = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "<half")
			http.NewResponseController(w).Flush()
			var none []int
			_ = none[len(r.Method)]
		})
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
			t.Error("half an answer looks complete")
		}
	}
	s.stop()
	if log := s.log.String(); !strings.Contains(log, "index out of range") || !strings.Contains(log, "server_test.go") || strings.Contains(log, "bob") {
		t.Errorf("the log should contain the stack of the panic and no address:\n%s", log)
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

// While the domains are replaced, every request is answered from one state or the other.
func TestConfigureUnderLoad(t *testing.T) {
	t.Parallel()
	s := run(t, offline(), func(s *Server) { *s.handlers = *newHandlers(domains.Server{}, &s.state, nil, s.log) })
	one, two := snapshotOf(t, "example.com"), snapshotOf(t, "example.com", "example.net")
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
				if r := send(t, s.http, []string{"GET /mail/config-v1.1.xml HTTP/1.1\r\n" + hostLine + "\r\n"}, "GET")[0]; r.StatusCode != 200 ||
					!strings.Contains(r.body, "<hostname>imap.example.com</hostname>") {
					t.Errorf("while the domains are replaced: %s %q", r.Status, r.body)
					return
				}
			}
		})
	}
	for range 200 {
		for _, d := range []*domains.Snapshot{two, one} {
			if state := s.Configure(d, nil); state.Outcome != Loaded {
				t.Errorf("got %+v, want that it is loaded", state)
			}
		}
	}
	close(done)
	clients.Wait()
}
