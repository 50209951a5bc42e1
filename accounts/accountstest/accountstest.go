// Package accountstest checks that a store does what accounts.Store promises. Every store runs the same tests, unchanged:
//
//	func TestStore(t *testing.T) {
//		accountstest.Run(t, func(t testing.TB) accountstest.Place { … })
//	}
//
// Memory is a store for tests of what uses stores.
package accountstest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mailhint/accounts"
)

// Place is where a store keeps its records: a folder, or a database. A new place is empty.
type Place struct {
	// Open opens the store there, as another process would. It is called several times in a test, and the stores are used side by side. What
	// has to be closed is closed by t.Cleanup.
	Open func(t testing.TB) accounts.Store
}

// Run tests the store of the places that newPlace makes. Each test gets a new place.
func Run(t *testing.T, newPlace func(t testing.TB) Place) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Place)
	}{
		{"Accounts", testAccounts},
		{"AccountExpectations", testAccountExpectations},
		{"AccountsOfOthers", testAccountsOfOthers},
		{"RacingSaves", testRacingSaves},
		{"RemoveAccount", testRemoveAccount},
		{"Tokens", testTokens},
		{"TokensOfOthers", testTokensOfOthers},
		{"Sessions", testSessions},
		{"SessionsOfOthers", testSessionsOfOthers},
		{"RacingSessions", testRacingSessions},
		{"Facts", testFacts},
		{"RacingFacts", testRacingFacts},
		{"Audit", testAudit},
		{"AuditRaces", testAuditRaces},
		{"HostileText", testHostileText},
		{"Canceled", testCanceled},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, newPlace(t))
		})
	}
}

