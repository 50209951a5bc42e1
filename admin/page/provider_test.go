package page_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"mailhint/accounts"
	"mailhint/accounts/accountstest"
	"mailhint/accounts/oidc"
	"mailhint/admin/page"
)

// provider vouches for clara, if the browser brings back the cookie and the code.
type provider struct {
	name string
	err  error // of Begin
}

func (p *provider) Name() string { return p.name }

func (p *provider) Begin(next string) (location, state string, err error) {
	return "https://login.hoster.example/authorize?x=y", "state " + next, p.err
}

func (p *provider) Finish(_ context.Context, answer url.Values, state string) (accounts.Vouched, string, error) {
	next, ok := strings.CutPrefix(state, "state ")
	switch {
	case !ok || answer.Get("code") == "":
		return accounts.Vouched{}, "", oidc.ErrRefused
	case answer.Get("code") == "nobody":
		return accounts.Vouched{}, "", oidc.ErrNoRole
	}
	return accounts.Vouched{External: accounts.External{Issuer: "https://login.hoster.example", Subject: "1"}, Name: "clara@hoster.example"}, next, nil
}

func newProviderSite(t *testing.T) (*site, *provider) {
	t.Helper()
	s, p := newSite(t), &provider{name: "Hoster"}
	s.accounts = accounts.New(accountstest.NewMemory(), accounts.Options{External: func(e accounts.External) (accounts.External, bool) {
		e.Role, e.Domains = accounts.DomainAdmin, []string{"ann.example"}
		return e, p.name != ""
	}})
	s.service.Accounts = s.accounts
	s.Server = httptest.NewTLSServer(page.New(page.Options{Admin: s.service, Accounts: s.accounts, External: p}))
	t.Cleanup(s.Close)
	return s, p
}

func TestSignInThroughProvider(t *testing.T) {
	s, p := newProviderSite(t)
	v := s.visitor(t)
	if a := v.get("/sign-in?next=/domains/ann.example"); !strings.Contains(a.body, "Sign in with Hoster") || !strings.Contains(a.body, "/sign-in/provider?next=%2Fdomains%2Fann.example") {
		t.Errorf("the sign-in page has no button:\n%s", a.body)
	}
	a := v.get("/sign-in/provider?next=/domains/ann.example")
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "https://login.hoster.example/authorize?x=y" {
		t.Fatalf("status %d, location %q", a.StatusCode, a.Header.Get("Location"))
	}
	a = v.get("/sign-in/provider/callback?code=c")
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/domains/ann.example" || v.cookie() == "" {
		t.Fatalf("status %d, location %q\n%s", a.StatusCode, a.Header.Get("Location"), a.body)
	}
	if a := v.get("/domains/ann.example"); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "clara@hoster.example") {
		t.Errorf("own domain: status %d\n%s", a.StatusCode, a.body)
	}
	if a := v.get("/domains/ben.example"); a.StatusCode != http.StatusNotFound {
		t.Errorf("another domain: status %d", a.StatusCode)
	}
	if a := v.get("/sign-in/provider/callback?code=c"); a.StatusCode != http.StatusForbidden {
		t.Errorf("the same answer again, without the cookie: status %d", a.StatusCode)
	}
	p.name = "" // the provider is no longer configured
	if a := v.get("/domains/ann.example"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("without the provider: status %d", a.StatusCode)
	}
	if a := v.get("/sign-in/provider"); a.Header.Get("Location") != "/sign-in" {
		t.Errorf("without the provider: location %q", a.Header.Get("Location"))
	}
}

// What goes wrong at the provider is said in words of ours, and another page follows.
func TestProviderRefuses(t *testing.T) {
	s, p := newProviderSite(t)
	for path, want := range map[string]string{
		"/sign-in/provider/callback?code=nobody":                         "has no role here",
		"/sign-in/provider/callback?error=%3Cscript%3Ealert(1)":          "did not work",
		"/sign-in/provider/callback?code=c&state=x":                      "", // the cookie is right
		"/sign-in/provider/callback":                                     "did not work",
		"/sign-in/provider/callback?next=https://evil.example/&code=":    "did not work",
		"/sign-in/provider/callback?code=nobody&next=//evil.example/%5C": "has no role here",
	} {
		v := s.visitor(t)
		v.get("/sign-in/provider")
		a := v.get(path)
		if want != "" && (a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, want) || strings.Contains(a.body, "alert(1)") || strings.Contains(a.body, "evil")) {
			t.Errorf("%s: status %d\n%s", path, a.StatusCode, a.body)
		}
	}
	p.err = errors.Join(oidc.ErrUnavailable, errors.New("dial tcp"))
	if a := s.visitor(t).get("/sign-in/provider"); a.StatusCode != http.StatusServiceUnavailable || strings.Contains(a.body, "dial") {
		t.Errorf("the provider is down: status %d\n%s", a.StatusCode, a.body)
	}
	events, err := s.accounts.Audit(t.Context(), accounts.CommandLine("test"), accounts.AuditQuery{})
	if err != nil || len(events) != 3 { // two without a role, and one who was signed in
		t.Errorf("%d events %+v, error %v", len(events), events, err)
	}
}
