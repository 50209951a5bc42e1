package accounts_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mailhint/accounts"
)

// addToken makes a token that must be made.
func addToken(t *testing.T, s *accounts.Service, p accounts.Principal, n accounts.NewToken) (secret string, bearer accounts.Principal) {
	t.Helper()
	secret, _, err := s.AddToken(t.Context(), p, n)
	if err != nil {
		t.Fatal(err)
	}
	bearer, err = s.Token(t.Context(), secret, client)
	if err != nil {
		t.Fatal(err)
	}
	return secret, bearer
}

// A token can do nothing that its maker cannot: every role makes a token of every role, and each of those that are made is tried.
func TestTokenNeverExceedsItsMaker(t *testing.T) {
	for makerRole, maker := range people {
		s, store := newService(t)
		saved, err := store.SaveAccount(t.Context(), accounts.Account{Name: "me", Role: maker.Role, Domains: maker.Domains, Profiles: maker.Profiles}, accounts.Absent)
		if err != nil {
			t.Fatal(err)
		}
		p := saved.Principal(client.Address)
		p.Session = "session"
		made := 0
		for _, role := range accounts.Roles {
			for i, names := range [][]string{nil, {"own.example"}, {"other.example"}, {"own.example", "other.example"}} {
				for k, profiles := range [][]string{nil, {"own"}, {"other"}, {"*"}} {
					secret, _, err := s.AddToken(t.Context(), p, accounts.NewToken{Name: fmt.Sprintf("t%s-%d-%d", role, i, k), Role: role, Domains: names, Profiles: profiles})
					if err != nil {
						continue
					}
					made++
					bearer, err := s.Token(t.Context(), secret, client)
					if err != nil {
						t.Fatal(err)
					}
					exceeds(t, fmt.Sprintf("%s makes %s %v %v", makerRole, role, names, profiles), bearer, p)
				}
			}
		}
		if made == 0 {
			t.Errorf("%s made only %d tokens", makerRole, made)
		}
	}
}

// exceeds fails if somebody may do what somebody else may not.
func exceeds(t *testing.T, what string, p, limit accounts.Principal) {
	t.Helper()
	for _, action := range accounts.Actions {
		for _, domain := range []string{"own.example", "other.example", "third.example"} {
			for _, profile := range []string{"own", "other", ""} {
				target := accounts.Target{Domain: domain, Profile: profile, Account: "me"}
				if p.May(action, target) && !limit.May(action, target) {
					t.Errorf("%s: it may %s %+v", what, action, target)
				}
				target.Account = "you"
				if p.May(action, target) && !limit.May(action, target) {
					t.Errorf("%s: it may %s %+v", what, action, target)
				}
				if p.AllowsProfile(profile) && !limit.AllowsProfile(profile) {
					t.Errorf("%s: it may use profile %s", what, profile)
				}
			}
		}
	}
	if p.MayChange("admins", nil) && !limit.MayChange("admins", nil) || p.MayChange("profile", nil) && !limit.MayChange("profile", nil) || p.SeesAll() && !limit.SeesAll() {
		t.Errorf("%s: it may change more keys or see more", what)
	}
	for _, action := range []accounts.Action{accounts.ManageAccounts, accounts.ManageSessions, accounts.ManageSelf} {
		if p.May(action, accounts.Target{Account: p.Name}) {
			t.Errorf("%s: a token may %s", what, action)
		}
	}
}

