package admin_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mailhint/accounts"
	"mailhint/accounts/accountstest"
	"mailhint/admin"
	"mailhint/domains"
	"mailhint/edits"
	"mailhint/edits/storetest"
)

// world is a service with a store in memory, and everybody who uses it.
type world struct {
	*admin.Service
	store edits.Store
}

var address = netip.MustParseAddr("192.0.2.7")

func person(name string, role accounts.Role, domains, profiles []string) accounts.Principal {
	return accounts.Account{Name: name, Role: role, Domains: domains, Profiles: profiles}.Principal(address)
}

var (
	operator    = person("olga", accounts.Operator, nil, nil)
	viewer      = person("vera", accounts.Viewer, nil, nil)
	ann         = person("ann", accounts.DomainAdmin, []string{"ann.example"}, nil)
	ben         = person("ben", accounts.DomainAdmin, []string{"ben.example", "*.ben.example"}, nil)
	provisioner = person("panel", accounts.Provisioner, nil, []string{"shared"})
)

func domain(name string) edits.Ref  { return edits.Ref{Kind: edits.Domain, Name: name} }
func profile(name string) edits.Ref { return edits.Ref{Kind: edits.Profile, Name: name} }

// newWorld returns a service for these records: ann's and ben's domains, which are on the profile firms, whose admins may change some keys, and
// first.example on the profile shared.
func newWorld(t testing.TB) *world {
	t.Helper()
	store := storetest.NewMemory()
	w := &world{store: store}
	var config *domains.Snapshot
	w.Service = &admin.Service{
		Store:    store,
		Current:  func() *domains.Snapshot { return config },
		Accounts: accounts.New(accountstest.NewMemory(), accounts.Options{}),
	}
	w.add(t, profile("firms"), edits.Values{"imap": "imap.firms.example", "smtp": "smtp.firms.example", "editable": []any{"name", "webmail", "imap", "enabled"}})
	w.add(t, domain("ann.example"), edits.Values{"profile": "firms", "name": "Ann"})
	w.add(t, domain("ben.example"), edits.Values{"profile": "firms", "aliases": []any{"ben.test"}, "admins": []any{"bea"}})
	w.add(t, domain("*.ben.example"), edits.Values{"profile": "firms"})
	w.add(t, domain("carl.ben.example"), edits.Values{"profile": "firms", "admins": []any{"carl"}})
	config = served(t, store)
	return w
}

// served returns the configuration that a store has, and x.example besides.
func served(t testing.TB, store edits.Store) *domains.Snapshot {
	t.Helper()
	r, err := store.Apply(t.Context(), edits.ChangeSet{Edits: []edits.Edit{{Ref: domain("x.example"), Values: edits.Values{"profile": "shared"}}}, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	return r.Config
}

func (w *world) add(t testing.TB, ref edits.Ref, values edits.Values) {
	t.Helper()
	if _, err := w.store.Apply(t.Context(), edits.ChangeSet{Edits: []edits.Edit{{Ref: ref, Action: edits.ActionAdd, Values: values}}, Actor: "set-up"}); err != nil {
		t.Fatal(err)
	}
}

func (w *world) revision(t testing.TB, ref edits.Ref) edits.Revision {
	t.Helper()
	r, err := w.store.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return r.Revision
}

func TestListShowsOnlyOwnDomains(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		who  accounts.Principal
		q    admin.Query
		want string
	}{
		{operator, admin.Query{}, "*.ben.example ann.example ben.example carl.ben.example first.example inlist.example"},
		{viewer, admin.Query{}, "*.ben.example ann.example ben.example carl.ben.example first.example inlist.example"},
		{ann, admin.Query{}, "ann.example"},
		{ann, admin.Query{Search: "ben"}, ""},
		{ann, admin.Query{Profile: "shared"}, ""},
		{ben, admin.Query{}, "*.ben.example ben.example"},
		{ben, admin.Query{Limit: 1}, "*.ben.example"},
		{ben, admin.Query{After: "*.ben.example"}, "ben.example"},
		{person("carl", accounts.DomainAdmin, nil, nil), admin.Query{}, "carl.ben.example"},
		{provisioner, admin.Query{}, "first.example"},
		{person("v", accounts.Viewer, []string{"ann.example", "none.example"}, nil), admin.Query{}, "ann.example"},
		{accounts.Principal{}, admin.Query{}, ""},
	} {
		page, err := w.Domains(t.Context(), test.who, test.q)
		if err != nil {
			t.Errorf("%s: %v", test.who.Name, err)
			continue
		}
		var names []string
		for _, r := range page.Rows {
			names = append(names, r.Name)
		}
		if got := strings.Join(names, " "); got != test.want {
			t.Errorf("%s, %+v: got %q, want %q", test.who.Name, test.q, got, test.want)
		}
	}
	page, err := w.Domains(t.Context(), ben, admin.Query{Limit: 1})
	if err != nil || page.Total != 2 || !page.More {
		t.Errorf("a page of one of two: total %d, more %v, %v", page.Total, page.More, err)
	}
}

func TestChangeAndUndo(t *testing.T) {
	w := newWorld(t)
	o := admin.Options{If: w.revision(t, domain("ann.example")), Via: edits.API, Reason: "a test"}
	dry := o
	dry.DryRun = true
	planned, err := w.Patch(t.Context(), ann, domain("ann.example"), map[string]any{"imap": "imap.new.example"}, dry)
	if err != nil {
		t.Fatal(err)
	}
	if len(planned.Previews) < 6 || !strings.Contains(planned.Previews[0].Diff, "imap.new.example") || !strings.Contains(planned.Diff, "imap.new.example") {
		t.Errorf("the dry run has the diff %q and the previews %+v", planned.Diff, planned.Previews)
	}
	if r := w.revision(t, domain("ann.example")); r != o.If {
		t.Error("a dry run has saved something")
	}
	done, err := w.Patch(t.Context(), ann, domain("ann.example"), map[string]any{"imap": "imap.new.example"}, o)
	if err != nil || len(done.Changes) != 1 || done.Changes[0].Actor != "ann" || done.Changes[0].Via != edits.API {
		t.Fatalf("%+v, %v", done, err)
	}
	if _, err := w.Patch(t.Context(), ann, domain("ann.example"), map[string]any{"imap": "imap.newer.example"}, o); !errors.Is(err, edits.ErrConflict) {
		t.Errorf("the same revision again: %v, want a conflict", err)
	}
	o.If = done.Revision
	if _, err := w.Restore(t.Context(), ann, domain("ann.example"), 0, o); err != nil {
		t.Fatal(err)
	}
	v, err := w.Domain(t.Context(), ann, domain("ann.example"))
	if err != nil || v.Values["imap"] != nil || v.Values["name"] != "Ann" {
		t.Errorf("after the undo: %v, %v", v.Values, err)
	}
	events, err := w.Accounts.Audit(t.Context(), operator, accounts.AuditQuery{Actor: "ann", Since: time.Now().Add(-time.Hour)})
	if err != nil || len(events) != 3 {
		t.Errorf("the audit trail has %+v, %v; want the change, the conflict and the undo", events, err)
	}
}
