package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mailhint/accounts"
	"mailhint/accounts/accountstest"
)

// attempt is a sign-in with the right password from a network of its own.
func attempt(name string, n int) accounts.Attempt {
	return accounts.Attempt{Client: accounts.Client{Address: addressOf(n)}, Name: name, Password: password}
}

// Many sign-ins at once neither exhaust the memory nor queue without end: those that cannot be checked soon are refused with the advice to try again.
func TestSignInsAtOnce(t *testing.T) {
	store := accountstest.NewMemory()
	s := accounts.New(store, accounts.Options{Hashes: 2, Queue: 20})
	if _, err := s.AddAccount(t.Context(), operator, accounts.Account{Name: "anna", Role: accounts.Operator}, password); err != nil {
		t.Fatal(err)
	}
	peak := watchMemory(t)
	var good, later atomic.Int32
	var group sync.WaitGroup
	for i := range 200 {
		group.Go(func() {
			_, err := s.SignIn(t.Context(), attempt("anna", i))
			var tryLater *accounts.TryLaterError
			switch {
			case err == nil:
				good.Add(1)
			case errors.As(err, &tryLater):
				later.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	group.Wait()
	if good.Load() < 2 || later.Load() < 100 {
		t.Errorf("%d sign-ins were good, %d told to try later", good.Load(), later.Load())
	}
	if got := peak() >> 20; got > 300 {
		t.Errorf("200 sign-ins at once need %d MiB", got)
	}
}

// watchMemory returns a function that returns the largest heap since then.
func watchMemory(t *testing.T) (peak func() uint64) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var largest uint64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			largest = max(largest, m.HeapAlloc)
			time.Sleep(2 * time.Millisecond)
		}
	}()
	return func() uint64 {
		cancel()
		<-done
		return largest
	}
}

// Nobody can tell from the time whether there is an account. On a busy machine it takes some rounds until each name has had a quick one.
func TestSignInOfUnknownTakesAsLong(t *testing.T) {
	names := []string{"anna", "zora", "No Such Name"} // known, unknown, and one that no account can have
	fastest := make([]time.Duration, len(names))
	for range 20 {
		s, _ := newService(t)
		for i := range 5 {
			for n, name := range names {
				start := time.Now()
				if _, err := s.SignIn(t.Context(), accounts.Attempt{Client: accounts.Client{Address: addressOf(i)}, Name: name, Password: "wrong"}); !errors.Is(err, accounts.ErrWrong) {
					t.Fatal(err)
				}
				if took := time.Since(start); fastest[n] == 0 || took < fastest[n] {
					fastest[n] = took
				}
			}
		}
		if slices.Max(fastest) < 2*slices.Min(fastest) {
			return
		}
	}
	t.Errorf("%q take %v", names, fastest)
}

// Ten thousand wrong passwords cost few checks and little memory, and the owner signs in all the same.
func TestSignInGuessing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newService(t)
		owner := attempt("anna", 1)
		opened, err := s.SignIn(t.Context(), owner)
		if err != nil {
			t.Fatal(err)
		}
		checked := 0
		for range 10_000 {
			_, err := s.SignIn(t.Context(), accounts.Attempt{Client: accounts.Client{Address: addressOf(2)}, Name: "anna", Password: "guess"})
			if errors.Is(err, accounts.ErrWrong) {
				checked++
			}
		}
		if checked > 10 {
			t.Errorf("%d guesses were checked", checked)
		}
		if _, err := s.SignIn(t.Context(), owner); err != nil {
			t.Errorf("the owner's own network: %v", err)
		}
		elsewhere := attempt("anna", 2)
		if _, err := s.SignIn(t.Context(), elsewhere); err == nil {
			t.Error("the network of the guesses is not slowed")
		}
		elsewhere.Device = opened.Device
		if _, err := s.SignIn(t.Context(), elsewhere); err != nil {
			t.Errorf("the owner's own device: %v", err)
		}
		elsewhere.Device = "made-up"
		elsewhere.Address = addressOf(3)
		if again, err := s.SignIn(t.Context(), elsewhere); err != nil || again.Device == "made-up" {
			t.Errorf("a device that was made up: %q, error %v", again.Device, err)
		}
		events, err := store.Audit(t.Context(), accounts.AuditQuery{Actor: "anna"})
		if err != nil || len(events) > 20 {
			t.Errorf("%d events in the audit trail, error %v", len(events), err)
		}
	})
}

