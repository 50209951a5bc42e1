package oauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mailhint/keypairs/keypairtest"
	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/settings"
)

const host = "login.example.com"

// provider is an authorization server, which says about itself what a test wants.
type provider struct {
	*httptest.Server
	handler http.Handler
	asked   atomic.Int32
	prober  *probe.Prober
}

// names knows one host.
type names struct{ err error }

func (n names) Host(_ context.Context, name string) ([]netip.Addr, string, error) {
	if name != host || n.err != nil {
		return nil, name, errors.Join(n.err, resolver.ErrNone)
	}
	return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, name, nil
}

func newProvider(t *testing.T, handler http.Handler) *provider {
	t.Helper()
	p := &provider{handler: handler}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		p.handler.ServeHTTP(w, r)
	}))
	pair := keypairtest.New(t, keypairtest.Options{Names: []string{host}})
	p.Config.ErrorLog = log.New(io.Discard, "", 0)
	p.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	p.StartTLS()
	t.Cleanup(p.Close)
	roots := x509.NewCertPool()
	roots.AddCert(pair.Leaf)
	address := p.Listener.Addr().String()
	p.prober = &probe.Prober{Resolver: names{}, Roots: roots, Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Step: 2 * time.Second,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		}}
	return p
}

const wellKnown = "/.well-known/oauth-authorization-server"

// good is a document without faults for an issuer. Changes replace or, if they are empty, remove members.
func good(issuer string, changes ...string) string {
	members := map[string]string{
		"issuer": `"` + issuer + `"`, "authorization_endpoint": `"https://login.example.com/auth"`, "token_endpoint": `"https://login.example.com/token"`,
		"registration_endpoint": `"https://login.example.com/register"`, "scopes_supported": `["mail", "offline_access"]`,
		"response_types_supported": `["code"]`, "grant_types_supported": `["authorization_code", "refresh_token"]`,
		"code_challenge_methods_supported": `["plain", "S256"]`,
	}
	for i := 0; i < len(changes); i += 2 {
		if members[changes[i]] = changes[i+1]; changes[i+1] == "" {
			delete(members, changes[i])
		}
	}
	var lines []string
	for name, value := range members {
		lines = append(lines, fmt.Sprintf("%q: %s", name, value))
	}
	return "{" + strings.Join(lines, ", ") + "}"
}

func serve(path, document string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, document)
	})
}

func configured() *settings.OAuth2 {
	return &settings.OAuth2{Issuer: host, Scope: []string{"mail", "offline_access"}, AuthURL: "https://login.example.com/auth", TokenURL: "https://login.example.com/token"}
}