// A token follows what happens to its maker and its parent, at once.
func TestTokenFollowsItsMaker(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, s *accounts.Service, a accounts.Account) error{
		"disabled": func(t *testing.T, s *accounts.Service, a accounts.Account) error {
			a.Disabled = true
			_, err := s.ChangeAccount(t.Context(), operator, a)
			return err
		},
		"removed": func(t *testing.T, s *accounts.Service, a accounts.Account) error {
			return s.RemoveAccount(t.Context(), operator, a.Name)
		},
		"demoted": func(t *testing.T, s *accounts.Service, a accounts.Account) error {
			a.Role, a.Domains = accounts.Viewer, []string{"other.example"}
			_, err := s.ChangeAccount(t.Context(), operator, a)
			return err
		},
		"parent revoked": func(t *testing.T, s *accounts.Service, _ accounts.Account) error {
			return s.RevokeToken(t.Context(), operator, "parent")
		},
		"parent expired": func(t *testing.T, _ *accounts.Service, _ accounts.Account) error {
			time.Sleep(time.Hour)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, store := newService(t)
				parent, bearer := addToken(t, s, signIn(t, s, "doris").Principal, accounts.NewToken{Name: "parent", Role: accounts.DomainAdmin, Expires: time.Now().Add(time.Hour)})
				child, grandchild := addToken(t, s, bearer, accounts.NewToken{Name: "child", Role: accounts.DomainAdmin, Domains: []string{"firm.example"}})
				if _, _, err := s.AddToken(t.Context(), grandchild, accounts.NewToken{Name: "grandchild", Role: accounts.Viewer}); !errors.Is(err, accounts.ErrDenied) {
					t.Errorf("a token that was made with a token makes another: %v", err)
				}
				a, err := store.Account(t.Context(), "doris")
				if err != nil {
					t.Fatal(err)
				}
				if err := change(t, s, a); err != nil {
					t.Fatal(err)
				}
				for _, secret := range []string{parent, child} {
					p, err := s.Token(t.Context(), secret, client)
					if err == nil && name == "disabled" {
						t.Error("a token of a disabled account is valid")
					}
					if err == nil && p.May(accounts.Edit, accounts.Target{Domain: "firm.example"}) {
						t.Error("a token is still good")
					}
					if err != nil && !errors.Is(err, accounts.ErrSignedOut) {
						t.Error(err)
					}
				}
			})
		})
	}
}

// A provisioner that loses a profile loses it for its tokens, too.
func TestTokenFollowsProfiles(t *testing.T) {
	s, store := newService(t)
	a, err := store.SaveAccount(t.Context(), accounts.Account{Name: "pia", Role: accounts.Provisioner, Profiles: []string{"a", "b"}}, accounts.Absent)
	if err != nil {
		t.Fatal(err)
	}
	p := a.Principal(client.Address)
	p.Session = "session"
	secret, bearer := addToken(t, s, p, accounts.NewToken{Name: "of-pia", Role: accounts.Provisioner, Profiles: []string{"a", "b"}})
	if !bearer.AllowsProfile("a") || !bearer.AllowsProfile("b") || !bearer.MayChange("profile", nil) {
		t.Errorf("bearer %+v", bearer)
	}
	a.Profiles = []string{"b"}
	if _, err := store.SaveAccount(t.Context(), a, a.Revision); err != nil {
		t.Fatal(err)
	}
	if bearer, err = s.Token(t.Context(), secret, client); err != nil || bearer.AllowsProfile("a") || !bearer.AllowsProfile("b") {
		t.Errorf("bearer %+v, error %v", bearer, err)
	}
}

// A new account or token does not inherit the tokens of an older one of the same name, even if somebody has removed that with an editor.
func TestTokenOfRemovedMaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newService(t)
		_, bearer := addToken(t, s, operator, accounts.NewToken{Name: "parent", Role: accounts.Operator})
		child, _ := addToken(t, s, bearer, accounts.NewToken{Name: "child", Role: accounts.Operator})
		if err := store.RemoveToken(t.Context(), "parent"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		addToken(t, s, operator, accounts.NewToken{Name: "parent", Role: accounts.Operator})
		if _, err := s.Token(t.Context(), child, client); !errors.Is(err, accounts.ErrSignedOut) {
			t.Errorf("the child of another parent: %v", err)
		}
	})
}

func TestTokenSecrets(t *testing.T) {
	s, store := newService(t)
	secret, bearer := addToken(t, s, operator, accounts.NewToken{Name: "panel", Role: accounts.Provisioner, Profiles: []string{"shared"}})
	if !strings.HasPrefix(secret, "mailhint_") || len(secret) != len("mailhint_")+43 {
		t.Errorf("secret %q", secret)
	}
	if bearer.Name != "token:panel" || bearer.Token != "panel" || bearer.Session != "" {
		t.Errorf("bearer %+v", bearer)
	}
	list, err := store.Tokens(t.Context())
	if err != nil || strings.Contains(fmt.Sprintf("%+v", list), secret) {
		t.Errorf("the store has the secret: %+v", list)
	}
	if list[0].LastUse.Address != client.Address || time.Since(list[0].LastUse.Time) > time.Minute {
		t.Errorf("last use %+v", list[0].LastUse)
	}
	events, err := store.Audit(t.Context(), accounts.AuditQuery{})
	if err != nil || strings.Contains(fmt.Sprint(events), secret) {
		t.Errorf("the audit trail has the secret: %+v, error %v", events, err)
	}
	text, err := json.Marshal(list)
	if err != nil || strings.Contains(string(text), list[0].Hash) {
		t.Errorf("JSON has the hash: %s, error %v", text, err)
	}
	for _, wrong := range []string{"", "mailhint_", secret[:len(secret)-1], secret + "x", strings.TrimPrefix(secret, "mailhint_"), list[0].Hash, "panel", strings.Repeat("x", 10_000)} {
		if _, err := s.Token(t.Context(), wrong, client); !errors.Is(err, accounts.ErrSignedOut) {
			t.Errorf("%.50q: error %v", wrong, err)
		}
	}
}