// A session begins with the sign-in: an older one, which somebody else may know, is not used.
func TestSessionIsNewAtSignIn(t *testing.T) {
	s, _ := newService(t)
	first := signIn(t, s, "anna")
	again := attempt("doris", 1)
	again.Old = first.Secret
	second, err := s.SignIn(t.Context(), again)
	if err != nil {
		t.Fatal(err)
	}
	if second.Secret == first.Secret || second.Session.ID == second.Secret || len(second.Secret) < 43 {
		t.Error("the session has no secret of its own")
	}
	if _, _, err := s.Session(t.Context(), first.Secret, client); !errors.Is(err, accounts.ErrSignedOut) {
		t.Errorf("the session before: %v", err)
	}
	for _, secret := range []string{"", second.Session.ID, strings.ToUpper(second.Secret), second.Secret + "x", "../x"} {
		if _, _, err := s.Session(t.Context(), secret, client); !errors.Is(err, accounts.ErrSignedOut) {
			t.Errorf("%q: error %v", secret, err)
		}
	}
}

// A session ends when what the account may do, or how it signs in, changes, also if somebody edits the store; and after some time.
func TestSessionEnds(t *testing.T) {
	for name, change := range map[string]func(s *accounts.Service, store *accountstest.Memory, p accounts.Principal, a accounts.Account) error{
		"role": func(s *accounts.Service, _ *accountstest.Memory, _ accounts.Principal, a accounts.Account) error {
			a.Role, a.Domains = accounts.Viewer, nil
			_, err := s.ChangeAccount(context.Background(), operator, a)
			return err
		},
		"domains, by hand": func(_ *accounts.Service, store *accountstest.Memory, _ accounts.Principal, a accounts.Account) error {
			a.Domains = []string{"other.example"}
			_, err := store.SaveAccount(context.Background(), a, a.Revision)
			return err
		},
		"disabled": func(s *accounts.Service, _ *accountstest.Memory, _ accounts.Principal, a accounts.Account) error {
			a.Disabled = true
			_, err := s.ChangeAccount(context.Background(), operator, a)
			return err
		},
		"password": func(s *accounts.Service, _ *accountstest.Memory, _ accounts.Principal, a accounts.Account) error {
			return s.SetPassword(context.Background(), operator, a.Name, "another password")
		},
		"own password": func(s *accounts.Service, _ *accountstest.Memory, p accounts.Principal, _ accounts.Account) error {
			_, err := s.ChangePassword(context.Background(), p, accounts.Again{Password: password, Client: client}, "another password")
			return err
		},
		"removed": func(s *accounts.Service, _ *accountstest.Memory, _ accounts.Principal, a accounts.Account) error {
			return s.RemoveAccount(context.Background(), operator, a.Name)
		},
		"removed and added again": func(s *accounts.Service, store *accountstest.Memory, _ accounts.Principal, a accounts.Account) error {
			if err := store.RemoveAccount(context.Background(), a.Name); err != nil {
				return err
			}
			_, err := s.AddAccount(context.Background(), operator, a, password)
			return err
		},
		"ended by an operator": func(s *accounts.Service, _ *accountstest.Memory, p accounts.Principal, _ accounts.Account) error {
			return s.EndSession(context.Background(), operator, p.Session)
		},
		"idle": func(_ *accounts.Service, _ *accountstest.Memory, _ accounts.Principal, _ accounts.Account) error {
			time.Sleep(2*time.Hour + time.Second)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, store := newService(t)
				opened := signIn(t, s, "doris")
				p, _, err := s.Session(t.Context(), opened.Secret, client)
				if err != nil {
					t.Fatal(err)
				}
				a, err := store.Account(t.Context(), "doris")
				if err != nil {
					t.Fatal(err)
				}
				if err := change(s, store, p, a); err != nil {
					t.Fatal(err)
				}
				if _, _, err := s.Session(t.Context(), opened.Secret, client); !errors.Is(err, accounts.ErrSignedOut) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

// A session ends after twelve hours even if it is used all the time.
func TestSessionMax(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newService(t)
		opened := signIn(t, s, "anna")
		for range 11 {
			time.Sleep(time.Hour)
			if _, _, err := s.Session(t.Context(), opened.Secret, client); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		if _, _, err := s.Session(t.Context(), opened.Secret, client); !errors.Is(err, accounts.ErrSignedOut) {
			t.Errorf("after 12 hours: %v", err)
		}
	})
}

// Sessions are listed for those who may end them: one's own, and for operators all. An account has a bounded number of them.
func TestSessionsListed(t *testing.T) {
	s, _ := newService(t)
	doris := signIn(t, s, "doris").Principal
	anna := signIn(t, s, "anna").Principal
	if list, err := s.Sessions(t.Context(), doris, "doris"); err != nil || len(list) != 1 || list[0].UserAgent != "Firefox" {
		t.Errorf("own sessions %+v, error %v", list, err)
	}
	if _, err := s.Sessions(t.Context(), doris, "anna"); !errors.Is(err, accounts.ErrDenied) {
		t.Errorf("another's sessions: %v", err)
	}
	if _, err := s.Sessions(t.Context(), doris, ""); !errors.Is(err, accounts.ErrDenied) {
		t.Errorf("all sessions: %v", err)
	}
	if err := s.EndSession(t.Context(), doris, anna.Session); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("ending another's session: %v", err)
	}
	if list, err := s.Sessions(t.Context(), anna, ""); err != nil || len(list) != 2 {
		t.Errorf("%d sessions for an operator, error %v", len(list), err)
	}
	for range 21 {
		signIn(t, s, "doris")
	}
	if list, err := s.Sessions(t.Context(), anna, "doris"); err != nil || len(list) > 20 {
		t.Errorf("%d sessions of one account, error %v", len(list), err)
	}
	if _, err := s.Account(t.Context(), doris, "anna"); !errors.Is(err, accounts.ErrDenied) {
		t.Errorf("another's account: %v", err)
	}
}

// Hashes that people or other programs write are checked before they cost anything.
func TestCheckHash(t *testing.T) {
	const rest = "$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	if err := accounts.CheckHash("$argon2id$v=19$m=19456,t=2,p=1" + rest); err != nil {
		t.Error(err)
	}
	for _, hash := range []string{
		"", "secret", "$2y$10$abc", "$argon2i$v=19$m=19456,t=2,p=1" + rest,
		"$argon2id$v=16$m=19456,t=2,p=1" + rest,
		"$argon2id$v=19$m=4194304,t=2,p=1" + rest,
		"$argon2id$v=19$m=19456,t=1000000,p=1" + rest,
		"$argon2id$v=19$m=19456,t=2,p=200" + rest,
		"$argon2id$v=19$m=0,t=2,p=1" + rest, "$argon2id$v=19$m=19456,t=0,p=1" + rest, "$argon2id$v=19$m=19456,t=2,p=0" + rest,
		"$argon2id$v=19$m=-1,t=2,p=1" + rest, "$argon2id$v=19$m=19456,t=2,p=1,x=2" + rest, "$argon2id$v=19$m=4294986752,t=2,p=1" + rest,
		"$argon2id$v=19$m=19456,t=2,p=1$AAAA$" + strings.Repeat("A", 43), "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$",
		"$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + strings.Repeat("A", 4000),
		"$argon2id$v=19$m=19456,t=2,p=1" + rest + "$", "$argon2id$v=19$m=19456,t=2,p=1" + rest + "\n",
	} {
		if err := accounts.CheckHash(hash); err == nil {
			t.Errorf("%.80q is accepted", hash)
		} else if strings.Contains(err.Error(), "AAAA") {
			t.Errorf("the error quotes the hash: %v", err)
		}
	}
}

