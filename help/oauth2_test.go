package help

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"mailhint/settings"
	"mailhint/texts"
)

// signsIn has an authorization server of its own.
var signsIn = &settings.Settings{Name: "Example Mail", Servers: pageOnly.Servers, OAuth2: &settings.OAuth2{
	Issuer: "login.example.com", Scope: []string{"mail", "offline_access"}, AuthURL: "https://login.example.com/authorize",
	TokenURL: "https://login.example.com/token", ClientID: "mail-programs", RedirectURL: "http://localhost"}}

// TestOAuth2InEveryLanguage: people see what Thunderbird asks for where it does not know the sign-in page.
func TestOAuth2InEveryLanguage(t *testing.T) {
	for _, l := range texts.Languages() {
		page := For(Request{Found: found(signsIn, "example.com"), Address: ann, Language: l})
		golden(t, "oauth2-"+l.Tag(), page.Text(""))
		if !strings.Contains(page.Letter(""), "https://login.example.com/token") {
			t.Errorf("%s: the letter does not have the values", l.Tag())
		}
	}
}

// TestOAuth2Values: the values are there if a program needs them, with the usual ones where none are configured.
func TestOAuth2Values(t *testing.T) {
	with := func(change func(*settings.Settings)) *settings.Settings {
		s := *signsIn
		o := *s.OAuth2
		s.OAuth2 = &o
		change(&s)
		return &s
	}
	for _, test := range []struct {
		name string
		s    *settings.Settings
		want string // values, joined
	}{
		{"all", signsIn, "mail-programs https://login.example.com/authorize https://login.example.com/token mail offline_access http://localhost on"},
		{"no client ID, no redirect", with(func(s *settings.Settings) { s.OAuth2.ClientID, s.OAuth2.RedirectURL = "", "" }),
			"ask your provider https://login.example.com/authorize https://login.example.com/token mail offline_access http://127.0.0.1 on"},
		{"passwords", with(func(s *settings.Settings) { s.Servers = usual.Servers }), ""},
		{"no authorization server", pageOnly, ""},
		{"a provider that programs know", with(func(s *settings.Settings) {
			s.Servers = []settings.Server{server(settings.IMAP, "outlook.office365.com", 993, settings.ImplicitTLS, settings.EmailAddress, settings.OAuth2Token)}
		}), ""},
	} {
		page := For(Request{Found: found(test.s, "example.com"), Address: ann})
		var got []string
		if page.OAuth2 != nil {
			for _, r := range page.OAuth2.Rows {
				got = append(got, r.Value)
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// TestOAuth2OnThePage: the values are open for Thunderbird, which asks for them, and closed for others.
func TestOAuth2OnThePage(t *testing.T) {
	h := New(func(context.Context, settings.Question) (settings.Found, error) {
		return found(signsIn, "example.com"), nil
	},
		slog.New(slog.DiscardHandler))
	for program, open := range map[string]string{"thunderbird": "<details open>\n<summary>OAuth2 details</summary>", "kmail": "<details>\n<summary>OAuth2 details</summary>"} {
		form := url.Values{"email": {ann.String()}, "program": {program}}
		r := httptest.NewRequest(http.MethodPost, "https://autoconfig.example.com/", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if body := w.Body.String(); !strings.Contains(body, open) || !strings.Contains(body, `data-copy="https://login.example.com/token"`) {
			t.Errorf("%s: got %d\n%s", program, w.Code, body)
		}
	}
}
