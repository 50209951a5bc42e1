package oidc_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailhint/accounts"
	"mailhint/accounts/oidc"
	"mailhint/certs/pebbletest"
)

// A provider that others have written: the example server of github.com/zitadel/oidc, a certified implementation. What only a provider that does
// something wrong can send, such as a token for another client, is tried with testProvider.

// startProvider starts the provider with two people, and returns its issuer.
func startProvider(t *testing.T) string {
	t.Helper()
	people := make(map[string]map[string]any)
	for name, verified := range map[string]bool{"anna": true, "eve": false} {
		people[name] = map[string]any{"ID": name, "Username": name, "Password": "correct horse", "Email": name + "@hoster.example", "EmailVerified": verified, "PreferredLanguage": "en"}
	}
	text, err := json.Marshal(people)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "users.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(pebbletest.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(pebbletest.Tool(t, "openid-provider"))
	cmd.Env = append(os.Environ(), "PORT="+port, "USERS_FILE="+file, "REDIRECT_URI="+redirect)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait() // killed, which is an error
		if t.Failed() {
			t.Logf("the provider:\n%s", output.String())
		}
	})
	issuer := "http://localhost:" + port + "/"
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		answer, err := http.Get(issuer + ".well-known/openid-configuration")
		if err == nil {
			answer.Body.Close()
			return issuer
		}
		if time.Now().After(deadline) {
			t.Fatalf("the provider does not answer: %v", err)
		}
	}
}

// person signs in at the provider in a browser, and returns what the provider sends the browser back with.
func person(t *testing.T, issuer, location, name, password string) url.Values {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var back url.Values
	browser := &http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host == "admin.hoster.example" {
			back = r.URL.Query()
			return http.ErrUseLastResponse
		}
		return nil
	}}
	form, err := browser.Get(location)
	if err != nil {
		t.Fatal(err)
	}
	form.Body.Close()
	id := form.Request.URL.Query().Get("authRequestID")
	if back != nil || id == "" {
		t.Fatalf("%s does not lead to the form of the provider, but to %s %s", location, form.Request.URL, form.Status)
	}
	sent, err := browser.PostForm(issuer+"login/username", url.Values{"username": {name}, "password": {password}, "id": {id}})
	if err != nil {
		t.Fatal(err)
	}
	sent.Body.Close()
	return back
}

func TestRealProvider(t *testing.T) {
	issuer := startProvider(t)
	config := oidc.Config{Issuer: issuer, ClientID: "web", Secret: "secret", Redirect: redirect, Title: "Hoster", Scopes: []string{"profile", "email"}, Claim: "email",
		Lifetime: time.Hour, Grants: map[string]oidc.Grant{"anna@hoster.example": {Role: accounts.DomainAdmin, Domains: []string{"firm.example"}}, "eve@hoster.example": {Role: accounts.Operator}}}
	begin := func(s *oidc.SignIn, name string) (answer url.Values, state string) {
		t.Helper()
		location, state, err := s.Begin("/domains")
		if err != nil {
			t.Fatal(err)
		}
		if answer = person(t, issuer, location, name, "correct horse"); answer.Get("code") == "" {
			t.Fatalf("the provider answers %v", answer)
		}
		return answer, state
	}
	newSignIn := func(c oidc.Config) *oidc.SignIn {
		t.Helper()
		s := oidc.New(nil) // nothing of ours keeps a code from being used twice
		if err := s.Use(&c); err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := newSignIn(config)
	answer, state := begin(s, "anna")
	who, next, err := s.Finish(t.Context(), answer, state)
	if err != nil || who.Name != "anna@hoster.example" || who.Role != accounts.DomainAdmin || len(who.Domains) != 1 || who.Issuer != issuer || who.Subject != "anna" || next != "/domains" {
		t.Fatalf("%+v, %q, %v", who, next, err)
	}
	if _, _, err := s.Finish(t.Context(), answer, state); !errors.Is(err, oidc.ErrRefused) {
		t.Errorf("the same code again: %v", err)
	}
	answer, state = begin(s, "eve")
	if who, _, err := s.Finish(t.Context(), answer, state); !errors.Is(err, oidc.ErrNoRole) {
		t.Errorf("an address that is not verified: %+v, %v", who, err)
	}
	// The provider gives no token for a code with the verifier of another sign-in (PKCE), or to another client.
	first, _ := begin(s, "anna")
	second, state := begin(s, "anna")
	second.Set("code", first.Get("code"))
	if _, _, err := s.Finish(t.Context(), second, state); !errors.Is(err, oidc.ErrRefused) || !strings.Contains(err.Error(), "no token for this code") {
		t.Errorf("the code of another sign-in: %v", err)
	}
	wrong := config
	wrong.Secret = "another secret"
	s = newSignIn(wrong)
	answer, state = begin(s, "anna")
	if _, _, err := s.Finish(t.Context(), answer, state); !errors.Is(err, oidc.ErrRefused) {
		t.Errorf("a wrong secret of the client: %v", err)
	}
	location, _, err := s.Begin("/domains")
	if err != nil {
		t.Fatal(err)
	}
	if answer := person(t, issuer, location, "anna", "wrong"); answer != nil {
		t.Errorf("with a wrong password the provider sends back %v", answer)
	}
}
