package oidc

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"mailhint/accounts"
	"mailhint/untrusted"
)

// Begin begins a sign-in. The browser must be sent to location and given state as a cookie, which Finish needs. next is the path where the
// person wants to go afterwards.
func (s *SignIn) Begin(next string) (location, state string, err error) {
	p := s.provider.Load()
	if p == nil {
		return "", "", ErrNoProvider
	}
	d, err := p.discover(s.now())
	if err != nil {
		return "", "", err
	}
	b := begun{State: accounts.NewSecret(), Nonce: accounts.NewSecret(), Verifier: oauth2.GenerateVerifier(), Next: local(next), Until: s.now().Add(timeAtProvider)}
	if state, err = p.state.seal(b); err != nil {
		return "", "", err
	}
	return d.oauth.AuthCodeURL(b.State, oidc.Nonce(b.Nonce), oauth2.S256ChallengeOption(b.Verifier)), state, nil
}

// Finish checks what the provider has sent the browser back with, and says who it is and where they wanted to go. The errors wrap ErrRefused,
// ErrNoRole, ErrUnavailable or ErrNoProvider; they contain neither codes nor tokens.
func (s *SignIn) Finish(ctx context.Context, answer url.Values, state string) (who accounts.Vouched, next string, err error) {
	p := s.provider.Load()
	if p == nil {
		return accounts.Vouched{}, "", ErrNoProvider
	}
	d, err := p.discover(s.now())
	if err != nil {
		return accounts.Vouched{}, "", err
	}
	b, err := p.state.open(state, s.now())
	if err == nil {
		err = p.checkAnswer(d, b, answer)
	}
	if err == nil {
		err = s.onlyOnce(ctx, b)
	}
	if err != nil {
		return accounts.Vouched{}, "", refuse(err)
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, d.client), timeout)
	defer cancel()
	token, err := d.oauth.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(b.Verifier))
	if err != nil {
		return accounts.Vouched{}, "", exchangeError(err)
	}
	c, err := p.check(ctx, d, b, token)
	if err != nil {
		return accounts.Vouched{}, "", refuse(err)
	}
	who, err = p.person(c)
	return who, b.Next, err
}

func refuse(err error) error { return fmt.Errorf("%w: %w", ErrRefused, err) }

// exchangeError says why a provider has given no token for a code. It never repeats the response, which could contain one.
func exchangeError(err error) error {
	if failed := (*oauth2.RetrieveError)(nil); errors.As(err, &failed) {
		if failed.Response != nil && failed.Response.StatusCode >= 500 {
			return fmt.Errorf("%w: status %d for a code", ErrUnavailable, failed.Response.StatusCode)
		}
		return refuse(fmt.Errorf("no token for this code: %s", untrusted.Clip(failed.ErrorCode, 60)))
	}
	if failed := (*url.Error)(nil); errors.As(err, &failed) {
		return fmt.Errorf("%w: %w", ErrUnavailable, failed.Err)
	}
	return refuse(errors.New("no token for this code"))
}

// checkAnswer checks the parameters with which the browser comes back, before anything is done with them.
func (p *provider) checkAnswer(d *discovered, b begun, answer url.Values) error {
	for _, name := range []string{"state", "iss", "code", "error"} {
		if len(answer[name]) > 1 {
			return fmt.Errorf("there are several parameters %s", name)
		}
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(b.State)) != 1:
		return errState
	case answer.Has("iss") && answer.Get("iss") != p.Issuer, !answer.Has("iss") && d.sendsIssuer: // RFC 9207 section 2.4
		return errors.New("the answer is not from this provider")
	case answer.Get("error") != "":
		return fmt.Errorf("the provider says: %s", untrusted.Clip(answer.Get("error"), 60))
	case answer.Get("code") == "":
		return errors.New("the answer has no code")
	}
	return nil
}

// onlyOnce finishes each sign-in only once.
func (s *SignIn) onlyOnce(ctx context.Context, b begun) error {
	if s.first == nil {
		return nil
	}
	first, err := s.first(ctx, "oidc "+accounts.HashSecret(b.State), b.Until)
	if err == nil && !first {
		err = errors.New("this sign-in has been finished already")
	}
	return err
}

// check checks the tokens, and returns the claims in them.
func (p *provider) check(ctx context.Context, d *discovered, b begun, token *oauth2.Token) (claims, error) {
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, errors.New("there is no ID token")
	}
	id, err := d.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	c := make(claims)
	if err := id.Claims(&c); err != nil {
		return nil, err
	}
	switch azp := c.text("azp"); {
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(b.Nonce)) != 1:
		return nil, errors.New("the ID token is for another sign-in: its nonce differs")
	case len(id.Audience) > 1 && azp == "", azp != "" && azp != p.ClientID: // OpenID Connect Core section 3.1.3.7
		return nil, errors.New("the ID token is for another client")
	case id.Subject == "":
		return nil, errors.New("the ID token has no subject")
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			return nil, err
		}
	}
	if _, there := c[p.Claim]; there || d.UserInfoEndpoint() == "" {
		return c, nil
	}
	return c, p.addUserInfo(ctx, d, token, c)
}

// addUserInfo adds the claims that the provider tells only at its UserInfo endpoint: OpenID Connect Core section 5.3.
func (p *provider) addUserInfo(ctx context.Context, d *discovered, token *oauth2.Token, c claims) error {
	info, err := d.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil // the claims of the ID token are enough, or there is no role
	}
	if info.Subject != c.text("sub") {
		return errors.New("the user info is about somebody else")
	}
	more := make(claims)
	if err := info.Claims(&more); err != nil {
		return nil // likewise
	}
	for name, value := range more {
		if _, there := c[name]; !there {
			c[name] = value
		}
	}
	return nil
}
