package oidc_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"mailhint/accounts"
	"mailhint/accounts/accountstest"
	"mailhint/accounts/oidc"
	"mailhint/domains"
)

const redirect = "https://admin.hoster.example/sign-in/provider/callback"

// configFor is a configuration for a provider, as the documentation shows it.
func configFor(p *testProvider) *oidc.Config {
	return &oidc.Config{
		Issuer: p.url, ClientID: clientID, Secret: clientSecret, Redirect: redirect, Title: "Sign in with Hoster", Scopes: []string{"profile"}, Claim: "groups", Lifetime: 30 * time.Minute,
		Grants: map[string]oidc.Grant{
			"mail-admins": {Role: accounts.Operator},
			"firm-it":     {Role: accounts.DomainAdmin, Domains: []string{"firm.example"}},
			"other-it":    {Role: accounts.DomainAdmin, Domains: []string{"other.example"}},
			"customers":   {Role: accounts.DomainAdmin},
			"help-desk":   {Role: accounts.Viewer},
			"firm-viewer": {Role: accounts.Viewer, Domains: []string{"firm.example"}},
			"panel-a":     {Role: accounts.Provisioner, Domains: []string{"a.example"}, Profiles: []string{"a"}},
			"panel-b":     {Role: accounts.Provisioner, Profiles: []string{"b"}},
		},
	}
}

// newSignIn returns a sign-in through a provider, and the accounts behind it.
func newSignIn(t *testing.T, p *testProvider) (*oidc.SignIn, *accounts.Service) {
	t.Helper()
	var s *oidc.SignIn
	service := accounts.New(accountstest.NewMemory(), accounts.Options{External: func(e accounts.External) (accounts.External, bool) { return s.External(e) }})
	s = oidc.New(service.First)
	if err := s.Use(configFor(p)); err != nil {
		t.Fatal(err)
	}
	return s, service
}

// begin begins a sign-in in a browser and signs in at the provider.
func begin(t *testing.T, s *oidc.SignIn, p *testProvider) (answer url.Values, state string) {
	t.Helper()
	location, state, err := s.Begin("/domains/firm.example")
	if err != nil {
		t.Fatal(err)
	}
	return p.authorize(location), state
}

func finish(t *testing.T, s *oidc.SignIn, p *testProvider) (accounts.Vouched, error) {
	t.Helper()
	answer, state := begin(t, s, p)
	who, _, err := s.Finish(t.Context(), answer, state)
	return who, err
}

func TestSignIn(t *testing.T) {
	p := newProvider(t)
	s, service := newSignIn(t, p)
	answer, state := begin(t, s, p)
	who, next, err := s.Finish(t.Context(), answer, state)
	if err != nil {
		t.Fatal(err)
	}
	if who.Name != "anna@hoster.example" || who.Role != accounts.Operator || who.Subject != "1234" || next != "/domains/firm.example" || who.Lifetime != 30*time.Minute {
		t.Errorf("who %+v, next %q", who, next)
	}
	client := accounts.Client{Address: netip.MustParseAddr("192.0.2.1")}
	opened, err := service.OpenExternal(t.Context(), who, "", client)
	if err != nil {
		t.Fatal(err)
	}
	principal, session, err := service.Session(t.Context(), opened.Secret, client)
	if err != nil || principal.Name != "oidc:anna@hoster.example" || !principal.May(accounts.Apply, accounts.Target{}) {
		t.Errorf("principal %+v, error %v", principal, err)
	}
	if left := time.Until(session.Expires); left > 30*time.Minute {
		t.Errorf("the session lasts %v", left)
	}
	// Nobody who is not an account can change a password here or make tokens, which would outlive the provider's word.
	if _, _, err := service.AddToken(t.Context(), principal, accounts.NewToken{Name: "t", Role: accounts.Viewer}); !errors.Is(err, accounts.ErrDenied) {
		t.Errorf("a token: %v", err)
	}
	if _, err := service.ChangePassword(t.Context(), principal, accounts.Again{}, "another password"); err == nil {
		t.Error("a person of the provider has changed a password")
	}
}

