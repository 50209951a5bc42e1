package page

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"mailhint/accounts"
	"mailhint/templates"
)

var (
	signInTemplate = templates.AdminHTML("signin.html.tmpl")
	codeTemplate   = templates.AdminHTML("code.html.tmpl")
	firstTemplate  = templates.AdminHTML("first.html.tmpl")
)

// signInContent is what signin.html.tmpl and code.html.tmpl are filled with.
type signInContent struct {
	Name     string
	Next     string // where to go afterwards
	Wrong    string // why it did not work; empty before the first attempt
	Vouched  bool   // Wrong is about the identity provider, not about what was typed
	External *link  // the button of the identity provider; nil for none
}

// home sends people to the domains, which sends those who are not signed in to the sign-in.
func (h *Handler) home(v *visit) error { return v.to("/domains", nil) }

// askToSignIn is the answer for a page that needs somebody to be signed in.
func (h *Handler) askToSignIn(v *visit) {
	v.setCookie(sessionCookie, "", -1)
	if v.Method == http.MethodPost {
		h.tell(v, http.StatusUnauthorized, errorPage{Title: "You are signed out",
			Text:  "Nothing was saved, because your session has ended. Sign in in another window, then go back to this one and send the form again: the browser still has what you typed.",
			Links: []link{{Title: "Sign in", Path: "/sign-in"}}})
		return
	}
	query := url.Values{}
	if next := v.URL.RequestURI(); next != "/domains" {
		query.Set("next", next)
	}
	_ = v.to("/sign-in", query) // cannot fail
}

// local returns a path of this page to go to, whatever a request names: never another site.
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/domains"
	}
	return next
}

func (h *Handler) showSignIn(v *visit) error {
	if v.who.Name != "" {
		return v.to(local(v.URL.Query().Get("next")), nil)
	}
	return h.signInPage(v, http.StatusOK, signInContent{Next: local(v.URL.Query().Get("next"))})
}

// signInPage is the form, or what to do if nobody can sign in yet.
func (h *Handler) signInPage(v *visit, status int, c signInContent) error {
	has, err := h.Accounts.HasOperator(v.Context())
	if err != nil {
		return err
	}
	if h.hasProvider() {
		c.External = &link{Title: h.External.Name(), Path: providerPath + "?" + url.Values{"next": {c.Next}}.Encode()}
	} else if !has {
		return h.show(v, http.StatusOK, firstTemplate, document{Title: "Add the first account"})
	}
	return h.show(v, status, signInTemplate, document{Title: "Sign in", Content: c})
}

func (h *Handler) signIn(v *visit) error {
	c := signInContent{Name: v.field("name"), Next: local(v.field("next"))}
	opened, err := h.Accounts.SignIn(v.Context(), accounts.Attempt{
		Client: v.client(), Name: strings.ToLower(c.Name), Password: v.PostForm.Get("password"), Device: v.cookie(deviceCookie), Old: v.cookie(sessionCookie),
	})
	if err != nil {
		status, text, err := wrongSignIn(v, err)
		if err != nil {
			return err
		}
		c.Wrong = text
		return h.signInPage(v, status, c)
	}
	if opened.CodeNeeded {
		v.open(opened)
		return v.to("/sign-in/code", url.Values{"next": {c.Next}})
	}
	return h.signedIn(v, opened, c.Next)
}

// wrongSignIn says why a sign-in did not work; it returns an error that is not about the sign-in.
func wrongSignIn(v *visit, err error) (status int, text string, other error) {
	var later *accounts.TryLaterError
	switch {
	case errors.Is(err, accounts.ErrWrong):
		return http.StatusForbidden, "Name, password or code are not right. Passwords are case-sensitive.", nil
	case errors.As(err, &later):
		wait := max(time.Second, later.After.Round(time.Second))
		v.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
		return http.StatusTooManyRequests, "There were too many attempts, so this one was not checked. Try again in " + wait.String() + ".", nil
	}
	return 0, "", err
}

// open gives the browser the cookies of a session.
func (v *visit) open(opened accounts.Opened) {
	v.setCookie(sessionCookie, opened.Secret, 0)
	if opened.Device != "" {
		const year = 365 * 24 * 60 * 60
		v.setCookie(deviceCookie, opened.Device, year)
	}
}

func (h *Handler) signedIn(v *visit, opened accounts.Opened, next string) error {
	v.open(opened)
	return v.to(next, nil)
}

func (h *Handler) showCode(v *visit) error {
	if v.cookie(sessionCookie) == "" {
		return v.to("/sign-in", nil)
	}
	return h.show(v, http.StatusOK, codeTemplate, document{Title: "Enter the code", Content: signInContent{Next: local(v.URL.Query().Get("next"))}})
}

func (h *Handler) signInCode(v *visit) error {
	c := signInContent{Next: local(v.field("next"))}
	opened, err := h.Accounts.SignInCode(v.Context(), accounts.CodeAttempt{Client: v.client(), Secret: v.cookie(sessionCookie), Code: v.field("code"), Device: v.cookie(deviceCookie)})
	switch {
	case errors.Is(err, accounts.ErrSignedOut):
		v.setCookie(sessionCookie, "", -1)
		return h.signInPage(v, http.StatusForbidden, signInContent{Next: c.Next, Wrong: "The code came too late, or was wrong too often. Begin again with the password."})
	case err != nil:
		status, text, err := wrongSignIn(v, err)
		if err != nil {
			return err
		}
		if c.Wrong = text; status == http.StatusForbidden {
			c.Wrong = "This code is not right, or was used already. Wait for the next one; the clock of your device must be right."
		}
		return h.show(v, status, codeTemplate, document{Title: "Enter the code", Content: c})
	}
	return h.signedIn(v, opened, c.Next)
}

func (h *Handler) signOut(v *visit) error {
	err := h.Accounts.SignOut(v.Context(), v.cookie(sessionCookie), v.client())
	v.setCookie(sessionCookie, "", -1)
	if err != nil {
		return err
	}
	return v.to("/sign-in", nil)
}
