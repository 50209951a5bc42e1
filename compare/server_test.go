package compare

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mailhint/choices"
	"mailhint/keypairs/keypairtest"
	"mailhint/probe"
	"mailhint/settings"
)

var ann = settings.Address{Local: "ann", Domain: "a.example"}

// askOld asks an old server about ann.
func askOld(t *testing.T, s *Server) Answers {
	t.Helper()
	a, err := s.Ask(t.Context(), ann)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestNames: each place is asked under the name that clients ask, at one server.
func TestNames(t *testing.T) {
	var seen [64]atomic.Value
	var n atomic.Int32
	old := newOld(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen[n.Add(1)-1].Store(r.Method + " " + r.Host + r.URL.String())
		http.NotFound(w, r)
	}))
	askOld(t, old)
	var all []string
	for i := range n.Load() {
		all = append(all, seen[i].Load().(string))
	}
	got := strings.Join(all, "\n")
	for _, want := range []string{
		"GET autoconfig.a.example/mail/config-v1.1.xml?emailaddress=ann%40a.example\n",
		"GET autoconfig.a.example/mail/config-v1.1.xml\n",
		"GET autoconfig.a.example/mail/config-v1.1.xml?emailaddress=EVOLUTIONUSER%40a.example&emailmd5=",
		"GET autoconfig.a.example/mobileconfig?", "GET autoconfig.a.example/mobileconfig/?", "GET autoconfig.a.example/email.mobileconfig?",
		"POST autodiscover.a.example/autodiscover/autodiscover.xml\n",
		"GET autodiscover.a.example/autodiscover/autodiscover.json?Email=ann%40a.example&Protocol=ActiveSync\n",
		"GET ua-auto-config.a.example/.well-known/user-agent-configuration.json\n",
		"GET a.example/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress=ann%40a.example\n",
		"POST a.example/autodiscover/autodiscover.xml\n",
		"GET a.example/.well-known/caldav",
		"GET " + old.base.Host + "/mail/config-v1.1.xml?emailaddress=ann%40a.example\n", // its own name, with the address
		"POST " + old.base.Host + "/autodiscover/autodiscover.xml\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("nobody asked %q of\n%s", want, got)
		}
	}
}

// TestOwnName: a server that knows only its own name is still compared.
func TestOwnName(t *testing.T) {
	inner := automx2("a.example")
	var host string
	old := newOld(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != host {
			http.Error(w, "no such site", http.StatusNotFound)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	host = old.base.Host
	text, summary := report(t, old, load(t, "[domains.\"a.example\"]\nimap = [\"imap://imap.a.example\"]\nsmtp = [\"submission://smtp.a.example\"]\n"), "ann@a.example")
	if summary.OwnName != 1 || strings.Contains(text, "Delta Chat") || !strings.Contains(text, "only under its own name") {
		t.Errorf("got %+v\n%s", summary, text)
	}
}

// TestCertificates: a certificate is good if it covers the name that clients ask, or that of the server.
func TestCertificates(t *testing.T) {
	for _, test := range []struct {
		names []string
		any   bool
		good  bool
	}{
		{[]string{"localhost"}, false, true},
		{[]string{"autoconfig.a.example"}, false, true},
		{[]string{"other.example"}, false, false},
		{[]string{"other.example"}, true, true},
	} {
		pair := keypairtest.New(t, keypairtest.Options{Names: test.names})
		roots := x509.NewCertPool()
		roots.AddCert(pair.Leaf)
		var asked atomic.Value
		old := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.Host, "autoconfig.") {
				asked.Store(r.TLS.ServerName + " " + r.Host)
			}
			automx2("a.example").ServeHTTP(w, r)
		}))
		old.Config.ErrorLog = log.New(io.Discard, "", 0)
		old.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
		old.StartTLS()
		s, err := NewServer(strings.Replace(old.URL, "127.0.0.1", "localhost", 1))
		if err != nil {
			t.Fatal(err)
		}
		s.Roots, s.AnyCertificate = roots, test.any
		p := askOld(t, s).Web[choices.ConfigHost]
		old.Close()
		if good := p.Err == nil && p.Status == 200; good != test.good {
			t.Errorf("%v: got %d, %v", test, p.Status, p.Err)
		}
		if test.good && asked.Load() != "autoconfig.a.example autoconfig.a.example" {
			t.Errorf("%v: asked as %v", test, asked.Load())
		}
	}
}

