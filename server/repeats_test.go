package server

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mailhint/domains"
)

// asker sends requests to the handler of a server, without a network.
type asker struct {
	t     *testing.T
	s     *Server
	log   *syncBuffer
	asked int // for tests that count
}

func newAsker(t *testing.T, config domains.Server) *asker {
	t.Helper()
	log := new(syncBuffer)
	s, err := New(config, nil, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	s.Configure(snapshotOf(t, "example.com"), nil)
	return &asker{t: t, s: s, log: log}
}

// answer is what asker gets. The body is not kept.
type answer struct {
	discard
	status int
}

func (a *answer) WriteHeader(status int) { a.status = status }

func (a *asker) ask(from, method, target, body string, header ...string) *answer {
	a.t.Helper()
	r, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	r.Host, r.RemoteAddr = "autodiscover.example.com", from
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := &answer{discard{http.Header{}}, http.StatusOK}
	a.s.Handler(true).ServeHTTP(w, r)
	return w
}

// repeat sends the same request again and again, and returns how many were answered.
func (a *asker) repeat(count int, ask func() *answer) (answered int) {
	a.t.Helper()
	for range count {
		w := ask()
		if w.status != http.StatusTooManyRequests {
			answered++
		} else if w.h.Get("Retry-After") != "10" {
			a.t.Fatalf("status 429 with Retry-After %q, want 10", w.h.Get("Retry-After"))
		}
	}
	return answered
}

const oneTarget = "/mail/config-v1.1.xml?emailaddress=bob%40example.com"

// pox is a request body of Autodiscover for a person.
func pox(person int) string {
	return fmt.Sprintf(`<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>`+
		`<EMailAddress>p%03d@example.com</EMailAddress><AcceptableResponseSchema>`+
		`http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>`, person)
}

// A client can send the same request 600 times at once, and then 5 times a second.
func TestRepeats(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		ask  func(*asker) *answer
	}{
		{"GET", func(a *asker) *answer { return a.ask("192.0.2.1:4711", "GET", oneTarget, "") }},
		{"404", func(a *asker) *answer { return a.ask("192.0.2.1:4711", "GET", "/nothing", "") }},
		{"POST", func(a *asker) *answer {
			return a.ask("192.0.2.1:4711", "POST", "/autodiscover/autodiscover.xml", pox(1))
		}},
		{"IPv6", func(a *asker) *answer { return a.ask("[2001:db8::1]:4711", "GET", oneTarget, "") }},
		{"CONNECT", func(a *asker) *answer { return a.ask("192.0.2.1:4711", "CONNECT", "/", "") }},
		{"unknown methods", func(a *asker) *answer {
			a.asked++
			return a.ask("192.0.2.1:4711", fmt.Sprint("X", a.asked), oneTarget, "")
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := newAsker(t, offline())
			ask := func() *answer { return test.ask(a) }
			if got := a.repeat(1000, ask); got != 600 {
				t.Errorf("%s: %d of 1,000 answered at once, want 600", test.name, got)
			}
			time.Sleep(10 * time.Second)
			if got := a.repeat(1000, ask); got != 50 {
				t.Errorf("%s: %d of 1,000 answered after 10 seconds, want 50", test.name, got)
			}
			if w := a.ask("192.0.2.2:4711", "GET", oneTarget, ""); w.status != http.StatusOK {
				t.Errorf("%s: another client gets status %d", test.name, w.status)
			}
			time.Sleep(2 * time.Minute)
			if got := a.repeat(1000, ask); got != 600 {
				t.Errorf("%s: %d of 1,000 answered after two minutes, want 600", test.name, got)
			}
			if got := a.s.repeats.refused.Load(); got != 1000*3-600-50-600 {
				t.Errorf("%s: %d counted as refused", test.name, got)
			}
		})
	}
}

// Apple's setup asks 15 to 20 times a second, and is answered each time for half a minute.
func TestRepeatsOfApple(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAsker(t, offline())
		for i := range 20 * 30 {
			if w := a.ask("192.0.2.1:4711", "GET", oneTarget, ""); w.status != http.StatusOK {
				t.Fatalf("request %d: status %d", i, w.status)
			}
			time.Sleep(time.Second / 20)
		}
	})
}

// 500 people behind one address ask for different things, twice and with a client that repeats itself among them. All are answered.
func TestRepeatsBehindOneAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, behindOneAddress)
}

