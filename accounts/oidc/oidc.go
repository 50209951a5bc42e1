// Package oidc signs people in whom an identity provider vouches for: OpenID Connect Core 1.0, the authorization code flow with PKCE.
//
// Begin sends the browser to the provider, with a state of its own that comes back in a cookie; Finish checks what the provider has sent back
// and says who it is. A claim, such as the groups of the person, decides on role and domains: without a value that the configuration names,
// nobody gets in. The provider is asked again after a while, so that whoever is removed from a group there is out.
//
// github.com/coreos/go-oidc checks signatures, issuer, audience and expiry; none and HS256 are not accepted, because a provider's public keys
// must not be used as secrets. What must be compared with the request that began is checked here: state, nonce, PKCE, and the issuer in the
// answer (RFC 9207).
//
// Read oidc.go first, then flow.go (the two requests), state.go (what is remembered between them) and claims.go (who it is).
package oidc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"mailhint/accounts"
)

// Config says which provider is asked, and what its answers mean.
type Config struct {
	// Issuer identifies the provider: an https URL below which /.well-known/openid-configuration is found.
	Issuer   string
	ClientID string
	// Secret is the client's; empty for a public client.
	Secret string
	// Redirect is the URL to which the provider sends the browser back.
	Redirect string
	// Title is what the button calls the provider: "Sign in with …".
	Title string
	// Scopes are requested besides openid.
	Scopes []string
	// Claim is the name of the claim whose values Grants has; "email" counts only if the provider has verified the address.
	Claim string
	// NamesClaim is the name of a claim that lists the domains of those whose grant is that of a domain admin without domains; empty for none.
	NamesClaim string
	Grants     map[string]Grant
	// Lifetime is after how long the provider is asked again.
	Lifetime time.Duration
}

// Grant is what people may do who have a value of the claim: see accounts.Account.
type Grant struct {
	Role              accounts.Role
	Domains, Profiles []string
}

// SignIn is the sign-in through an identity provider. Its methods may be called by several goroutines at once.
type SignIn struct {
	// first records what must not happen twice; nil for nothing.
	first func(ctx context.Context, fact string, until time.Time) (bool, error)
	// now is the clock.
	now func() time.Time

	provider atomic.Pointer[provider]
}

// New returns a sign-in without a provider: see Use. first is accounts.Service.First.
func New(first func(ctx context.Context, fact string, until time.Time) (bool, error)) *SignIn {
	return &SignIn{first: first, now: time.Now}
}

// provider is a configuration, and what has been found out about the provider.
type provider struct {
	Config
	state sealer

	mutex   sync.Mutex
	found   *discovered
	failed  error     // of the last attempt
	retryAt time.Time // no attempt is made before
}

// discovered is what the provider says of itself.
type discovered struct {
	*oidc.Provider
	verifier *oidc.IDTokenVerifier
	oauth    oauth2.Config
	client   *http.Client
	// sendsIssuer is true if the issuer must be in the answer: RFC 9207.
	sendsIssuer bool
}

// Errors that callers act on.
var (
	// ErrNoProvider means that none is configured.
	ErrNoProvider = errors.New("no identity provider is configured")
	// ErrUnavailable means that the provider does not answer as it should: try again later.
	ErrUnavailable = errors.New("the identity provider cannot be reached at the moment")
	// ErrRefused means that the answer of the provider is not acceptable: begin again.
	ErrRefused = errors.New("the identity provider's answer is not acceptable")
	// ErrNoRole means that the person is who they say, but the configuration gives nobody with these claims a role.
	ErrNoRole = errors.New("this person has no role here")
)

// Use replaces the configuration; nil stands for no provider. People who have signed in before stay signed in if the new one still gives them a
// role.
func (s *SignIn) Use(c *Config) error {
	if c == nil {
		s.provider.Store(nil)
		return nil
	}
	for value, g := range c.Grants {
		if _, err := accounts.CheckGrant(g.Role, g.Domains, g.Profiles); err != nil {
			return fmt.Errorf("the role for %q: %w", value, err)
		}
	}
	if before := s.provider.Load(); before == nil || !reflect.DeepEqual(before.Config, *c) {
		s.provider.Store(&provider{Config: *c, state: newSealer(*c)})
	}
	return nil
}

// Name is what the button calls the provider; empty if there is none.
func (s *SignIn) Name() string {
	p := s.provider.Load()
	if p == nil {
		return ""
	}
	return p.Title
}

// External is for accounts.Options: what somebody may do according to the present configuration.
func (s *SignIn) External(e accounts.External) (accounts.External, bool) {
	p := s.provider.Load()
	if p == nil || e.Issuer != p.Issuer {
		return e, false
	}
	return p.grant(e)
}

// Limits of a conversation with a provider.
const (
	timeout     = 10 * time.Second
	maxResponse = 1 << 20
	retryAfter  = 5 * time.Second
	// foundFor is how long what the provider says of itself is used. Its keys are fetched again whenever a new one is used.
	foundFor = time.Hour
)

// discover asks the provider about itself, unless that is known. The error wraps ErrUnavailable.
func (p *provider) discover(now time.Time) (*discovered, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if now.Before(p.retryAt) {
		return p.found, p.failed
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout) // it is for later requests too
	defer cancel()
	found, err := p.ask(ctx)
	switch {
	case err == nil:
		p.found, p.failed, p.retryAt = found, nil, now.Add(foundFor)
	case p.found != nil: // what is known may still be right
		p.retryAt = now.Add(retryAfter)
	default:
		p.failed, p.retryAt = fmt.Errorf("%w: %w", ErrUnavailable, err), now.Add(retryAfter)
	}
	return p.found, p.failed
}

func (p *provider) ask(ctx context.Context) (*discovered, error) {
	client := &http.Client{Timeout: timeout, Transport: limited{http.DefaultTransport}}
	about, err := oidc.NewProvider(oidc.ClientContext(ctx, client), p.Issuer)
	if err != nil {
		return nil, err
	}
	var more struct {
		SendsIssuer bool     `json:"authorization_response_iss_parameter_supported"`
		Algorithms  []string `json:"id_token_signing_alg_values_supported"`
		Methods     []string `json:"code_challenge_methods_supported"`
	}
	if err := about.Claims(&more); err != nil {
		return nil, err
	}
	if len(more.Methods) > 0 && !slices.Contains(more.Methods, "S256") {
		return nil, errors.New("the provider does not support PKCE with S256")
	}
	d := &discovered{Provider: about, client: client, sendsIssuer: more.SendsIssuer}
	d.verifier = about.VerifierContext(oidc.ClientContext(context.Background(), client), &oidc.Config{ClientID: p.ClientID})
	d.oauth = oauth2.Config{ClientID: p.ClientID, ClientSecret: p.Secret, Endpoint: about.Endpoint(), RedirectURL: p.Redirect, Scopes: append([]string{oidc.ScopeOpenID}, p.Scopes...)}
	for name, endpoint := range map[string]string{"authorization": d.oauth.Endpoint.AuthURL, "token": d.oauth.Endpoint.TokenURL} {
		if strings.HasPrefix(p.Issuer, "https:") && !strings.HasPrefix(endpoint, "https:") {
			return nil, fmt.Errorf("the %s endpoint of the provider is not an https URL", name)
		}
	}
	return d, nil
}

// limited limits how much of a response is read.
type limited struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := l.RoundTripper.RoundTrip(r)
	if err == nil {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(response.Body, maxResponse), response.Body}
	}
	return response, err
}