// TestHostile: whatever an old server does, the comparison ends soon and says why something is not known.
func TestHostile(t *testing.T) {
	secret := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a private server was asked") }))
	t.Cleanup(secret.Close)
	stalled := make(chan struct{})
	t.Cleanup(func() { close(stalled) })
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			for range 1000 {
				if _, err := io.WriteString(w, strings.Repeat("x", 4096)); err != nil {
					return
				}
			}
		}, "longer than 256 KiB"},
		"stalled": {func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-stalled:
			}
		}, "no answer in time"},
		"cut": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9")
			io.WriteString(w, "x")
		}, "incomplete"},
		"loop":    {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), http.StatusFound) }, "redirects more than 5 times"},
		"private": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, secret.URL, http.StatusFound) }, "redirects to 127.0.0.1"},
		"scheme": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}, "not a web server"},
		"fails": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "status 500"},
		"busy":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, "status 503"},
		"gone": {func(w http.ResponseWriter, _ *http.Request) {
			if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
				c.Close()
			}
		}, "EOF"},
		"noise": {func(w http.ResponseWriter, _ *http.Request) {
			if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
				io.WriteString(c, "\x1b[2Jnot HTTP\r\n\r\n")
				c.Close()
			}
		}, "malformed"},
		"long head": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }, "exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old := newOld(t, test.handler)
			old.Timeout = time.Minute // the others answer, however slow the machine is
			if name == "stalled" {
				old.Timeout = 500 * time.Millisecond
			}
			old.Elsewhere = &probe.Prober{}
			client := old.client()
			defer client.CloseIdleConnections()
			p := old.ask(t.Context(), client, questions(ann)[0].requests[0], false)
			if p.Err == nil || !strings.Contains(p.Err.Error(), test.want) || strings.Contains(p.Err.Error(), "\x1b") {
				t.Errorf("got %v, want %q", p.Err, test.want)
			}
		})
	}
}

// TestRedirects: redirects within the server's names are followed there, those elsewhere only to servers that may be probed.
func TestRedirects(t *testing.T) {
	elsewhere := httptest.NewServer(automx2("a.example"))
	defer elsewhere.Close()
	old := newOld(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Host == "autoconfig.a.example" && r.URL.Path == "/mail/config-v1.1.xml":
			http.Redirect(w, r, "http://autodiscover.a.example/here?"+r.URL.RawQuery, http.StatusMovedPermanently)
		case r.Host == "autodiscover.a.example" && r.URL.Path == "/here":
			http.Redirect(w, r, elsewhere.URL+"/mail/config-v1.1.xml?"+r.URL.RawQuery, http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}))
	old.Elsewhere = &probe.Prober{Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	if p := askOld(t, old).Web[choices.ConfigHost]; p.Status != 200 || len(p.Via) != 2 {
		t.Errorf("got %d %v %q", p.Status, p.Err, p.Via)
	}
	old.Elsewhere = nil
	if p := askOld(t, old).Web[choices.ConfigHost]; p.Err == nil || !strings.Contains(p.Err.Error(), "was not followed") {
		t.Errorf("got %d %v", p.Status, p.Err)
	}
}

// TestPutOff: a server that puts requests off is asked again.
func TestPutOff(t *testing.T) {
	var n atomic.Int32
	old := newOld(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		automx2("a.example").ServeHTTP(w, r)
	}))
	client := old.client()
	defer client.CloseIdleConnections()
	if p := old.ask(t.Context(), client, questions(ann)[0].requests[0], false); p.Status != 200 || p.Err != nil {
		t.Errorf("got %d, %v", p.Status, p.Err)
	}
}