// What is wrong in the answer or the token, so that nobody is signed in.
func TestRefused(t *testing.T) {
	for name, change := range map[string]func(p *testProvider, answer url.Values) (state string){
		"no state": func(_ *testProvider, answer url.Values) string { answer.Del("state"); return "" },
		"another state": func(_ *testProvider, answer url.Values) string {
			answer.Set("state", strings.Repeat("x", 43))
			return ""
		},
		"two states": func(_ *testProvider, answer url.Values) string { answer.Add("state", "x"); return "" },
		"no cookie":  func(_ *testProvider, _ url.Values) string { return "none" },
		"cookie made up": func(_ *testProvider, _ url.Values) string {
			return base64.RawURLEncoding.EncodeToString(make([]byte, 200))
		},
		"no code":        func(_ *testProvider, answer url.Values) string { answer.Del("code"); return "" },
		"another code":   func(_ *testProvider, answer url.Values) string { answer.Set("code", "x"); return "" },
		"error":          func(_ *testProvider, answer url.Values) string { answer.Set("error", "access_denied"); return "" },
		"another issuer": func(_ *testProvider, answer url.Values) string { answer.Set("iss", "https://evil.example"); return "" },
		"issuer missing": func(p *testProvider, answer url.Values) string { answer.Del("iss"); return "" }, // although the provider sends it: see below
		"PKCE": func(p *testProvider, answer url.Values) string {
			p.codes[answer.Get("code")].Set("code_challenge", "x")
			return ""
		},
		"nonce":             claim("nonce", "x"),
		"nonce missing":     claim("nonce", nil),
		"audience":          claim("aud", "another-client"),
		"audience empty":    claim("aud", []string{}),
		"audiences":         claim("aud", []string{clientID, "another-client"}), // without azp
		"authorised party":  claim("azp", "another-client"),
		"issuer of token":   claim("iss", "https://evil.example"),
		"expired":           claim("exp", time.Now().Add(-time.Minute).Unix()),
		"not valid yet":     claim("nbf", time.Now().Add(time.Hour).Unix()),
		"subject missing":   claim("sub", nil),
		"access token hash": claim("at_hash", base64.RawURLEncoding.EncodeToString(make([]byte, 16))),
		"alg none": signed(func(_ *testProvider, claims map[string]any) string {
			return signingInput(map[string]any{"alg": "none"}, claims) + "."
		}),
		"HS256 with the public key": signed(func(p *testProvider, claims map[string]any) string {
			der, err := x509.MarshalPKIXPublicKey(&p.key.PublicKey)
			if err != nil {
				panic(err)
			}
			return hs256(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), claims)
		}),
		"HS256 with the secret": signed(func(_ *testProvider, claims map[string]any) string { return hs256([]byte(clientSecret), claims) }),
		"another key": signed(func(_ *testProvider, claims map[string]any) string {
			key, err := rsa.GenerateKey(rand.Reader, 2048)
			if err != nil {
				panic(err)
			}
			return rs256(key, map[string]any{"alg": "RS256", "kid": "1"}, claims)
		}),
		"signature of another token": signed(func(p *testProvider, claims map[string]any) string {
			good := p.rs256(map[string]any{"alg": "RS256", "kid": "1"}, claims)
			claims["groups"] = []string{"mail-admins", "x"}
			return signingInput(map[string]any{"alg": "RS256", "kid": "1"}, claims) + good[strings.LastIndex(good, "."):]
		}),
		"no ID token": signed(func(*testProvider, map[string]any) string { return "" }),
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			p.about = map[string]any{"authorization_response_iss_parameter_supported": true, "id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"}}
			s, _ := newSignIn(t, p)
			answer, state := begin(t, s, p)
			if other := change(p, answer); other != "" {
				state = other
			}
			who, _, err := s.Finish(t.Context(), answer, state)
			if !errors.Is(err, oidc.ErrRefused) {
				t.Errorf("who %+v, error %v", who, err)
			}
			if err != nil && (answer.Get("code") != "x" && answer.Has("code") && strings.Contains(err.Error(), answer.Get("code")) || strings.Contains(err.Error(), "eyJ")) {
				t.Errorf("the error contains a code or token: %v", err)
			}
		})
	}
}