// limit is how long to wait for what another process has done: a second by contract, and more for slow machines.
const limit = 30 * time.Second

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for start := time.Now(); !holds(); {
		if time.Since(start) > limit {
			t.Fatalf("after %v: %s", limit, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t testing.TB, err, expected error) {
	t.Helper()
	if !errors.Is(err, expected) {
		t.Errorf("error %v, want %v", err, expected)
	}
}

// same compares two records as the contract does: without regard to time zones, and to empty or nil lists.
func same(t testing.TB, got, expected any) {
	t.Helper()
	if !reflect.DeepEqual(normal(got), normal(expected)) {
		t.Errorf("got  %+v\nwant %+v", got, expected)
	}
}

func normal(v any) any {
	switch v := v.(type) {
	case accounts.Account:
		v.Created, v.Revision = at(v.Created), ""
		v.Domains, v.Profiles, v.RecoveryCodes = list(v.Domains), list(v.Profiles), list(v.RecoveryCodes)
		return v
	case accounts.Token:
		v.Created, v.Expires, v.LastUse.Time = at(v.Created), at(v.Expires), at(v.LastUse.Time)
		v.Domains, v.Profiles = list(v.Domains), list(v.Profiles)
		return v
	case accounts.Session:
		v.Created, v.Expires, v.LastUse.Time = at(v.Created), at(v.Expires), at(v.LastUse.Time)
		if v.External != nil {
			external := *v.External
			external.Domains, external.Profiles, external.Claims, external.Names = list(external.Domains), list(external.Profiles), list(external.Claims), list(external.Names)
			v.External = &external
		}
		return v
	case accounts.Event:
		v.Number, v.Time = 0, at(v.Time)
		return v
	}
	return v
}

func at(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func list(l []string) []string { return append([]string{}, l...) }

var (
	then    = time.Date(2026, 3, 4, 5, 6, 7, 89_000, time.FixedZone("", 3600))
	address = netip.MustParseAddr("2001:db8::1")
)

// anna and berta are accounts with every field.
func anna() accounts.Account {
	return accounts.Account{Name: "anna", Role: accounts.Operator, Password: "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		TOTP: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", RecoveryCodes: []string{accounts.HashSecret("one"), accounts.HashSecret("two")}, Created: then}
}

func berta() accounts.Account {
	return accounts.Account{Name: "berta@firm.example", Role: accounts.Provisioner, Domains: []string{"*.firm.example", "firm.example"}, Profiles: []string{"büro", "shared"}, Disabled: true, Created: then}
}

func testAccounts(t *testing.T, place Place) {
	ctx, s := t.Context(), place.Open(t)
	ok(t, s.Health(ctx))
	if all, err := s.Accounts(ctx); err != nil || len(all) != 0 {
		t.Fatalf("a new store has accounts %v, error %v", all, err)
	}
	_, err := s.Account(ctx, "anna")
	want(t, err, accounts.ErrNotFound)
	for _, a := range []accounts.Account{berta(), anna()} {
		saved, err := s.SaveAccount(ctx, a, accounts.Absent)
		ok(t, err)
		same(t, saved, a)
		got, err := s.Account(ctx, a.Name)
		ok(t, err)
		same(t, got, a)
		if got.Revision == "" || got.Revision != saved.Revision {
			t.Errorf("saved with revision %q, read with %q", saved.Revision, got.Revision)
		}
	}
	all, err := s.Accounts(ctx)
	ok(t, err)
	if len(all) != 2 {
		t.Fatalf("%d accounts, want 2", len(all))
	}
	same(t, all[0], anna())
	same(t, all[1], berta())
}

func testAccountExpectations(t *testing.T, place Place) {
	ctx, s := t.Context(), place.Open(t)
	_, err := s.SaveAccount(ctx, anna(), "no such revision")
	want(t, err, accounts.ErrConflict)
	first, err := s.SaveAccount(ctx, anna(), accounts.Absent)
	ok(t, err)
	_, err = s.SaveAccount(ctx, anna(), accounts.Absent)
	want(t, err, accounts.ErrExists)
	changed := first
	changed.Role, changed.Domains, changed.TOTP, changed.RecoveryCodes = accounts.DomainAdmin, []string{"firm.example"}, "", nil
	second, err := s.SaveAccount(ctx, changed, first.Revision)
	ok(t, err)
	if second.Revision == first.Revision {
		t.Error("the revision has not changed")
	}
	_, err = s.SaveAccount(ctx, anna(), first.Revision)
	want(t, err, accounts.ErrConflict)
	got, err := s.Account(ctx, "anna")
	ok(t, err)
	same(t, got, changed)
	want(t, s.RemoveAccount(ctx, "berta"), accounts.ErrNotFound)
}

func testAccountsOfOthers(t *testing.T, place Place) {
	ctx, s, other := t.Context(), place.Open(t), place.Open(t)
	saved, err := s.SaveAccount(ctx, anna(), accounts.Absent)
	ok(t, err)
	eventually(t, "another process does not see the account", func() bool {
		got, err := other.Account(ctx, "anna")
		return err == nil && got.Stamp() == saved.Stamp()
	})
	changed := saved
	changed.Password = ""
	changed, err = other.SaveAccount(ctx, changed, saved.Revision)
	ok(t, err)
	_, err = s.SaveAccount(ctx, saved, saved.Revision)
	want(t, err, accounts.ErrConflict)
	eventually(t, "another process does not see the change", func() bool {
		got, err := s.Account(ctx, "anna")
		return err == nil && got.Stamp() == changed.Stamp()
	})
	ok(t, s.RemoveAccount(ctx, "anna"))
	eventually(t, "another process does not see the removal", func() bool {
		_, err := other.Account(ctx, "anna")
		return errors.Is(err, accounts.ErrNotFound)
	})
}

// Of several writers with the same revision, exactly one succeeds, so that a recovery code is used once.
func testRacingSaves(t *testing.T, place Place) {
	ctx, stores := t.Context(), []accounts.Store{place.Open(t), place.Open(t)}
	saved, err := stores[0].SaveAccount(ctx, anna(), accounts.Absent)
	ok(t, err)
	var succeeded atomic.Int32
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			a := saved
			a.RecoveryCodes = []string{accounts.HashSecret(fmt.Sprint(i))}
			switch _, err := stores[i%2].SaveAccount(ctx, a, saved.Revision); {
			case err == nil:
				succeeded.Add(1)
			case !errors.Is(err, accounts.ErrConflict):
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := succeeded.Load(); n != 1 {
		t.Errorf("%d of the racing saves succeeded, want 1", n)
	}
}

func testRemoveAccount(t *testing.T, place Place) {
	ctx, s := t.Context(), place.Open(t)
	for _, a := range []accounts.Account{anna(), berta()} {
		_, err := s.SaveAccount(ctx, a, accounts.Absent)
		ok(t, err)
		ok(t, s.AddToken(ctx, accounts.Token{Name: "of-" + a.Name[:4], Hash: accounts.HashSecret(a.Name), Role: accounts.Viewer, Creator: a.Name, Created: then}))
		ok(t, s.SaveSession(ctx, session(a.Name, a.Name)))
	}
	ok(t, s.RemoveAccount(ctx, "anna"))
	_, err := s.Account(ctx, "anna")
	want(t, err, accounts.ErrNotFound)
	_, err = s.Token(ctx, accounts.HashSecret("anna"))
	want(t, err, accounts.ErrNotFound)
	_, err = s.Session(ctx, accounts.HashSecret("anna"))
	want(t, err, accounts.ErrNotFound)
	_, err = s.Token(ctx, accounts.HashSecret(berta().Name))
	ok(t, err)
	_, err = s.Session(ctx, accounts.HashSecret(berta().Name))
	ok(t, err)
	want(t, s.RemoveAccount(ctx, "anna"), accounts.ErrNotFound)
}

func testTokens(t *testing.T, place Place) {
	ctx, s := t.Context(), place.Open(t)
	panel := accounts.Token{Name: "panel", Hash: accounts.HashSecret("panel"), Role: accounts.Provisioner, Domains: []string{"firm.example"}, Profiles: []string{"shared"}, Creator: "anna", Parent: "backup", Created: then, Expires: then.Add(time.Hour)}
	backup := accounts.Token{Name: "backup", Hash: accounts.HashSecret("backup"), Role: accounts.Viewer, Created: then}
	ok(t, s.AddToken(ctx, panel))
	ok(t, s.AddToken(ctx, backup))
	for _, again := range []accounts.Token{{Name: "panel", Hash: accounts.HashSecret("other"), Role: accounts.Viewer}, {Name: "other", Hash: panel.Hash, Role: accounts.Viewer}} {
		want(t, s.AddToken(ctx, again), accounts.ErrExists)
	}
	got, err := s.Token(ctx, panel.Hash)
	ok(t, err)
	same(t, got, panel)
	_, err = s.Token(ctx, accounts.HashSecret("other"))
	want(t, err, accounts.ErrNotFound)
	_, err = s.Token(ctx, "panel")
	want(t, err, accounts.ErrNotFound)

	panel.LastUse = accounts.Use{Time: then.Add(time.Minute), Address: address}
	ok(t, s.UseToken(ctx, "panel", panel.LastUse))
	ok(t, s.UseToken(ctx, "other", panel.LastUse))
	all, err := s.Tokens(ctx)
	ok(t, err)
	if len(all) != 2 {
		t.Fatalf("%d tokens, want 2", len(all))
	}
	same(t, all[0], backup)
	same(t, all[1], panel)

	ok(t, s.RemoveToken(ctx, "panel"))
	want(t, s.RemoveToken(ctx, "panel"), accounts.ErrNotFound)
	_, err = s.Token(ctx, panel.Hash)
	want(t, err, accounts.ErrNotFound)
}

// A token that is revoked in one process is soon refused by all.
func testTokensOfOthers(t *testing.T, place Place) {
	ctx, s, other := t.Context(), place.Open(t), place.Open(t)
	panel := accounts.Token{Name: "panel", Hash: accounts.HashSecret("panel"), Role: accounts.Viewer, Created: then}
	ok(t, s.AddToken(ctx, panel))
	eventually(t, "another process does not see the token", func() bool {
		_, err := other.Token(ctx, panel.Hash)
		return err == nil
	})
	ok(t, s.RemoveToken(ctx, "panel"))
	removed := time.Now()
	eventually(t, "another process does not see that the token is revoked", func() bool {
		_, err := other.Token(ctx, panel.Hash)
		return errors.Is(err, accounts.ErrNotFound)
	})
	t.Logf("another process has seen it after %v", time.Since(removed))
}

// session returns a session with every field, of the given secret.
func session(secret, account string) accounts.Session {
	now := time.Now()
	return accounts.Session{ID: accounts.HashSecret(secret), Account: account, Stamp: "stamp", Created: now, Expires: now.Add(time.Hour), UserAgent: "Firefox", LastUse: accounts.Use{Time: now, Address: address}}
}

func testSessions(t *testing.T, place Place) {
	ctx, s := t.Context(), place.Open(t)
	older, newer, external := session("older", "anna"), session("newer", "anna"), session("external", "oidc:clara@firm.example")
	newer.Created, newer.CodeNeeded, newer.WrongCodes = newer.Created.Add(time.Second), true, 2
	external.Stamp, external.External = "", &accounts.External{Issuer: "https://login.example.com", Subject: "clara", Claims: []string{"/firm/it"}, Names: []string{"firm.example"}, Role: accounts.DomainAdmin, Domains: []string{"firm.example"}}
	for _, session := range []accounts.Session{newer, older, external} {
		ok(t, s.SaveSession(ctx, session))
		got, err := s.Session(ctx, session.ID)
		ok(t, err)
		same(t, got, session)
	}
	expired := session("expired", "anna")
	expired.Expires = time.Now().Add(-time.Second)
	ok(t, s.SaveSession(ctx, expired))
	_, err := s.Session(ctx, expired.ID)
	want(t, err, accounts.ErrNotFound)
	_, err = s.Session(ctx, "older")
	want(t, err, accounts.ErrNotFound)

	newer.WrongCodes = 3
	ok(t, s.SaveSession(ctx, newer))
	older.LastUse = accounts.Use{Time: older.Created.Add(time.Minute), Address: netip.MustParseAddr("192.0.2.1")}
	ok(t, s.UseSession(ctx, older.ID, older.LastUse))
	ok(t, s.UseSession(ctx, accounts.HashSecret("other"), older.LastUse))
	list, err := s.Sessions(ctx, "anna")
	ok(t, err)
	if len(list) != 2 {
		t.Fatalf("%d sessions, want 2", len(list))
	}
	same(t, list[0], newer)
	same(t, list[1], older)
	if list, err = s.Sessions(ctx, ""); err != nil || len(list) != 3 {
		t.Errorf("%d sessions of all accounts, error %v; want 3", len(list), err)
	}
	if list, err = s.Sessions(ctx, "nobody"); err != nil || len(list) != 0 {
		t.Errorf("%d sessions of an account that does not exist, error %v", len(list), err)
	}

	ok(t, s.RemoveSession(ctx, older.ID))
	_, err = s.Session(ctx, older.ID)
	want(t, err, accounts.ErrNotFound)
	want(t, s.RemoveSession(ctx, older.ID), accounts.ErrNotFound)
	want(t, s.RemoveSession(ctx, "../accounts.toml"), accounts.ErrNotFound)
}

func testSessionsOfOthers(t *testing.T, place Place) {
	ctx, s, other := t.Context(), place.Open(t), place.Open(t)
	session := session("secret", "anna")
	ok(t, s.SaveSession(ctx, session))
	eventually(t, "another process does not see the session", func() bool {
		_, err := other.Session(ctx, session.ID)
		return err == nil
	})
	ok(t, other.RemoveSession(ctx, session.ID))
	eventually(t, "another process does not see that the session has ended", func() bool {
		_, err := s.Session(ctx, session.ID)
		return errors.Is(err, accounts.ErrNotFound)
	})
}

// Of several that end a session, exactly one succeeds, so that a session is exchanged for another only once.
func testRacingSessions(t *testing.T, place Place) {
	ctx, stores := t.Context(), []accounts.Store{place.Open(t), place.Open(t)}
	session := session("secret", "anna")
	ok(t, stores[0].SaveSession(ctx, session))
	once(t, func(i int) (bool, error) {
		err := stores[i%2].RemoveSession(ctx, session.ID)
		if errors.Is(err, accounts.ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	})
}

// once calls a function several times at once and checks that it reports true once.
func once(t *testing.T, call func(i int) (bool, error)) {
	t.Helper()
	var succeeded atomic.Int32
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			done, err := call(i)
			if err != nil {
				t.Error(err)
			}
			if done {
				succeeded.Add(1)
			}
		})
	}
	group.Wait()
	if n := succeeded.Load(); n != 1 {
		t.Errorf("%d succeeded, want 1", n)
	}
}

func testFacts(t *testing.T, place Place) {
	ctx, s, other := t.Context(), place.Open(t), place.Open(t)
	remember := func(s accounts.Store, fact string, until time.Time, first bool) {
		t.Helper()
		if got, err := s.Remember(ctx, fact, until); err != nil || got != first {
			t.Errorf("Remember(%.20q): %v, error %v; want %v", fact, got, err, first)
		}
	}
	soon := time.Now().Add(time.Hour)
	long := "long " + string(slices.Repeat([]byte("x"), 995))
	for _, fact := range []string{"code anna 1", "code anna 2", "../../x", "", long} {
		remember(s, fact, soon, true)
		remember(s, fact, soon, false)
		remember(other, fact, soon, false)
	}
	past := time.Now().Add(-time.Second)
	remember(s, "expired", past, true)
	remember(s, "expired", past, true)
	remember(s, "expired", soon, true)
	remember(s, "expired", past, false) // the later time counts
	remember(s, "expired", soon, false)
	for fact, expected := range map[string]bool{"code anna 1": true, "code anna 3": false, "expired": true} {
		if got, err := other.Remembered(ctx, fact); err != nil || got != expected {
			t.Errorf("Remembered(%q): %v, error %v; want %v", fact, got, err, expected)
		}
	}
	remember(s, "past", past, true)
	if got, err := s.Remembered(ctx, "past"); err != nil || got {
		t.Errorf("a fact whose time has passed is remembered: %v, error %v", got, err)
	}
}

func testRacingFacts(t *testing.T, place Place) {
	ctx, stores := t.Context(), []accounts.Store{place.Open(t), place.Open(t)}
	until := time.Now().Add(time.Hour)
	once(t, func(i int) (bool, error) { return stores[i%2].Remember(ctx, "code anna 1", until) })
}

func testAudit(t *testing.T, place Place) {
	ctx, s, other := t.Context(), place.Open(t), place.Open(t)
	if events, err := s.Audit(ctx, accounts.AuditQuery{}); err != nil || len(events) != 0 {
		t.Fatalf("a new store has events %v, error %v", events, err)
	}
	events := []accounts.Event{
		{Time: then, Actor: "anna", Token: "panel", Address: address, Action: "set", Domain: "firm.example", Revision: "r1", Detail: "name"},
		{Time: then.Add(time.Minute), Actor: "berta", Action: "sign in", Refused: true},
		{Time: then.Add(2 * time.Minute), Actor: "anna", Action: "add account", Subject: "berta"},
		{Time: then.Add(3 * time.Minute), Actor: "anna", Action: "set", Domain: "other.example"},
	}
	for i, e := range events {
		ok(t, []accounts.Store{s, other}[i%2].Append(ctx, e))
	}
	got, err := s.Audit(ctx, accounts.AuditQuery{})
	ok(t, err)
	if len(got) != len(events) {
		t.Fatalf("%d events, want %d", len(got), len(events))
	}
	slices.Reverse(got)
	for i, e := range got {
		same(t, e, events[i])
		if e.Number != int64(i)+1 {
			t.Errorf("event %d has number %d", i+1, e.Number)
		}
	}
	for _, test := range []struct {
		query accounts.AuditQuery
		want  []int64
	}{
		{accounts.AuditQuery{Actor: "anna"}, []int64{4, 3, 1}},
		{accounts.AuditQuery{Actor: "ann"}, nil},
		{accounts.AuditQuery{Domain: "firm.example"}, []int64{1}},
		{accounts.AuditQuery{Subject: "berta"}, []int64{3}},
		{accounts.AuditQuery{Since: then.Add(2 * time.Minute)}, []int64{4, 3}},
		{accounts.AuditQuery{Before: 3}, []int64{2, 1}},
		{accounts.AuditQuery{Limit: 2}, []int64{4, 3}},
		{accounts.AuditQuery{Actor: "anna", Before: 4, Limit: 1}, []int64{3}},
	} {
		list, err := s.Audit(ctx, test.query)
		ok(t, err)
		var numbers []int64
		for _, e := range list {
			numbers = append(numbers, e.Number)
		}
		if !slices.Equal(numbers, test.want) {
			t.Errorf("%+v: events %v, want %v", test.query, numbers, test.want)
		}
	}
}

// Events that several processes append at once are all there, each with a number of its own.
func testAuditRaces(t *testing.T, place Place) {
	ctx, stores := t.Context(), []accounts.Store{place.Open(t), place.Open(t)}
	const writers, each = 4, 10
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			for k := range each {
				if err := stores[i%2].Append(ctx, accounts.Event{Time: then, Actor: "anna", Action: fmt.Sprint(i, " ", k)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	events, err := stores[0].Audit(ctx, accounts.AuditQuery{})
	ok(t, err)
	actions := make(map[string]bool)
	for i, e := range events {
		actions[e.Action] = true
		if e.Number != int64(len(events)-i) {
			t.Errorf("event at %d has number %d", i, e.Number)
		}
	}
	if len(events) != writers*each || len(actions) != writers*each {
		t.Errorf("%d events, %d different ones; want %d", len(events), len(actions), writers*each)
	}
}

// Text from strangers comes back as it was, or at least does no harm: an event stays one event.
func testHostileText(t *testing.T, place Place) {
	ctx, s := t.Context(), place.Open(t)
	hostile := "a\"b\\c'd\n{\"number\":9}\u2028\u202e<script>;--%00\x7f é 😀"
	ok(t, s.Append(ctx, accounts.Event{Time: then, Actor: hostile, Action: hostile, Detail: hostile}))
	events, err := s.Audit(ctx, accounts.AuditQuery{})
	ok(t, err)
	if len(events) != 1 || events[0].Actor != hostile || events[0].Detail != hostile {
		t.Errorf("events %+v", events)
	}
	session := session("secret", "anna")
	session.UserAgent = hostile
	ok(t, s.SaveSession(ctx, session))
	got, err := s.Session(ctx, session.ID)
	ok(t, err)
	same(t, got, session)
	a := berta()
	a.Profiles = []string{`a"b\c`, "]", "'''", "# x", "é 😀", "%00 <script>;--"}
	_, err = s.SaveAccount(ctx, a, accounts.Absent)
	ok(t, err)
	saved, err := s.Account(ctx, a.Name)
	ok(t, err)
	same(t, saved, a)
}

// A caller who does not wait any longer gets an error, or an answer, but does not hang.
func testCanceled(t *testing.T, place Place) {
	s := place.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Accounts(ctx)
		s.SaveAccount(ctx, anna(), accounts.Absent)
		s.Append(ctx, accounts.Event{Time: then, Actor: "anna"})
	}()
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatal("calls with a canceled context do not return")
	}
}
