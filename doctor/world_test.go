package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mailhint/dnsrecords"
	"mailhint/domains"
	"mailhint/pacc"
	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/server"
	"mailhint/settings"
)

// now is when the tests look.
var now = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

const setupName = "setup.hoster.example"

// world is everything a doctor looks at, made of maps: DNS as a domain should publish it, the answers of a real server, and mail servers
// that are as the settings say. A test then breaks something.
type world struct {
	hosts  map[string][]netip.Addr
	cnames map[string]string
	srv    map[string][]resolver.SRV
	txt    map[string][]string
	caa    map[string][]resolver.CAA
	caaErr map[string]error // by name
	broken map[string]bool  // names whose look-up fails
	half   map[string]bool  // names whose look-up of IPv6 addresses fails

	handler http.Handler
	// pages change the answers of URLs that begin with the key.
	pages map[string]func(*probe.Web)
	// looks change the look at "host:port"; servers are those of all domains.
	looks   map[string]func(*probe.Look)
	servers map[string]settings.Server
	lookUp  LookUp

	mu      sync.Mutex
	looked  map[string]int // how often, by "host:port"
	fetched map[string]int // how often, by URL
}

// load reads a configuration.
func load(t testing.TB, text string) *domains.Snapshot {
	t.Helper()
	file := filepath.Join(t.TempDir(), "domains.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	snapshot, err := domains.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

// newWorld makes a world in which everything is good for these domains.
func newWorld(t testing.TB, snapshot *domains.Snapshot, names ...string) *world {
	t.Helper()
	config := snapshot.Server
	config.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")} // httptest's clients
	srv, err := server.New(config, nil, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	srv.Configure(snapshot, nil)
	w := &world{
		hosts: map[string][]netip.Addr{setupName: addresses("198.51.100.80", "2001:db8::80")}, cnames: map[string]string{},
		srv: map[string][]resolver.SRV{}, txt: map[string][]string{}, caa: map[string][]resolver.CAA{}, caaErr: map[string]error{},
		broken: map[string]bool{}, half: map[string]bool{},
		handler: srv.Handler(true), pages: map[string]func(*probe.Web){}, looks: map[string]func(*probe.Look){},
		servers: map[string]settings.Server{}, looked: map[string]int{}, fetched: map[string]int{},
	}
	for _, name := range names {
		w.publish(t, find(t, snapshot, name).Found)
	}
	return w
}

func addresses(list ...string) []netip.Addr {
	var all []netip.Addr
	for _, text := range list {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

func find(t testing.TB, snapshot *domains.Snapshot, name string) Domain {
	t.Helper()
	found, err := snapshot.Lookup(context.Background(), settings.Question{Host: settings.Domain(name)})
	if err != nil {
		t.Fatalf("%s has no settings", name)
	}
	return Domain{Found: found}
}

// publish adds the records of a domain to DNS, and its mail servers.
func (w *world) publish(t testing.TB, found settings.Found) {
	t.Helper()
	o := dnsrecords.Options{Server: setupName, TTL: 3600}
	if document, err := pacc.Answer(found); err == nil {
		o.PACC = pacc.Record(document)
	}
	records, err := dnsrecords.For(found, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		switch data := r.Data.(type) {
		case dnsrecords.Alias:
			w.cnames[r.Name] = string(data)
		case dnsrecords.Service:
			w.srv[r.Name] = append(w.srv[r.Name], resolver.SRV(data))
		case dnsrecords.Text:
			w.txt[r.Name] = append(w.txt[r.Name], string(data))
		}
	}
	for _, s := range found.Servers {
		host := s.Host.Expand(string(found.Domain), string(found.Primary))
		w.hosts[host] = addresses("198.51.100.25", "2001:db8::25")
		w.servers[fmt.Sprintf("%s:%d", host, s.Port)] = s
	}
}

// doctor returns a doctor in this world.
func (w *world) doctor() *Doctor {
	return &Doctor{Resolver: w, Prober: w, Server: setupName, ISPDB: defaultISPDB, LookUp: w.lookUp, Now: func() time.Time { return now }}
}

func none(name string) error { return fmt.Errorf("%s: %w", name, resolver.ErrNone) }

func (w *world) Host(_ context.Context, name string) ([]netip.Addr, string, error) {
	canonical := name
	for range 8 {
		if w.broken[canonical] {
			return nil, name, fmt.Errorf("%s: %w: SERVFAIL", name, resolver.ErrFailed)
		}
		if target, ok := w.lookup(canonical); ok {
			canonical = target
		}
	}
	if all := w.hosts[canonical]; len(all) > 0 && w.half[canonical] {
		return all[:1], canonical, fmt.Errorf("%s AAAA: %w: SERVFAIL", name, resolver.ErrFailed)
	} else if len(all) > 0 {
		return all, canonical, nil
	}
	if _, parent, _ := strings.Cut(canonical, "."); len(w.hosts["*."+parent]) > 0 {
		return w.hosts["*."+parent], canonical, nil
	}
	return nil, canonical, none(name)
}

func (w *world) lookup(name string) (string, bool) {
	target, ok := w.cnames[name]
	return target, ok
}

func (w *world) CNAME(_ context.Context, name string) (string, error) {
	if target, ok := w.lookup(name); ok {
		return target, nil
	}
	return "", none(name)
}

func answer[T any](w *world, all map[string][]T, name string) ([]T, error) {
	if w.broken[name] {
		return nil, fmt.Errorf("%s: %w: SERVFAIL", name, resolver.ErrFailed)
	}
	if len(all[name]) == 0 {
		return nil, none(name)
	}
	return all[name], nil
}

func (w *world) SRV(_ context.Context, name string) ([]resolver.SRV, error) {
	return answer(w, w.srv, name)
}
func (w *world) TXT(_ context.Context, name string) ([]string, error) { return answer(w, w.txt, name) }
func (w *world) CAA(_ context.Context, name string) ([]resolver.CAA, error) {
	if err := w.caaErr[name]; err != nil {
		return nil, err
	}
	return answer(w, w.caa, name)
}

// goodTLS is a TLS connection without faults.
func goodTLS(names ...string) *probe.TLS {
	return &probe.TLS{Version: tls.VersionTLS13,
		Chain: []*x509.Certificate{{DNSNames: names, NotBefore: now.AddDate(0, -1, 0), NotAfter: now.AddDate(0, 2, 0)}}}
}

// mechanisms are what a server with a login method offers.
var mechanisms = map[settings.Auth][]string{
	settings.Password: {"PLAIN", "LOGIN"}, settings.PasswordEncrypted: {"CRAM-MD5"}, settings.OAuth2Token: {"XOAUTH2"},
	settings.GSSAPI: {"GSSAPI"}, settings.NTLM: {"NTLM"}, settings.ClientCert: {"EXTERNAL"},
}

func (w *world) Look(ctx context.Context, host string, ports ...probe.Port) probe.Host {
	h := probe.Host{Name: host}
	h.Addresses, _, h.Err = w.Host(ctx, host)
	for _, p := range ports {
		at := fmt.Sprintf("%s:%d", host, p.Number)
		w.mu.Lock()
		w.looked[at]++
		w.mu.Unlock()
		for _, a := range h.Addresses {
			look := probe.Look{Port: p, Address: a, State: probe.Reached, Speaks: p.Security, TLS: goodTLS(host)}
			for _, auth := range w.servers[at].Auth {
				look.After.Mechanisms = append(look.After.Mechanisms, mechanisms[auth]...)
			}
			if p.Security == settings.Plaintext {
				look.Before, look.After, look.TLS = look.After, probe.Capabilities{}, nil
			}
			if change := w.looks[at]; change != nil {
				change(&look)
			}
			h.Looks = append(h.Looks, look)
		}
	}
	return h
}

func (w *world) LookURL(ctx context.Context, q probe.Request) probe.Web {
	w.mu.Lock()
	w.fetched[q.URL]++
	w.mu.Unlock()
	r := httptest.NewRequest(max(q.Method, http.MethodGet), q.URL, bytes.NewReader(q.Body))
	r.Header.Set("Content-Type", q.ContentType)
	web := probe.Web{URL: q.URL, State: probe.Reached}
	if strings.HasPrefix(q.URL, "https:") {
		web.TLS = goodTLS(r.Host)
	}
	all, canonical, err := w.Host(ctx, r.Host)
	if len(all) == 0 {
		web.State, web.TLS, web.Err = 0, nil, err
	} else if web.Address = all[0]; q.Address.IsValid() {
		web.Address = q.Address
	}
	if canonical == setupName && len(all) > 0 {
		recorder := httptest.NewRecorder()
		w.handler.ServeHTTP(recorder, r)
		web.Status, web.Header, web.Body = recorder.Code, recorder.Header(), recorder.Body.Bytes()
		web.Location = web.Header.Get("Location")
	} else if len(all) > 0 {
		web.Status, web.Header = http.StatusNotFound, make(http.Header)
	}
	for start, change := range w.pages {
		if strings.HasPrefix(q.URL, start) {
			change(&web)
		}
	}
	return web
}

// codes are those of the findings, each once.
func codes(r Report) []string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, string(f.Code))
	}
	slices.Sort(all)
	return slices.Compact(all)
}