// claim changes a claim of the ID token; nil removes it.
func claim(name string, value any) func(*testProvider, url.Values) string {
	return func(p *testProvider, _ url.Values) string {
		p.change = func(claims map[string]any, _ url.Values) {
			claims[name] = value
			if value == nil {
				delete(claims, name)
			}
		}
		return ""
	}
}

// signed signs the ID token in another way.
func signed(sign func(p *testProvider, claims map[string]any) string) func(*testProvider, url.Values) string {
	return func(p *testProvider, _ url.Values) string {
		p.sign = func(_, claims map[string]any) string { return sign(p, claims) }
		return ""
	}
}

// An answer finishes one sign-in, in the browser that began it, in time.
func TestReplay(t *testing.T) {
	p := newProvider(t)
	s, _ := newSignIn(t, p)
	answer, state := begin(t, s, p)
	other, otherState := begin(t, s, p)
	for name, try := range map[string]struct {
		answer url.Values
		state  string
	}{"of another browser": {answer, otherState}, "the other way round": {other, state}} {
		if _, _, err := s.Finish(t.Context(), try.answer, try.state); !errors.Is(err, oidc.ErrRefused) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, _, err := s.Finish(t.Context(), answer, state); err != nil {
		t.Fatal(err)
	}
	p.used = make(map[string]bool) // a provider that would give tokens for a code twice
	if _, _, err := s.Finish(t.Context(), answer, state); !errors.Is(err, oidc.ErrRefused) {
		t.Errorf("the same answer again: %v", err)
	}
	p.used[other.Get("code")] = true
	if _, _, err := s.Finish(t.Context(), other, otherState); !errors.Is(err, oidc.ErrRefused) {
		t.Errorf("a code that somebody else has used: %v", err)
	}
}

// A sign-in that began at one provider is not finished at another that was configured meanwhile.
func TestProviderChanged(t *testing.T) {
	p, evil := newProvider(t), newProvider(t)
	s, _ := newSignIn(t, p)
	answer, state := begin(t, s, p)
	if err := s.Use(configFor(evil)); err != nil {
		t.Fatal(err)
	}
	answer.Set("iss", evil.url)
	if _, _, err := s.Finish(t.Context(), answer, state); !errors.Is(err, oidc.ErrRefused) {
		t.Errorf("error %v", err)
	}
	if err := s.Use(nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Finish(t.Context(), answer, state); !errors.Is(err, oidc.ErrNoProvider) {
		t.Errorf("without a provider: %v", err)
	}
	if s.Name() != "" {
		t.Errorf("without a provider there is a button %q", s.Name())
	}
}

// What the claims give. A claim that is missing, or has values that mean nothing, gives nothing.
func TestClaims(t *testing.T) {
	for name, test := range map[string]struct {
		claims map[string]any
		change func(c *oidc.Config)
		want   accounts.External // Role, Domains and Profiles
		called string
	}{
		"missing":      {claims: map[string]any{}},
		"empty":        {claims: map[string]any{"groups": []string{}}},
		"unknown":      {claims: map[string]any{"groups": []string{"everybody", "MAIL-ADMINS", "mail-admins ", ""}}},
		"wrong type":   {claims: map[string]any{"groups": map[string]any{"mail-admins": true}}},
		"number":       {claims: map[string]any{"groups": []any{1, true, nil}}},
		"text":         {claims: map[string]any{"groups": "help-desk"}, want: accounts.External{Role: accounts.Viewer}},
		"several":      {claims: map[string]any{"groups": []string{"firm-it", "other-it", "help-desk"}}, want: accounts.External{Role: accounts.DomainAdmin, Domains: []string{"firm.example", "other.example"}}},
		"most":         {claims: map[string]any{"groups": []string{"help-desk", "firm-it", "mail-admins"}}, want: accounts.External{Role: accounts.Operator}},
		"viewers":      {claims: map[string]any{"groups": []string{"firm-viewer", "help-desk"}}, want: accounts.External{Role: accounts.Viewer}},
		"one viewer":   {claims: map[string]any{"groups": []string{"firm-viewer"}}, want: accounts.External{Role: accounts.Viewer, Domains: []string{"firm.example"}}},
		"provisioners": {claims: map[string]any{"groups": []string{"panel-b", "panel-a"}}, want: accounts.External{Role: accounts.Provisioner, Domains: []string{"a.example"}, Profiles: []string{"a"}}},
		"domains claim": {claims: map[string]any{"groups": []string{"customers"}, "mail_domains": []any{"Firm.Example.", "bücher.example", "*.wild.example", "no domain", "..", 7, "*"}},
			change: func(c *oidc.Config) { c.NamesClaim = "mail_domains" }, want: accounts.External{Role: accounts.DomainAdmin, Domains: []string{"*.wild.example", "firm.example", "xn--bcher-kva.example"}}},
		"domains claim of others": {claims: map[string]any{"groups": []string{"firm-it"}, "mail_domains": []any{"victim.example"}},
			change: func(c *oidc.Config) { c.NamesClaim = "mail_domains" }, want: accounts.External{Role: accounts.DomainAdmin, Domains: []string{"firm.example"}}},
		"domains claim not configured": {claims: map[string]any{"groups": []string{"customers"}, "mail_domains": []any{"victim.example"}}, want: accounts.External{Role: accounts.DomainAdmin}},
		"address":                      {claims: map[string]any{"email": "anna@hoster.example", "email_verified": true}, change: byEmail, want: accounts.External{Role: accounts.Operator}, called: "anna@hoster.example"},
		"address not verified":         {claims: map[string]any{"email": "anna@hoster.example", "email_verified": false}, change: byEmail},
		"verified is missing":          {claims: map[string]any{"email": "anna@hoster.example"}, change: byEmail},
		"verified is text":             {claims: map[string]any{"email": "anna@hoster.example", "email_verified": "true"}, change: byEmail},
		"called by the subject":        {claims: map[string]any{"groups": "help-desk", "email": "boss@hoster.example", "preferred_username": "anna"}, want: accounts.External{Role: accounts.Viewer}, called: "sub=1234"},
		"nested claim by a path":       {claims: map[string]any{"realm": map[string]any{"groups": "mail-admins"}}, change: func(c *oidc.Config) { c.Claim = "realm.groups" }},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			p.claims = test.claims
			s, _ := newSignIn(t, p)
			if c := configFor(p); test.change != nil {
				test.change(c)
				if err := s.Use(c); err != nil {
					t.Fatal(err)
				}
			}
			who, err := finish(t, s, p)
			if test.want.Role == "" {
				if !errors.Is(err, oidc.ErrNoRole) {
					t.Errorf("who %+v, error %v", who, err)
				}
				return
			}
			got := accounts.External{Role: who.Role, Domains: who.Domains, Profiles: who.Profiles}
			if err != nil || !reflect.DeepEqual(got, test.want) || test.called != "" && who.Name != test.called {
				t.Errorf("called %q, got %+v, error %v; want %+v", who.Name, got, err, test.want)
			}
		})
	}
}

