package accounts_test

import (
	"errors"
	"net/netip"
	"testing"

	"mailhint/accounts"
	"mailhint/accounts/accountstest"
)

var (
	operator = accounts.CommandLine("root")
	client   = accounts.Client{Address: netip.MustParseAddr("192.0.2.1"), UserAgent: "Firefox"}
)

const password = "correct horse battery"

// newService returns a service with the accounts anna (operator) and doris (domain admin of firm.example).
func newService(t *testing.T) (*accounts.Service, *accountstest.Memory) {
	t.Helper()
	store := accountstest.NewMemory()
	s := accounts.New(store, accounts.Options{})
	for _, a := range []accounts.Account{{Name: "anna", Role: accounts.Operator}, {Name: "doris", Role: accounts.DomainAdmin, Domains: []string{"Firm.Example."}}} {
		if _, err := s.AddAccount(t.Context(), operator, a, password); err != nil {
			t.Fatal(err)
		}
	}
	return s, store
}

func signIn(t *testing.T, s *accounts.Service, name string) accounts.Opened {
	t.Helper()
	opened, err := s.SignIn(t.Context(), accounts.Attempt{Client: client, Name: name, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

func TestSignIn(t *testing.T) {
	s, _ := newService(t)
	opened := signIn(t, s, "doris")
	p, _, err := s.Session(t.Context(), opened.Secret, client)
	if err != nil || p.Name != "doris" || !p.May(accounts.Edit, accounts.Target{Domain: "firm.example"}) || p.May(accounts.View, accounts.Target{Domain: "other.example"}) {
		t.Fatalf("principal %+v, error %v", p, err)
	}
	for _, wrong := range []accounts.Attempt{{Name: "doris", Password: "wrong"}, {Name: "nobody", Password: password}, {Name: "", Password: ""}} {
		if _, err := s.SignIn(t.Context(), wrong); !errors.Is(err, accounts.ErrWrong) {
			t.Errorf("%+v: error %v", wrong, err)
		}
	}
	if err := s.SignOut(t.Context(), opened.Secret, client); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Session(t.Context(), opened.Secret, client); !errors.Is(err, accounts.ErrSignedOut) {
		t.Errorf("after signing out: %v", err)
	}
}

func TestToken(t *testing.T) {
	s, _ := newService(t)
	secret, _, err := s.AddToken(t.Context(), signIn(t, s, "doris").Principal, accounts.NewToken{Name: "script", Role: accounts.DomainAdmin})
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Token(t.Context(), secret, client)
	if err != nil || !p.May(accounts.Edit, accounts.Target{Domain: "firm.example"}) || p.May(accounts.View, accounts.Target{Domain: "other.example"}) {
		t.Fatalf("principal %+v, error %v", p, err)
	}
	if err := s.RevokeToken(t.Context(), operator, "script"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Token(t.Context(), secret, client); !errors.Is(err, accounts.ErrSignedOut) {
		t.Errorf("after it was revoked: %v", err)
	}
}
