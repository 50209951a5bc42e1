// Package oauth finds out what an OAuth2 authorization server offers to mail programs, and what of it does not fit the settings.
//
// A mail program that supports OAuth2 opens the server's page (the authorization endpoint), where a person signs in, and exchanges the result
// for a token (at the token endpoint), with which it logs in to the mail server. It learns the endpoints from the settings, or from the
// server's metadata, which the issuer in the settings leads to (RFC 8414; OpenID Connect Discovery for many servers). Programs are public
// clients, so that they need PKCE (RFC 7636), and a client ID: one that the provider hands out, or one that they register (RFC 7591).
//
// Read first this file: Look asks a server, and Judge compares the answer with the settings. metadata.go has the document.
package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"mailhint/probe"
	"mailhint/resolver"
	"mailhint/settings"
	"mailhint/untrusted"
)

// Prober asks web servers: a *probe.Prober, which refuses private addresses unless they are allowed.
type Prober interface {
	LookURL(ctx context.Context, q probe.Request) probe.Web
}

// Observation is what was found out about an authorization server.
type Observation struct {
	// Metadata is the document; nil if there is none.
	Metadata *Metadata
	// URL is where it is, or where it should be.
	URL string
	// Fault says why there is none; empty if there is one.
	Fault string
	// Unknown is why nothing can be said, such as DNS that does not answer or a private address that may not be asked; nil otherwise.
	Unknown error
}

// maxHops is how many redirects are followed.
const maxHops = 3

// places are where the metadata of an issuer may be: at the well-known path of RFC 8414 section 3, which is put between host and path, and at
// that of OpenID Connect Discovery section 4, which is appended.
func places(issuer string) ([]string, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" {
		return nil, errors.New("the issuer is not a valid URL")
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	base := u.Scheme + "://" + u.Host
	return []string{
		base + "/.well-known/oauth-authorization-server" + path,
		base + path + "/.well-known/openid-configuration",
	}, nil
}

// Look asks for the metadata of an issuer.
func Look(ctx context.Context, p Prober, issuer string) Observation {
	urls, err := places(issuer)
	if err != nil {
		return Observation{Fault: err.Error()}
	}
	var first Observation
	for i, u := range urls {
		o := lookAt(ctx, p, u)
		if o.Metadata != nil || o.Unknown != nil {
			return o
		}
		if i == 0 || o.Fault != "" && strings.HasPrefix(first.Fault, notFound) {
			first = o
		}
	}
	return first
}

const notFound = "status 404"

// lookAt asks for the metadata at one URL.
func lookAt(ctx context.Context, p Prober, at string) Observation {
	o := Observation{URL: at}
	web, err := get(ctx, p, at)
	switch {
	case err != nil:
		o.Fault = err.Error()
	case web.State == probe.Forbidden:
		o.Unknown = fmt.Errorf("%s is a private address; allow it with --private", web.Address)
	case errors.Is(web.Err, resolver.ErrFailed), ctx.Err() != nil:
		o.Unknown = errors.New("DNS does not answer")
	case errors.Is(web.Err, resolver.ErrNone):
		o.Fault = "its host has no address in DNS"
	case web.Err != nil:
		o.Fault = untrusted.Clip(web.Err.Error(), maxText)
	case web.TLS != nil && web.TLS.ChainErr != nil:
		o.Fault = "its certificate is not trusted: " + untrusted.Clip(web.TLS.ChainErr.Error(), maxText)
	case web.TLS != nil && web.TLS.NameErr != nil:
		o.Fault = "its certificate does not cover the name"
	case web.Status != http.StatusOK:
		o.Fault = fmt.Sprintf("status %d", web.Status)
	case web.Cut:
		o.Fault = "the document is too long"
	default:
		if o.Metadata, err = Read(web.Body); err != nil {
			o.Fault = err.Error()
		}
	}
	return o
}

// get asks for a document and follows redirects to https URLs.
func get(ctx context.Context, p Prober, at string) (probe.Web, error) {
	for range maxHops + 1 {
		web := p.LookURL(ctx, probe.Request{URL: at})
		if web.Status/100 != 3 || web.Location == "" {
			return web, nil
		}
		base, err := url.Parse(at)
		if err != nil {
			return probe.Web{}, errors.New("not a valid URL")
		}
		to, err := base.Parse(web.Location)
		if err != nil || to.Scheme != "https" || to.Host == "" || to.User != nil {
			return probe.Web{}, errors.New("it redirects to something that is not an https URL")
		}
		at = to.String()
	}
	return probe.Web{}, fmt.Errorf("it redirects more than %d times", maxHops)
}

// Point is what a fault is about.
type Point string

// The points.
const (
	Discovery Point = "metadata"  // the metadata cannot be found, or is another issuer's
	Endpoints Point = "endpoints" // the endpoints in the settings are others
	Clients   Point = "clients"   // mail programs cannot become clients
	Scopes    Point = "scopes"    // the scopes are not known
)

// Fault is something that keeps mail programs from signing in.
type Fault struct {
	Point Point
	// Text says what is wrong, and Fix what to do.
	Text, Fix string
	// Paste is text for domains.toml; empty if there is none.
	Paste string
}