// TestPoints: each point, right and wrong, at a real server.
func TestPoints(t *testing.T) {
	const issuer = "https://" + host
	for _, test := range []struct {
		name    string
		change  func(*settings.OAuth2)
		handler http.Handler
		want    []string // point and a part of text, fix or paste
	}{
		{"good", nil, serve(wellKnown, good(issuer)), nil},
		{"good by OpenID discovery", nil, serve("/.well-known/openid-configuration", good(issuer)), nil},
		{"good with a path", func(s *settings.OAuth2) { s.Issuer = issuer + "/realms/mail" }, serve(wellKnown+"/realms/mail", good(issuer+"/realms/mail")), nil},
		{"good with a path by OpenID discovery", func(s *settings.OAuth2) { s.Issuer = issuer + "/realms/mail/" },
			serve("/realms/mail/.well-known/openid-configuration", good(issuer+"/realms/mail/")), nil},
		{"good without lists", nil, serve(wellKnown, good(issuer, "scopes_supported", "", "grant_types_supported", "", "response_types_supported", "")), nil},
		{"no metadata", nil, http.NotFoundHandler(), []string{"metadata status 404"}},
		{"metadata elsewhere", func(s *settings.OAuth2) { s.Issuer = issuer + "/realms/mail" }, serve(wellKnown, good(issuer)), []string{"metadata status 404"}},
		{"a page", nil, serve(wellKnown, "<!doctype html>"), []string{"metadata not a JSON document"}},
		{"no issuer", nil, serve(wellKnown, good(issuer, "issuer", "")), []string{"metadata names no issuer"}},
		{"another issuer", nil, serve(wellKnown, good("https://other.example")), []string{`metadata issuer = "https://other.example"`}},
		{"a final slash", nil, serve(wellKnown, good(issuer+"/")), []string{`metadata issuer = "https://login.example.com/"`}},
		{"a redirect", nil, http.RedirectHandler("http://login.example.com/", http.StatusFound), []string{"metadata not an https URL"}},
		{"a redirect loop", nil, http.RedirectHandler(wellKnown, http.StatusFound), []string{"metadata redirects more than 3 times"}},
		{"a long document", nil, serve(wellKnown, `{"issuer":"`+strings.Repeat("x", 300<<10)+`"}`), []string{"metadata too long"}},
		{"another authorization endpoint", nil, serve(wellKnown, good(issuer, "authorization_endpoint", `"https://login.example.com/v2/auth"`)),
			[]string{`endpoints auth_url = "https://login.example.com/v2/auth"`}},
		{"another token endpoint", func(s *settings.OAuth2) { s.TokenURL += "/" }, serve(wellKnown, good(issuer)),
			[]string{`endpoints token_url = "https://login.example.com/token"`}},
		{"no endpoint", nil, serve(wellKnown, good(issuer, "token_endpoint", "")), []string{"endpoints no token_endpoint"}},
		{"an endpoint that is not text for TOML", nil, serve(wellKnown, good(issuer, "token_endpoint", `"https://x\"\nissuer=\u001b"`)), []string{"endpoints server says"}},
		{"no PKCE", nil, serve(wellKnown, good(issuer, "code_challenge_methods_supported", "")), []string{"clients names no method"}},
		{"only plain PKCE", nil, serve(wellKnown, good(issuer, "code_challenge_methods_supported", `["plain"]`)), []string{"clients names only plain"}},
		{"no registration", nil, serve(wellKnown, good(issuer, "registration_endpoint", "")), []string{"clients cannot register"}},
		{"no registration, but a client ID", func(s *settings.OAuth2) { s.ClientID = "mail" }, serve(wellKnown, good(issuer, "registration_endpoint", "")), nil},
		{"no code", nil, serve(wellKnown, good(issuer, "response_types_supported", `["token"]`)), []string{"clients response type code"}},
		{"no grant", nil, serve(wellKnown, good(issuer, "grant_types_supported", `["client_credentials"]`)), []string{"clients grant type"}},
		{"an unknown scope", func(s *settings.OAuth2) { s.Scope = []string{"mail", "imap"} }, serve(wellKnown, good(issuer)), []string{"scopes does not list imap"}},
		{"all at once", func(s *settings.OAuth2) { s.AuthURL, s.Scope = "https://x.example/", []string{"x"} },
			serve(wellKnown, good("https://other.example", "registration_endpoint", "", "code_challenge_methods_supported", "")),
			[]string{"metadata", "endpoints", "clients S256", "clients register", "scopes"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newProvider(t, test.handler)
			s := configured()
			if test.change != nil {
				test.change(s)
			}
			o := Look(t.Context(), p.prober, s.IssuerURL())
			if o.Unknown != nil {
				t.Fatalf("unknown: %v", o.Unknown)
			}
			faults := Judge(s, o)
			ok := len(faults) == len(test.want)
			for i, want := range test.want {
				point, part, _ := strings.Cut(want, " ")
				ok = ok && string(faults[i].Point) == point && strings.Contains(faults[i].Text+"\n"+faults[i].Fix+"\n"+faults[i].Paste, part)
			}
			if !ok {
				t.Errorf("got %+v, want %q", faults, test.want)
			}
			for _, f := range faults {
				if f.Text == "" || f.Fix == "" || strings.ContainsFunc(f.Text+f.Fix, func(r rune) bool { return r < ' ' }) || strings.Contains(f.Paste, "\x1b") {
					t.Errorf("got %+q", f)
				}
			}
		})
	}
}

// TestNotAsked: private addresses are asked only if that is allowed, and a certificate must be good.
func TestNotAsked(t *testing.T) {
	p := newProvider(t, serve(wellKnown, good("https://"+host)))
	p.prober.Private = nil
	o := Look(t.Context(), p.prober, "https://"+host)
	if o.Metadata != nil || o.Unknown == nil || !strings.Contains(o.Unknown.Error(), "--private") || p.asked.Load() != 0 {
		t.Errorf("a private address: got %+v, asked %d times", o, p.asked.Load())
	}
	p.prober.Private = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	if o := Look(t.Context(), p.prober, "https://login.other.example"); !strings.Contains(o.Fault, "no address in DNS") {
		t.Errorf("no address: got %+v", o)
	}
	p.prober.Resolver = names{err: resolver.ErrFailed}
	if o := Look(t.Context(), p.prober, "https://"+host); o.Unknown == nil {
		t.Errorf("no DNS: got %+v", o)
	}
	p.prober.Resolver, p.prober.Roots = names{}, x509.NewCertPool()
	if o := Look(t.Context(), p.prober, "https://"+host); o.Metadata != nil || !strings.Contains(o.Fault, "not trusted") {
		t.Errorf("a bad certificate: got %+v", o)
	}
}

func TestPlaces(t *testing.T) {
	for issuer, want := range map[string][]string{
		"https://login.example.com":     {"https://login.example.com/.well-known/oauth-authorization-server", "https://login.example.com/.well-known/openid-configuration"},
		"https://login.example.com/":    {"https://login.example.com/.well-known/oauth-authorization-server", "https://login.example.com/.well-known/openid-configuration"},
		"https://login.example.com/a/b": {"https://login.example.com/.well-known/oauth-authorization-server/a/b", "https://login.example.com/a/b/.well-known/openid-configuration"},
	} {
		if got, err := places(issuer); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v", issuer, got, err)
		}
	}
}

func FuzzJudge(f *testing.F) {
	f.Add([]byte(good("https://" + host)))
	f.Add([]byte(`{"issuer":"\u001b[2J","scopes_supported":["\u202e"]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := Read(body)
		if err != nil {
			return
		}
		for _, fault := range Judge(configured(), Observation{Metadata: m}) {
			if strings.ContainsFunc(fault.Text, func(r rune) bool { return r < ' ' || r == 0x202e }) || fault.Text == "" || fault.Fix == "" || fault.Point == "" {
				t.Errorf("got %+q", fault)
			}
		}
	})
}