// Tokens can be managed by their makers and by operators; to others they do not exist.
func TestTokenManagement(t *testing.T) {
	s, _ := newService(t)
	if _, err := s.AddAccount(t.Context(), operator, accounts.Account{Name: "vera", Role: accounts.Viewer}, password); err != nil {
		t.Fatal(err)
	}
	doris, vera, anna := signIn(t, s, "doris").Principal, signIn(t, s, "vera").Principal, signIn(t, s, "anna").Principal
	_, bearer := addToken(t, s, doris, accounts.NewToken{Name: "of-doris", Role: accounts.DomainAdmin})
	addToken(t, s, bearer, accounts.NewToken{Name: "of-token", Role: accounts.DomainAdmin})
	addToken(t, s, operator, accounts.NewToken{Name: "of-command-line", Role: accounts.Viewer})
	for _, test := range []struct {
		name string
		p    accounts.Principal
		want int
	}{{"doris", doris, 2}, {"her token", bearer, 2}, {"vera", vera, 0}, {"anna", anna, 3}, {"nobody", accounts.Principal{}, 0}} {
		if list, err := s.Tokens(t.Context(), test.p); err != nil || len(list) != test.want {
			t.Errorf("%s sees %d tokens, want %d; error %v", test.name, len(list), test.want, err)
		}
	}
	for _, name := range []string{"of-doris", "of-command-line", "no-such-token"} {
		if err := s.RevokeToken(t.Context(), vera, name); !errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("vera revokes %s: %v", name, err)
		}
	}
	if _, _, err := s.AddToken(t.Context(), accounts.Principal{}, accounts.NewToken{Name: "x", Role: accounts.Viewer}); !errors.Is(err, accounts.ErrDenied) {
		t.Errorf("nobody makes a token: %v", err)
	}
	if err := s.RevokeToken(t.Context(), doris, "of-doris"); err != nil {
		t.Error(err)
	}
	if list, err := s.Tokens(t.Context(), doris); err != nil || len(list) != 0 {
		t.Errorf("after revoking the parent there are %+v, error %v", list, err)
	}
}

// Nobody but an operator can use up the tokens that there can be.
func TestTokensOfOneAccount(t *testing.T) {
	s, _ := newService(t)
	_, vera := addToken(t, s, accounts.CommandLine("root"), accounts.NewToken{Name: "vera", Role: accounts.Viewer})
	_, olga := addToken(t, s, accounts.CommandLine("root"), accounts.NewToken{Name: "olga", Role: accounts.Operator})
	for p, want := range map[*accounts.Principal]int{&vera: 100, &olga: 120} {
		made := 0
		for i := range 120 {
			_, _, err := s.AddToken(t.Context(), *p, accounts.NewToken{Name: fmt.Sprintf("%s-%d", p.Token, i), Role: accounts.Viewer})
			var invalid *accounts.InvalidError
			if err != nil && !errors.As(err, &invalid) {
				t.Fatal(err)
			}
			if err == nil {
				made++
			}
		}
		if made != want {
			t.Errorf("%s has made %d tokens, want %d", p.Token, made, want)
		}
	}
}

func TestParseExpiry(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{"30d": "2026-12-30T12:00:00Z", "12h": "2026-12-01T00:00:00Z", "8w": "2027-01-25T12:00:00Z", "2027-01-31": "2027-01-31T00:00:00Z", "2027-01-31T10:00:00+01:00": "2027-01-31T09:00:00Z",
		"": "", "30": "", "d": "", "-1d": "", "0d": "", "1y": "", "999999999d": "", "1dd": "", "tomorrow": ""} {
		got, err := accounts.ParseExpiry(text, now)
		if text := got.UTC().Format(time.RFC3339); err == nil && text != want || err != nil && want != "" {
			t.Errorf("%q: %s, error %v; want %q", text, got, err, want)
		}
	}
}