func behindOneAddress(t *testing.T) {
	a := newAsker(t, offline())
	const office = "192.0.2.1:4711"
	a.repeat(2000, func() *answer { return a.ask(office, "GET", oneTarget, "") })
	for range 2 {
		for person := range 500 {
			get := fmt.Sprintf("/mail/config-v1.1.xml?emailaddress=p%d%%40example.com", person)
			if w := a.ask(office, "GET", get, ""); w.status != http.StatusOK {
				t.Fatalf("GET of person %d: status %d", person, w.status)
			}
			if w := a.ask(office, "POST", "/autodiscover/autodiscover.xml", pox(person)); w.status != http.StatusOK {
				t.Fatalf("POST of person %d: status %d", person, w.status)
			}
		}
	}
	if w := a.ask(office, "GET", oneTarget, ""); w.status != http.StatusTooManyRequests {
		t.Errorf("the client that repeats itself: status %d, want 429", w.status)
	}
}

// A flood of different requests does not make the server forget one that is repeated.
func TestRepeatsInAFlood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newRepeats(nil)
		now := time.Since(p.began)
		for range 1000 {
			p.count(1, now)
		}
		for other := range uint64(1 << 20) {
			p.count(other+2, now)
		}
		if ok, _ := p.count(1, now); ok {
			t.Error("after a million other requests one that was repeated 1,000 times is answered again")
		}
	})
}

// Requests of this machine and of proxies may be anybody's; behind a proxy that says who asks, that client is limited.
func TestRepeatsOfProxies(t *testing.T) {
	t.Parallel()
	config := offline()
	config.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	for _, test := range []struct {
		from, forwarded string
		limited         bool
	}{
		{"127.0.0.1:4711", "", false},
		{"[::1]:4711", "", false},
		{"198.51.100.1:4711", "", false},
		{"198.51.100.1:4711", "198.51.100.2", false},
		{"198.51.100.1:4711", "192.0.2.1", true},
		{"192.0.2.1:4711", "203.0.113.9", true},
		{"@", "", false}, // a Unix socket
	} {
		a := newAsker(t, config)
		got := a.repeat(1000, func() *answer { return a.ask(test.from, "GET", oneTarget, "", "X-Forwarded-For", test.forwarded) })
		if want := map[bool]int{true: 600, false: 1000}[test.limited]; got < want || got > want+100 {
			t.Errorf("from %s, forwarded for %q: %d of 1,000 answered, want %d", test.from, test.forwarded, got, want)
		}
	}
}

// An IPv6 client is a network of 64 bits.
func TestRepeatsOfIPv6(t *testing.T) {
	t.Parallel()
	synctest.Test(t, ofIPv6)
}

func ofIPv6(t *testing.T) {
	a := newAsker(t, offline())
	host := 0
	a.repeat(2000, func() *answer {
		host++
		return a.ask(fmt.Sprintf("[2001:db8:0:1::%x]:4711", host), "GET", oneTarget, "")
	})
	for from, want := range map[string]int{"[2001:db8:0:1:ffff::1]:4711": http.StatusTooManyRequests, "[2001:db8:0:2::1]:4711": http.StatusOK} {
		if w := a.ask(from, "GET", oneTarget, ""); w.status != want {
			t.Errorf("%s: status %d, want %d", from, w.status, want)
		}
	}
}

// limit_repeats = false turns it off.
func TestRepeatsAllowed(t *testing.T) {
	t.Parallel()
	config := offline()
	config.AllowRepeats = true
	a := newAsker(t, config)
	if got := a.repeat(1000, func() *answer { return a.ask("192.0.2.1:4711", "GET", oneTarget, "") }); got != 1000 {
		t.Errorf("%d of 1,000 answered", got)
	}
}

// A client that never stops does not fill the log.
func TestRepeatsInTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAsker(t, offline())
		a.repeat(5000, func() *answer { return a.ask("192.0.2.1:4711", "GET", oneTarget, "") })
		if got := strings.Count(a.log.String(), "status=429"); got != 1 {
			t.Errorf("%d lines for 4,400 refused requests, want one", got)
		}
	})
}

// What was read in advance is what the handler reads, errors included.
func TestReadAhead(t *testing.T) {
	t.Parallel()
	broken := fmt.Errorf("the connection broke")
	for _, size := range []int{0, 1, 511, 512, 513, 4096, 60_000} {
		for _, end := range []error{io.EOF, broken} {
			text := strings.Repeat("x", size)
			r := &http.Request{Body: io.NopCloser(io.MultiReader(strings.NewReader(text), errorReader{end}))}
			new(body).readAhead(r)
			got, err := io.ReadAll(r.Body)
			if end == io.EOF {
				end = nil
			}
			if string(got) != text || err != end {
				t.Errorf("%d octets and %v: got %d octets and %v", size, end, len(got), err)
			}
		}
	}
}

type errorReader struct{ error }

func (e errorReader) Read([]byte) (int, error) { return 0, e.error }
