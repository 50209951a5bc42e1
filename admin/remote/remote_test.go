package remote_test

import (
	"context"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"mailhint/accounts"
	"mailhint/accounts/accountstest"
	"mailhint/admin"
	"mailhint/admin/api"
	"mailhint/admin/remote"
	"mailhint/domains"
	"mailhint/edits"
	"mailhint/edits/storetest"
)

// server is an API, on a store in memory, and its operators.
type server struct {
	*httptest.Server
	accounts *accounts.Service
	records  accounts.Store

	mutex  sync.Mutex
	stores map[string]edits.Store // by actor
}

func newServer(t testing.TB) *server {
	t.Helper()
	s := &server{records: accountstest.NewMemory(), stores: make(map[string]edits.Store)}
	s.accounts = accounts.New(s.records, accounts.Options{})
	service := &admin.Service{Store: storetest.NewMemory(), Current: func() *domains.Snapshot { return nil }, Accounts: s.accounts}
	s.Server = httptest.NewServer(api.New(service, api.Options{Limits: api.Limits{Rate: 1e6, Burst: 1e6, AtOnce: 1000}}))
	t.Cleanup(s.Close)
	return s
}

// as returns the store with the token of an operator, who is added if need be: the server knows who makes a change by the token only.
func (s *server) as(t testing.TB, actor string) edits.Store {
	t.Helper()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if store, ok := s.stores[actor]; ok {
		return store
	}
	ctx := context.Background()
	account, err := s.records.SaveAccount(ctx, accounts.Account{Name: actor, Role: accounts.Operator, Created: time.Now().Add(-time.Minute)}, accounts.Absent)
	if err != nil {
		t.Fatal(err)
	}
	maker := account.Principal(netip.Addr{})
	maker.Session = "test"
	secret, _, err := s.accounts.AddToken(ctx, maker, accounts.NewToken{Name: "of-" + strings.ReplaceAll(actor, " ", "-"), Role: accounts.Operator})
	if err != nil {
		t.Fatal(err)
	}
	store, err := remote.Open(s.URL, secret)
	if err != nil {
		t.Fatal(err)
	}
	s.stores[actor] = store
	return store
}

// byActor is a store that makes each change with the token of its actor.
type byActor struct {
	edits.Store
	t      testing.TB
	server *server
}

func (s byActor) Apply(ctx context.Context, set edits.ChangeSet) (edits.Result, error) {
	return s.server.as(s.t, set.Actor).Apply(ctx, set)
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t testing.TB) storetest.Place {
		s := newServer(t)
		return storetest.Place{Open: func(t testing.TB) edits.Store { return byActor{s.as(t, "test"), t, s} }, Lists: true}
	})
}