// TestSilent: a server that answers nothing is given up, however many domains there are.
func TestSilent(t *testing.T) {
	s, err := NewServer("http://127.0.0.1:1") // where nothing listens
	if err != nil {
		t.Fatal(err)
	}
	targets := func(yield func(Target) bool) {
		for i := range 10_000 {
			if !yield(Target{Who: settings.Address{Local: "ann", Domain: settings.Domain(fmt.Sprintf("d%d.example", i))}}) {
				return
			}
		}
	}
	seen := 0
	err = Run{Server: s, Targets: targets, Parallel: 4}.Compare(t.Context(), func(Result) error { seen++; return nil })
	if !errors.Is(err, ErrSilent) || !strings.Contains(err.Error(), "refused") || seen > 10 {
		t.Errorf("got %v after %d", err, seen)
	}
}

// TestInterrupted: an interrupt ends the run at once.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	old := newOld(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	target := func(yield func(Target) bool) { yield(Target{Who: ann}) }
	err := Run{Server: old, Targets: target}.Compare(ctx, func(Result) error { t.Error("a result that is not complete"); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestNewServer(t *testing.T) {
	for _, text := range []string{"", "old.example", "ftp://old.example", "https://", "https://ann:secret@old.example", "https://old.example/mail", "https://old.example?x=1"} {
		if _, err := NewServer(text); !errors.Is(err, ErrURL) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v", text, err)
		}
	}
	for _, text := range []string{"https://old.example", "https://old.example/", "http://[2001:db8::1]:8080"} {
		if _, err := NewServer(text); err != nil {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

// TestMarkup: what an old server says cannot steer a terminal.
func TestMarkup(t *testing.T) {
	old := newOld(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		xmlText(w, "text/xml", strings.ReplaceAll(`<clientConfig><emailProvider id="a.example"><domain>a.example</domain><incomingServer type="imap">`+
			`<hostname>i&#x202E;`+strings.Repeat("x", 5000)+`</hostname><port>993</port><socketType>SSL</socketType><username>&#9;&#x9b;</username>`+
			`<authentication>password-cleartext</authentication></incomingServer><outgoingServer type="smtp"><hostname>s&#x9b;2J</hostname><port>465</port>`+
			`<socketType>SSL</socketType><username>u</username><authentication>password-cleartext</authentication></outgoingServer></emailProvider></clientConfig>`, "\n", ""))
	}))
	text, _ := report(t, old, load(t, "[domains.\"a.example\"]\nimap = \"imap.a.example\"\nsmtp = \"smtp.a.example\"\n"), "ann@a.example")
	if strings.ContainsAny(text, "\u202e\u009b\x1b\t") || len(text) > 10_000 || !strings.Contains(text, "imap.a.example:993") {
		t.Errorf("got %q", text)
	}
}

func FuzzCompare(f *testing.F) {
	f.Add([]byte(`<clientConfig><emailProvider id="a.example"/></clientConfig>`), "text/xml")
	f.Add([]byte(profileFor("ann@a.example", "i.example", 993, "s.example", 465)), profileType)
	f.Add([]byte(`{"protocols":{"imap":{"host":"i.example"}},"authentication":{"password":true}}`), "application/json")
	f.Add([]byte(`{"Protocol":"ActiveSync","Url":"https://x.example"}`), "application/json")
	f.Fuzz(func(t *testing.T, body []byte, kind string) {
		old := Answers{Web: make(map[choices.Place]Page)}
		for _, q := range questions(ann) {
			old.Web[q.place] = Page{Answer: choices.Answer{Status: 200, ContentType: kind, Body: body, Good: true}}
		}
		old.found.Settings = &settings.Settings{}
		r := Compare(old, Configured(settings.Found{}, ann, nil, nil), ann)
		for _, c := range r.Changes {
			if len(c.Clients) == 0 || len(c.Kinds) == 0 || c.Old == c.New {
				t.Errorf("got %+v", c)
			}
		}
	})
}