func byEmail(c *oidc.Config) {
	c.Claim, c.Grants = "email", map[string]oidc.Grant{"anna@hoster.example": {Role: accounts.Operator}}
}

// Some providers tell the groups only at their UserInfo endpoint.
func TestUserInfo(t *testing.T) {
	p := newProvider(t)
	p.claims = map[string]any{}
	p.userInfo = map[string]any{"sub": "1234", "groups": []string{"help-desk"}, "email": "anna@hoster.example", "email_verified": true}
	s, _ := newSignIn(t, p)
	if who, err := finish(t, s, p); err != nil || who.Role != accounts.Viewer || who.Name != "anna@hoster.example" {
		t.Errorf("who %+v, error %v", who, err)
	}
	p.userInfo["sub"] = "5678"
	if _, err := finish(t, s, p); !errors.Is(err, oidc.ErrRefused) {
		t.Errorf("user info about somebody else: %v", err)
	}
}

// A session ends when the configuration no longer gives the person a role, and otherwise follows it; and when the provider is not asked again.
func TestSessionFollows(t *testing.T) {
	p := newProvider(t)
	p.claims = map[string]any{"groups": []string{"firm-it", "other-it"}}
	s, service := newSignIn(t, p)
	who, err := finish(t, s, p)
	if err != nil {
		t.Fatal(err)
	}
	client := accounts.Client{Address: netip.MustParseAddr("192.0.2.1")}
	opened, err := service.OpenExternal(t.Context(), who, "", client)
	if err != nil {
		t.Fatal(err)
	}
	may := func(domain string) bool {
		principal, _, err := service.Session(t.Context(), opened.Secret, client)
		if err != nil && !errors.Is(err, accounts.ErrSignedOut) {
			t.Error(err)
		}
		return err == nil && principal.May(accounts.Edit, accounts.Target{Domain: domain})
	}
	if !may("firm.example") || !may("other.example") {
		t.Error("the domain admin may not edit both domains")
	}
	c := configFor(p)
	delete(c.Grants, "other-it")
	if err := s.Use(c); err != nil {
		t.Fatal(err)
	}
	if !may("firm.example") || may("other.example") {
		t.Error("the session does not follow the configuration")
	}
	c = configFor(p)
	delete(c.Grants, "other-it")
	delete(c.Grants, "firm-it")
	if err := s.Use(c); err != nil {
		t.Fatal(err)
	}
	if may("firm.example") {
		t.Error("the session goes on without a role")
	}
	other := configFor(p)
	other.Issuer = "https://other.example"
	if err := s.Use(other); err != nil {
		t.Fatal(err)
	}
	if may("firm.example") {
		t.Error("groups of another provider count")
	}
	if err := s.Use(nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := service.Session(t.Context(), opened.Secret, client); !errors.Is(err, accounts.ErrSignedOut) {
		t.Errorf("without a provider: %v", err)
	}
	// Whoever is removed from the group at the provider gets no role at the next sign-in, which comes after the lifetime at the latest.
	if err := s.Use(configFor(p)); err != nil {
		t.Fatal(err)
	}
	p.claims = map[string]any{"groups": []string{"everybody"}}
	if _, err := finish(t, s, p); !errors.Is(err, oidc.ErrNoRole) {
		t.Errorf("removed from the group: %v", err)
	}
}

// The way back leads to this server only.
func TestNoOpenRedirect(t *testing.T) {
	p := newProvider(t)
	s, _ := newSignIn(t, p)
	for next, want := range map[string]string{
		"/domains?search=x": "/domains?search=x", "": "/", "domains": "/", "https://evil.example/": "/", "//evil.example/": "/", `/\evil.example`: "/", "/\t/evil.example": "/",
		"javascript:alert(1)": "/", "/" + strings.Repeat("x", 2000): "/",
	} {
		location, state, err := s.Begin(next)
		if err != nil {
			t.Fatal(err)
		}
		if len(state) > 3500 {
			t.Errorf("the cookie has %d octets", len(state))
		}
		if _, got, err := s.Finish(t.Context(), p.authorize(location), state); err != nil || got != want {
			t.Errorf("%.40q leads to %q, error %v; want %q", next, got, err, want)
		}
	}
}

// A provider that is down, or says something else than it should, is an error that passes. It is not asked all the time.
func TestUnavailable(t *testing.T) {
	p := newProvider(t)
	p.down = true
	s, _ := newSignIn(t, p)
	if _, _, err := s.Begin("/"); !errors.Is(err, oidc.ErrUnavailable) {
		t.Errorf("down: %v", err)
	}
	for name, about := range map[string]map[string]any{
		"another issuer": {"issuer": "https://evil.example"},
		"no PKCE":        {"code_challenge_methods_supported": []string{"plain"}},
	} {
		p := newProvider(t)
		p.about = about
		s, _ := newSignIn(t, p)
		if _, _, err := s.Begin("/"); !errors.Is(err, oidc.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p = newProvider(t)
	s, _ = newSignIn(t, p)
	answer, state := begin(t, s, p)
	p.down = true
	if _, _, err := s.Finish(t.Context(), answer, state); !errors.Is(err, oidc.ErrUnavailable) {
		t.Errorf("down in between: %v", err)
	}
}

// The state in the cookie can be neither read nor changed, and another replica with the same configuration can finish what this one has begun.
func TestState(t *testing.T) {
	p := newProvider(t)
	s, _ := newSignIn(t, p)
	replica := oidc.New(func(context.Context, string, time.Time) (bool, error) { return true, nil })
	if err := replica.Use(configFor(p)); err != nil {
		t.Fatal(err)
	}
	answer, state := begin(t, s, p)
	raw, err := base64.RawURLEncoding.DecodeString(state)
	if err != nil || slices.Contains(strings.Split(string(raw), `"`), "nonce") {
		t.Errorf("the cookie can be read: %q, error %v", raw, err)
	}
	raw[len(raw)/2] ^= 1
	if _, _, err := replica.Finish(t.Context(), answer, base64.RawURLEncoding.EncodeToString(raw)); !errors.Is(err, oidc.ErrRefused) {
		t.Errorf("a changed cookie: %v", err)
	}
	if _, _, err := replica.Finish(t.Context(), answer, state); err != nil {
		t.Errorf("at another replica: %v", err)
	}
	stranger := oidc.New(nil)
	c := configFor(p)
	c.Secret = string(sha256.New().Sum(nil))
	if err := stranger.Use(c); err != nil {
		t.Fatal(err)
	}
	answer, state = begin(t, stranger, p)
	if _, _, err := s.Finish(t.Context(), answer, state); !errors.Is(err, oidc.ErrRefused) {
		t.Errorf("a cookie of somebody without the secret: %v", err)
	}
}

func TestUseChecks(t *testing.T) {
	p := newProvider(t)
	c := configFor(p)
	c.Grants["bad"] = oidc.Grant{Role: "boss"}
	if err := oidc.New(nil).Use(c); err == nil || !strings.Contains(err.Error(), `"bad"`) {
		t.Errorf("error %v", err)
	}
}

// The table of the configuration, with the secret in a file.
func TestConfigure(t *testing.T) {
	p := newProvider(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(clientSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	table := domains.OIDC{Issuer: p.url, ClientID: clientID, SecretFile: secret, URL: "https://admin.hoster.example", Title: "Sign in", Scopes: []string{"profile"}, Claim: "groups",
		Session: time.Hour, Roles: map[string]domains.OIDCRole{"mail-admins": {Role: "operator"}}}
	s := oidc.New(nil)
	if err := s.Configure(table); err != nil {
		t.Fatal(err)
	}
	if who, err := finish(t, s, p); err != nil || who.Role != accounts.Operator || who.Lifetime != time.Hour {
		t.Errorf("who %+v, error %v", who, err)
	}
	if err := os.Chmod(secret, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Configure(table); runtime.GOOS != "windows" && (err == nil || strings.Contains(err.Error(), clientSecret) || !strings.Contains(err.Error(), "chmod 600")) {
		t.Errorf("a secret that others can read: %v", err)
	}
	if s.Name() != "Sign in" {
		t.Error("after an error the sign-in is not as it was")
	}
	if err := s.Configure(domains.OIDC{}); err != nil || s.Name() != "" {
		t.Errorf("without the table: %v, button %q", err, s.Name())
	}
}
