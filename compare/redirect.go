package compare

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"mailhint/choices"
	"mailhint/probe"
	"mailhint/settings"
)

// follow sends a request, and again to where a redirect points. Within the server's own names it stays at the server. Other hosts are looked
// up, and asked only if they are public: an old server must not make this program ask its own network.
func (s *Server) follow(ctx context.Context, client *http.Client, r settings.Request, final bool) (Page, time.Duration) {
	asked := r.URL.Host
	r.URL.Scheme = s.base.Scheme
	var via []string
	for {
		p, location, pause := s.at(ctx, client, r, s.isOwn(r.URL.Host, asked))
		p.Via = via
		if pause > 0 || p.Err != nil || !isRedirect(p.Status) || location == "" {
			return p, pause
		}
		to, err := r.URL.Parse(location)
		if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" || to.User != nil {
			p.Err = errors.New("it redirects to something that is not a web server")
			return p, 0
		}
		via = append(via, to.String())
		p.Via = via
		if final {
			return p, 0
		}
		if len(via) > maxHops {
			p.Err = fmt.Errorf("it redirects more than %d times", maxHops)
			return p, 0
		}
		r = redirected(r, p.Status, to)
	}
}

// redirected is the request that a client sends after a redirect: 301, 302 and 303 turn a POST of most programs into a GET, but mail clients
// repeat their POST, or they would get nothing.
func redirected(r settings.Request, status int, to *url.URL) settings.Request {
	r.URL = *to
	if status == http.StatusSeeOther {
		r.Method, r.Body, r.ContentType = http.MethodGet, nil, ""
	}
	return r
}

// isOwn reports whether a name stands for the server: the one that was asked, another service name of the same domain, and its own.
func (s *Server) isOwn(host, asked string) bool {
	d := settings.DomainOfServiceHost(host)
	return host == asked || host == s.base.Host || d != "" && d == settings.DomainOfServiceHost(asked)
}

// at sends a request to the server, or elsewhere.
func (s *Server) at(ctx context.Context, client *http.Client, r settings.Request, own bool) (Page, string, time.Duration) {
	switch {
	case own:
		return s.send(ctx, client, r)
	case s.Elsewhere == nil:
		return Page{Err: fmt.Errorf("it redirects to %s, which was not followed", clip(r.URL.Host))}, "", 0
	}
	web := s.Elsewhere.LookURL(ctx, probe.Request{Method: r.Method, URL: r.URL.String(), ContentType: r.ContentType, Body: r.Body})
	switch {
	case web.Err != nil:
		return Page{Err: fmt.Errorf("it redirects to %s: %w", clip(r.URL.Host), plainError(web.Err))}, "", 0
	case web.Cut:
		return Page{Err: fmt.Errorf("it redirects to %s: the answer is too long", clip(r.URL.Host))}, "", 0
	}
	good := web.TLS == nil || web.TLS.ChainErr == nil && web.TLS.NameErr == nil
	return Page{Answer: choices.Answer{Status: web.Status, ContentType: web.Header.Get("Content-Type"), Body: web.Body, Good: good}},
		web.Location, 0
}