// Judge compares what was observed with the settings.
func Judge(s *settings.OAuth2, o Observation) []Fault {
	if o.Metadata == nil {
		return []Fault{{Point: Discovery, Text: fmt.Sprintf("no metadata of this issuer at %s: %s", untrusted.Clip(o.URL, maxText), o.Fault),
			Fix: "Write the issuer exactly as the authorization server names itself, with its path, or let the server answer there."}}
	}
	var all []Fault
	add := func(f *Fault) {
		if f != nil {
			all = append(all, *f)
		}
	}
	m := o.Metadata
	add(issuerFault(s, m))
	add(endpointFault(s, m))
	add(pkceFault(m))
	add(clientFault(s, m))
	add(scopeFault(s, m))
	return all
}

// issuerFault is about the name, which clients compare octet by octet (RFC 8414 section 3.3).
func issuerFault(s *settings.OAuth2, m *Metadata) *Fault {
	if m.Issuer == s.IssuerURL() {
		return nil
	}
	f := &Fault{Point: Discovery, Text: fmt.Sprintf("the metadata is for the issuer %s, so clients refuse it", clip(m.Issuer)),
		Fix: "Write the issuer exactly as the authorization server names itself:"}
	if issuer, err := settings.ParseIssuer(m.Issuer); err == nil {
		f.Paste = fmt.Sprintf("issuer = %q", issuer)
	}
	return f
}

// endpointFault is about the endpoints, which clients take from the settings or from the metadata.
func endpointFault(s *settings.OAuth2, m *Metadata) *Fault {
	var what, lines []string
	for _, e := range []struct{ key, configured, offered string }{
		{"auth_url", s.AuthURL, m.AuthorizationEndpoint}, {"token_url", s.TokenURL, m.TokenEndpoint},
	} {
		switch {
		case e.offered == "":
			what = append(what, fmt.Sprintf("the metadata has no %s", map[string]string{"auth_url": "authorization_endpoint", "token_url": "token_endpoint"}[e.key]))
		case e.offered != e.configured:
			what = append(what, fmt.Sprintf("%s is %s, but the server says %s", e.key, clip(e.configured), clip(e.offered)))
			if _, err := settings.ParseURL(e.offered, "https"); err == nil && !strings.ContainsAny(e.offered, "\"\\%") {
				lines = append(lines, fmt.Sprintf("%s = %q", e.key, e.offered))
			}
		}
	}
	if len(what) == 0 {
		return nil
	}
	return &Fault{Point: Endpoints, Text: strings.Join(what, "; "), Fix: "Correct the table oauth2 in domains.toml:", Paste: strings.Join(lines, "\n")}
}

// pkceFault is about PKCE with S256, without which a public client is open to stolen codes (RFC 9700 section 2.1.1). A server that does not
// say which methods it supports is taken at its word: RFC 8414 section 2 has it that it supports none.
func pkceFault(m *Metadata) *Fault {
	if slices.Contains(m.PKCE, "S256") {
		return nil
	}
	offers := "no method"
	if len(m.PKCE) > 0 {
		offers = "only " + clip(strings.Join(m.PKCE, ", "))
	}
	return &Fault{Point: Clients, Text: "the server does not offer PKCE with S256 (it names " + offers + ")",
		Fix: "Turn on PKCE with S256 for public clients, and have the metadata say so in code_challenge_methods_supported."}
}

// clientFault is about how programs become clients: by a client ID in the settings, or by registering. Whether a server takes clients without
// a secret cannot be told: Keycloak does and Google does not, and neither has "none" in token_endpoint_auth_methods_supported.
func clientFault(s *settings.OAuth2, m *Metadata) *Fault {
	switch {
	case len(m.ResponseTypes) > 0 && !slices.Contains(m.ResponseTypes, "code"):
		return &Fault{Point: Clients, Text: "the server does not offer the response type code",
			Fix: "Turn on the authorization code flow; mail programs use no other."}
	case len(m.GrantTypes) > 0 && !slices.Contains(m.GrantTypes, "authorization_code"):
		return &Fault{Point: Clients, Text: "the server does not offer the grant type authorization_code",
			Fix: "Turn on the authorization code flow; mail programs use no other."}
	case s.ClientID == "" && m.RegistrationEndpoint == "":
		return &Fault{Point: Clients, Text: "programs cannot register (the metadata has no registration_endpoint), and there is no client_id",
			Fix: "Register a public client for mail programs, and write its ID; or turn on dynamic registration (RFC 7591):", Paste: "client_id = \"…\""}
	}
	return nil
}

// scopeFault is about scopes that the server does not list. It need not list all (RFC 8414 section 2).
func scopeFault(s *settings.OAuth2, m *Metadata) *Fault {
	if len(m.Scopes) == 0 {
		return nil
	}
	var unknown []string
	for _, scope := range s.Scope {
		if !slices.Contains(m.Scopes, scope) {
			unknown = append(unknown, clip(scope))
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	return &Fault{Point: Scopes, Text: fmt.Sprintf("the server does not list %s among its scopes (it lists %s)", strings.Join(unknown, ", "),
		untrusted.Clip(strings.Join(m.Scopes, ", "), 2*maxText)), Fix: "Correct scope in domains.toml, or define the scope in the authorization server."}
}

// maxText is how much of a stranger's text is shown, in characters.
const maxText = 120

func clip(s string) string { return untrusted.Clip(s, maxText) }