// Two people who set the same password have different hashes.
func TestHashesAreSalted(t *testing.T) {
	_, store := newService(t)
	all, err := store.Accounts(t.Context())
	if err != nil || all[0].Password == all[1].Password || !strings.HasPrefix(all[0].Password, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("accounts %+v, error %v", all, err)
	}
}

func TestCheckPassword(t *testing.T) {
	for password, want := range map[string]bool{
		"": false, "123456789": false, "1234567890": true, "firm-it-admin": false, "FIRM-IT-ADMIN": false, strings.Repeat("x", 1024): true, strings.Repeat("x", 1025): false,
		"line\nbreak1": false, "correct horse battery staple": true, "größere Wörter": true,
	} {
		if err := accounts.CheckPassword("firm-it-admin", password); (err == nil) != want {
			t.Errorf("%.20q: %v", password, err)
		}
	}
}

// The audit trail says what is true, whatever a request says; and no text in it can pass for another line or steer a terminal.
func TestAuditCannotBeForged(t *testing.T) {
	s, store := newService(t)
	doris := signIn(t, s, "doris").Principal
	forged := accounts.Event{Actor: "anna", Token: "deploy", Address: netip.MustParseAddr("203.0.113.1"), Time: time.Unix(0, 0), Number: 7, Action: "set\n{\"actor\":\"anna\"}", Domain: "\x1b[2Jfirm.example\u202e", Detail: strings.Repeat("x", 100_000)}
	if err := s.Record(t.Context(), doris, forged); err != nil {
		t.Fatal(err)
	}
	events, err := store.Audit(t.Context(), accounts.AuditQuery{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	e := events[0]
	if e.Actor != "doris" || e.Token != "" || e.Address != client.Address || time.Since(e.Time) > time.Minute || e.Number == 7 {
		t.Errorf("event %+v", e)
	}
	if text := fmt.Sprint(e.Action, e.Domain); strings.ContainsAny(text, "\n\x1b\u202e") || len(e.Detail) > 5000 {
		t.Errorf("event %+q", text)
	}
	// A name that was typed into the sign-in form is recorded only if there is such an account: it may be a password.
	if _, err := s.SignIn(t.Context(), accounts.Attempt{Client: client, Name: "my secret password"}); !errors.Is(err, accounts.ErrWrong) {
		t.Fatal(err)
	}
	if events, err = store.Audit(t.Context(), accounts.AuditQuery{Limit: 1}); err != nil || !events[0].Refused || strings.Contains(fmt.Sprint(events), "secret") {
		t.Errorf("events %+v, error %v", events, err)
	}
	// Who does not manage accounts sees what he has done, and nothing else.
	if events, err = s.Audit(t.Context(), doris, accounts.AuditQuery{}); err != nil || slices.ContainsFunc(events, func(e accounts.Event) bool { return e.Actor != "doris" }) || len(events) == 0 {
		t.Errorf("events %+v, error %v", events, err)
	}
	if _, err = s.Audit(t.Context(), doris, accounts.AuditQuery{Actor: "anna"}); !errors.Is(err, accounts.ErrDenied) {
		t.Errorf("another's events: %v", err)
	}
}

func TestLastOperator(t *testing.T) {
	s, store := newService(t)
	anna := signIn(t, s, "anna").Principal
	a, err := store.Account(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	a.Role = accounts.Viewer
	if _, err := s.ChangeAccount(t.Context(), anna, a); !errors.Is(err, accounts.ErrLastOperator) {
		t.Errorf("role: %v", err)
	}
	if err := s.RemoveAccount(t.Context(), anna, "anna"); !errors.Is(err, accounts.ErrLastOperator) {
		t.Errorf("removal: %v", err)
	}
	if err := s.RemoveAccount(t.Context(), operator, "anna"); err != nil {
		t.Errorf("on the command line: %v", err)
	}
}
