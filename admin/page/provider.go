package page

import (
	"errors"
	"net/http"

	"mailhint/accounts"
	"mailhint/accounts/oidc"
)

// The paths of the sign-in through an identity provider; see package oidc.
const (
	providerPath = "/sign-in/provider"
	callbackPath = oidc.Callback
)

// providerCookie has what is remembered while the browser is at the provider, for as long as people may take there.
const (
	providerCookie = "mailhint-provider"
	providerTime   = 10 * 60 // seconds
)

// hasProvider reports whether an identity provider is configured at the moment.
func (h *Handler) hasProvider() bool { return h.External != nil && h.External.Name() != "" }

// goToProvider sends the browser to the identity provider.
func (h *Handler) goToProvider(v *visit) error {
	if !h.hasProvider() {
		return v.to("/sign-in", nil)
	}
	location, state, err := h.External.Begin(local(v.URL.Query().Get("next")))
	if err != nil {
		return h.notVouched(v, err)
	}
	v.setCookie(providerCookie, state, providerTime)
	http.Redirect(v.ResponseWriter, v.Request, location, http.StatusSeeOther)
	return nil
}

// comeBack is where the provider sends the browser back to.
func (h *Handler) comeBack(v *visit) error {
	if !h.hasProvider() {
		return v.to("/sign-in", nil)
	}
	state := v.cookie(providerCookie)
	v.setCookie(providerCookie, "", -1)
	who, next, err := h.External.Finish(v.Context(), v.URL.Query(), state)
	if err != nil {
		return h.notVouched(v, err)
	}
	opened, err := h.Accounts.OpenExternal(v.Context(), who, v.cookie(sessionCookie), v.client())
	if err != nil {
		return h.notVouched(v, err)
	}
	return h.signedIn(v, opened, local(next))
}

// notVouched says why somebody was not signed in through the provider. The log has the reason.
func (h *Handler) notVouched(v *visit, err error) error {
	c := signInContent{Vouched: true, Next: local(v.URL.Query().Get("next"))}
	status := http.StatusForbidden
	switch {
	case errors.Is(err, oidc.ErrUnavailable), errors.Is(err, oidc.ErrNoProvider):
		status, c.Wrong = http.StatusServiceUnavailable, "The identity provider does not answer at the moment. Try again in a minute."
	case errors.Is(err, oidc.ErrNoRole), errors.Is(err, accounts.ErrSignedOut):
		c.Wrong = "You have signed in at the identity provider, but your account there has no role here. Ask the people who run this server for one."
	case errors.Is(err, oidc.ErrRefused):
		c.Wrong = "The sign-in at the identity provider did not work, or took too long. Try again."
	default:
		return err
	}
	h.Log.Info("sign-in through the identity provider failed", "error", err)
	if errors.Is(err, oidc.ErrNoRole) { // what strangers can cause without signing in anywhere is not recorded
		if err := h.Accounts.RefuseExternal(v.Context(), v.client(), err); err != nil {
			return err
		}
	}
	return h.signInPage(v, status, c)
}
