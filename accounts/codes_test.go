package accounts_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mailhint/accounts"
)

// again proves who somebody is with the password, and a code.
func again(code string) accounts.Again {
	return accounts.Again{Client: client, Password: password, Code: code}
}

// withApp sets up an authenticator app for doris and returns its secret and the recovery codes.
func withApp(t *testing.T, s *accounts.Service) (secret string, recovery []string) {
	t.Helper()
	p := signIn(t, s, "doris").Principal
	secret, err := s.NewTOTP(p)
	if err != nil {
		t.Fatal(err)
	}
	opened, recovery, err := s.ConfirmTOTP(t.Context(), p, again(""), secret, accounts.CodeAt(secret, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Session(t.Context(), opened.Secret, client); err != nil {
		t.Fatalf("the new session: %v", err)
	}
	time.Sleep(2 * time.Minute) // the code is used up
	return secret, recovery
}

// withPassword signs doris in with the password, so that only the code is missing.
func withPassword(t *testing.T, s *accounts.Service) (secret string) {
	t.Helper()
	opened := signIn(t, s, "doris")
	if !opened.CodeNeeded || opened.Device != "" || opened.Principal.Name != "" {
		t.Fatalf("opened %+v", opened)
	}
	if _, _, err := s.Session(t.Context(), opened.Secret, client); !errors.Is(err, accounts.ErrSignedOut) {
		t.Fatalf("a session without the code is good for something: %v", err)
	}
	return opened.Secret
}

func signInCode(t *testing.T, s *accounts.Service, session, code string) (accounts.Opened, error) {
	return s.SignInCode(t.Context(), accounts.CodeAttempt{Client: client, Secret: session, Code: code})
}

func TestCodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newService(t)
		secret, _ := withApp(t, s)
		session := withPassword(t, s)
		code := accounts.CodeAt(secret, time.Now())
		opened, err := signInCode(t, s, session, code[:3]+" "+code[3:])
		if err != nil {
			t.Fatal(err)
		}
		if opened.Secret == session || opened.Principal.Name != "doris" {
			t.Errorf("opened %+v", opened)
		}
		if _, err := signInCode(t, s, session, code); !errors.Is(err, accounts.ErrSignedOut) {
			t.Errorf("the session before the code is still good: %v", err)
		}
		// A code that somebody has looked over the shoulder cannot be used again, nor can that session be completed twice.
		if _, err := signInCode(t, s, withPassword(t, s), code); !errors.Is(err, accounts.ErrWrong) {
			t.Errorf("the same code again: %v", err)
		}
		// One step early or late is accepted, two are not.
		time.Sleep(5 * time.Minute)
		for offset, want := range map[time.Duration]error{-61 * time.Second: accounts.ErrWrong, 61 * time.Second: accounts.ErrWrong, -30 * time.Second: nil, 30 * time.Second: nil} {
			if _, err := signInCode(t, s, withPassword(t, s), accounts.CodeAt(secret, time.Now().Add(offset))); !errors.Is(err, want) {
				t.Errorf("a code of %v: %v", offset, err)
			}
		}
		for _, wrong := range []string{"", "000000 ", "12345", "1234567", "１２３４５６", strings.Repeat("1", 10_000)} {
			if _, err := signInCode(t, s, withPassword(t, s), wrong); !errors.Is(err, accounts.ErrWrong) {
				t.Errorf("%.20q: %v", wrong, err)
			}
			time.Sleep(time.Hour)
		}
		events, err := store.Audit(t.Context(), accounts.AuditQuery{})
		if err != nil || strings.Contains(fmt.Sprint(events), secret) || strings.Contains(fmt.Sprint(events), code) {
			t.Errorf("the audit trail contains a secret: %+v, error %v", events, err)
		}
	})
}

// Of several requests with the same code at the same time, one succeeds.
func TestCodeRaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newService(t)
		secret, recovery := withApp(t, s)
		for name, code := range map[string]string{"code": accounts.CodeAt(secret, time.Now()), "recovery code": recovery[0]} {
			var sessions []string
			for range 4 {
				sessions = append(sessions, withPassword(t, s))
			}
			var succeeded atomic.Int32
			var group sync.WaitGroup
			for _, session := range sessions {
				group.Go(func() {
					if _, err := signInCode(t, s, session, code); err == nil {
						succeeded.Add(1)
					}
				})
			}
			group.Wait()
			if n := succeeded.Load(); n != 1 {
				t.Errorf("%s: %d sign-ins succeeded, want 1", name, n)
			}
		}
		if a, err := store.Account(t.Context(), "doris"); err != nil || len(a.RecoveryCodes) != 9 {
			t.Errorf("%d recovery codes are left, want 9", len(a.RecoveryCodes))
		}
	})
}

func TestRecoveryCodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newService(t)
		_, recovery := withApp(t, s)
		if len(recovery) != 10 {
			t.Fatalf("recovery codes %q", recovery)
		}
		a, err := store.Account(t.Context(), "doris")
		if err != nil || strings.Contains(fmt.Sprint(a.RecoveryCodes), recovery[0]) {
			t.Errorf("recovery codes are kept as they are: %v, error %v", a.RecoveryCodes, err)
		}
		if _, err := signInCode(t, s, withPassword(t, s), strings.ToUpper(recovery[3])); err != nil {
			t.Fatal(err)
		}
		if _, err := signInCode(t, s, withPassword(t, s), recovery[3]); !errors.Is(err, accounts.ErrWrong) {
			t.Errorf("a recovery code twice: %v", err)
		}
		// The use of a recovery code does not end other sessions.
		first, err := signInCode(t, s, withPassword(t, s), recovery[4])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := signInCode(t, s, withPassword(t, s), recovery[5]); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Session(t.Context(), first.Secret, client); err != nil {
			t.Errorf("another session after a recovery code: %v", err)
		}
	})
}

// Somebody who has found a session open can neither set up an app, nor remove it, nor change the password.
func TestCodesNeedPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newService(t)
		p := signIn(t, s, "doris").Principal
		secret, err := s.NewTOTP(p)
		if err != nil {
			t.Fatal(err)
		}
		stranger := accounts.Again{Client: client, Password: "wrong password"}
		if _, _, err := s.ConfirmTOTP(t.Context(), p, stranger, secret, accounts.CodeAt(secret, time.Now())); !errors.Is(err, accounts.ErrWrong) {
			t.Errorf("setting up an app without the password: %v", err)
		}
		secret, recovery := withApp(t, s)
		opened, err := signInCode(t, s, withPassword(t, s), accounts.CodeAt(secret, time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		p = opened.Principal
		other, err := s.NewTOTP(p)
		if err != nil {
			t.Fatal(err)
		}
		for name, proof := range map[string]accounts.Again{"no code": again(""), "wrong code": again("000000"), "code of the new app": again(accounts.CodeAt(other, time.Now()))} {
			if _, err := s.RemoveTOTP(t.Context(), p, proof); !errors.Is(err, accounts.ErrWrong) {
				t.Errorf("removing the app with %s: %v", name, err)
			}
			if _, _, err := s.ConfirmTOTP(t.Context(), p, proof, other, accounts.CodeAt(other, time.Now())); !errors.Is(err, accounts.ErrWrong) {
				t.Errorf("replacing the app with %s: %v", name, err)
			}
			if _, err := s.ChangePassword(t.Context(), p, proof, "another password"); !errors.Is(err, accounts.ErrWrong) {
				t.Errorf("changing the password with %s: %v", name, err)
			}
			time.Sleep(2 * time.Minute)
		}
		if _, err := s.RemoveTOTP(t.Context(), p, again(recovery[0])); err != nil {
			t.Errorf("removing the app with a recovery code: %v", err)
		}
		if opened := signIn(t, s, "doris"); opened.CodeNeeded {
			t.Error("a code is asked for although the app was removed")
		}
	})
}

// There are a million codes: guesses are slowed for all strangers together, however often they start again with the password.
func TestCodeGuessing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newService(t)
		secret, _ := withApp(t, s)
		checked := 0
		start := time.Now()
		for i := range 40 {
			opened, err := s.SignIn(t.Context(), attempt("doris", i))
			if err != nil {
				t.Fatal(err)
			}
			for range 20 {
				_, err := s.SignInCode(t.Context(), accounts.CodeAttempt{Client: accounts.Client{Address: addressOf(i)}, Secret: opened.Secret, Code: "000000"})
				if errors.Is(err, accounts.ErrWrong) {
					checked++
				}
			}
		}
		if checked > 10 || time.Since(start) > time.Minute {
			t.Errorf("%d guesses were checked in %v", checked, time.Since(start))
		}
		if _, err := signInCode(t, s, withPassword(t, s), accounts.CodeAt(secret, time.Now())); err != nil {
			t.Errorf("from the owner's network: %v", err)
		}
	})
}
