package admin_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"mailhint/accounts"
	"mailhint/admin"
	"mailhint/domains"
	"mailhint/edits"
)

// An exact name below a wildcard may be somebody else's: the admin of the wildcard is not shown what clients get there, whatever the name is.
func TestWildcardShowsNothingOfNamesBelowIt(t *testing.T) {
	w := newWorld(t)
	w.add(t, domain("any.ben.example"), edits.Values{"profile": "firms", "name": "Secret"})
	w.add(t, domain("any2.ben.example"), edits.Values{"profile": "firms", "name": "Secret"})
	config := served(t, w.store)
	w.Current = func() *domains.Snapshot { return config }
	view, err := w.Domain(t.Context(), ben, domain("*.ben.example"))
	if err != nil {
		t.Fatal(err)
	}
	previews, err := w.Preview(t.Context(), ben, domain("*.ben.example"), admin.PreviewQuery{})
	if err != nil || len(previews) == 0 || previews[0].Address != "name@any3.ben.example" || previews[0].Before == nil {
		t.Errorf("the preview is %+v, %v", previews, err)
	}
	o := admin.Options{If: w.revision(t, domain("*.ben.example")), DryRun: true}
	planned, err := w.Patch(t.Context(), ben, domain("*.ben.example"), map[string]any{"imap": "imap.new.example"}, o)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal([]any{view, previews, planned})
	if err != nil || strings.Contains(string(text), "Secret") {
		t.Errorf("something of any.ben.example is in %s, %v", text, err)
	}
	if _, err := w.Preview(t.Context(), ben, domain("*.ben.example"), admin.PreviewQuery{Address: "ann@any.ben.example"}); !errors.Is(err, admin.ErrInvalid) {
		t.Errorf("a preview for an address of somebody else: %v", err)
	}
}

// Nobody finds out by trying which domains others have: not from errors, and not from the audit trail of what one has tried.
func TestForeignDomainsLookLikeNone(t *testing.T) {
	w := newWorld(t)
	long := edits.Values{"profile": "firms", "name": strings.Repeat("x", 5000)}
	profile := edits.Values{"profile": "firms"}
	for i, try := range []func(edits.Ref) error{
		func(ref edits.Ref) error {
			_, err := w.Put(t.Context(), ann, ref, profile, admin.Options{})
			return err
		},
		func(ref edits.Ref) error { _, err := w.Add(t.Context(), ann, ref, long, admin.Options{}); return err },
		func(ref edits.Ref) error {
			_, err := w.Add(t.Context(), ann, ref, profile, admin.Options{If: "1"})
			return err
		},
		func(ref edits.Ref) error {
			_, err := w.Put(t.Context(), ann, ref, profile, admin.Options{If: "1"})
			return err
		},
		func(ref edits.Ref) error {
			_, err := w.Patch(t.Context(), ann, ref, nil, admin.Options{If: "1"})
			return err
		},
		func(ref edits.Ref) error {
			_, err := w.Delete(t.Context(), ann, ref, admin.Options{If: "1"})
			return err
		},
		func(ref edits.Ref) error {
			_, err := w.Restore(t.Context(), ann, ref, 0, admin.Options{If: "1"})
			return err
		},
		func(ref edits.Ref) error {
			_, err := w.Change(t.Context(), ann, []edits.Edit{{Ref: ref, Values: long}}, admin.Options{})
			return err
		},
		func(ref edits.Ref) error {
			_, err := w.Change(t.Context(), ann, []edits.Edit{{Ref: ref, If: "1"}}, admin.Options{})
			return err
		},
	} {
		var answers [2]string
		for j, name := range []string{"ben.example", "none.example"} {
			err := try(domain(name))
			events, auditErr := w.Accounts.Audit(t.Context(), ann, accounts.AuditQuery{Domain: name})
			answers[j] = fmt.Sprint(err, auditErr)
			for _, e := range events {
				answers[j] += fmt.Sprint("\n", e.Action, e.Refused, e.Detail)
			}
			if !errors.Is(err, admin.ErrNotFound) {
				t.Errorf("%d, %s: %v", i, name, err)
			}
		}
		if answers[0] != answers[1] {
			t.Errorf("%d: a domain of somebody else gives\n%s\nand none\n%s", i, answers[0], answers[1])
		}
	}
}

// A provisioner is not told of removed domains on profiles that are not his.
func TestRestoreTellsNothingOfRemovedDomains(t *testing.T) {
	w := newWorld(t)
	if _, err := w.Delete(t.Context(), operator, domain("ann.example"), admin.Options{If: w.revision(t, domain("ann.example"))}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ann.example", "none.example"} {
		if _, err := w.Restore(t.Context(), provisioner, domain(name), 0, admin.Options{}); !errors.Is(err, admin.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Names above those of others are taken as well: whoever has the wildcard, or a name below, has the domain.
func TestNamesAboveThoseOfOthersAreTaken(t *testing.T) {
	w := newWorld(t)
	w.add(t, domain("mail.dora.example"), edits.Values{"profile": "firms"})
	w.add(t, domain("*.emil.example"), edits.Values{"profile": "firms"})
	w.add(t, domain("fred.example"), edits.Values{"profile": "firms", "aliases": []any{"www.gina.example"}})
	for name, want := range map[string]error{
		"dora.example": admin.ErrDenied, "emil.example": admin.ErrDenied, "gina.example": admin.ErrDenied, "adora.example": nil,
	} {
		_, err := w.Add(t.Context(), provisioner, domain(name), edits.Values{"profile": "shared"}, admin.Options{DryRun: true})
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}

// Disabling domains one by one is limited like removing them, in every way to do it.
func TestDisablingManyDomainsIsRefused(t *testing.T) {
	w := newWorld(t)
	var list []edits.Edit
	for i := range 30 {
		ref := domain(fmt.Sprintf("d%d.example", i))
		w.add(t, ref, edits.Values{"profile": "firms"})
		list = append(list, edits.Edit{Ref: ref, If: w.revision(t, ref), Values: edits.Values{"profile": "firms", "enabled": false}})
	}
	var removals *edits.RemovalsError
	if _, err := w.Change(t.Context(), operator, list, admin.Options{}); !errors.As(err, &removals) {
		t.Errorf("30 in one set: %v", err)
	}
	done := 0
	for _, e := range list {
		_, err := w.Patch(t.Context(), operator, e.Ref, map[string]any{"enabled": false}, admin.Options{If: e.If})
		if err != nil {
			if !errors.As(err, &removals) {
				t.Fatal(err)
			}
			break
		}
		done++
	}
	if done != 10 {
		t.Errorf("%d domains were disabled, want 10", done)
	}
	snapshot, err := w.Snapshot(t.Context(), operator)
	if err != nil {
		t.Fatal(err)
	}
	for i := range snapshot {
		if snapshot[i].Values["profile"] == "firms" {
			snapshot[i].Values["enabled"] = false
		}
	}
	if _, err := w.Apply(t.Context(), operator, snapshot, edits.DefaultRemovals, admin.Options{}); !errors.As(err, &removals) {
		t.Errorf("a snapshot with most disabled: %v", err)
	}
}

func TestSetWithTheSameRecordTwice(t *testing.T) {
	w := newWorld(t)
	e := edits.Edit{Ref: domain("ann.example"), If: w.revision(t, domain("ann.example")), Values: edits.Values{"profile": "firms"}}
	if _, err := w.Change(t.Context(), ann, []edits.Edit{e, e}, admin.Options{}); !errors.Is(err, admin.ErrInvalid) {
		t.Errorf("two edits of the same record: %v", err)
	}
}

func TestNamesOfProfiles(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"", "a/b", "a\n[server]", "a\u202eb", strings.Repeat("x", 101)} {
		if _, err := w.Put(t.Context(), operator, profile(name), edits.Values{"imap": "imap.a.example", "smtp": "smtp.a.example"}, admin.Options{}); !errors.Is(err, admin.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// The list of a profile is the profile's, whatever other profile the domain names.
func TestListsOfForeignProfiles(t *testing.T) {
	w := newWorld(t)
	for list, want := range map[string]error{"firms": admin.ErrDenied, "shared": nil, "": nil} {
		_, err := w.Put(t.Context(), provisioner, domain("new.example"), edits.Values{"profile": "shared"}, admin.Options{List: &list, DryRun: true})
		if !errors.Is(err, want) {
			t.Errorf("the list of %q: %v, want %v", list, err, want)
		}
	}
}

// Every answer has all servers: the admin of a domain cannot make answers large, nor take any number of names.
func TestLengthOfLists(t *testing.T) {
	w := newWorld(t)
	o := admin.Options{If: w.revision(t, domain("ann.example")), DryRun: true}
	for count, want := range map[int]error{20: nil, 21: admin.ErrInvalid} {
		var servers []any
		for i := range count {
			servers = append(servers, fmt.Sprintf("imap%d.ann.example", i))
		}
		if _, err := w.Patch(t.Context(), ann, domain("ann.example"), map[string]any{"imap": servers}, o); !errors.Is(err, want) {
			t.Errorf("%d servers: %v, want %v", count, err, want)
		}
		if _, err := w.Patch(t.Context(), operator, domain("ann.example"), map[string]any{"imap": servers}, o); err != nil {
			t.Errorf("%d servers by an operator: %v", count, err)
		}
	}
}

// Many other changes do not make the guard forget removals.
func TestRemovalsAreCountedBehindOtherChanges(t *testing.T) {
	admin.SetHistoryPage(t, 5)
	w := newWorld(t)
	for i := range 12 {
		w.add(t, domain(fmt.Sprintf("d%d.example", i)), edits.Values{"profile": "firms"})
	}
	var removals *edits.RemovalsError
	for i := range 11 {
		ref := domain(fmt.Sprintf("d%d.example", i))
		_, err := w.Delete(t.Context(), operator, ref, admin.Options{If: w.revision(t, ref)})
		if refused := errors.As(err, &removals); err != nil && !refused || refused != (i == 10) {
			t.Errorf("removal %d: %v", i+1, err)
		}
		for k := range 6 {
			ann := domain("ann.example")
			if _, err := w.Patch(t.Context(), operator, ann, map[string]any{"name": fmt.Sprint(i, k)}, admin.Options{If: w.revision(t, ann)}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Why a profile was changed may say something of other domains.
func TestReasonsOfChangesOfProfiles(t *testing.T) {
	w := newWorld(t)
	o := admin.Options{If: w.revision(t, profile("firms")), Reason: "ben.example moves"}
	if _, err := w.Patch(t.Context(), operator, profile("firms"), map[string]any{"name": "Firms"}, o); err != nil {
		t.Fatal(err)
	}
	for p, want := range map[*accounts.Principal]string{&ann: "", &viewer: o.Reason, &operator: o.Reason} {
		changes, err := w.History(t.Context(), *p, profile("firms"), admin.HistoryQuery{})
		if err != nil || len(changes) == 0 || changes[0].Reason != want {
			t.Errorf("%s: %+v, %v; want the reason %q", p.Name, changes, err, want)
		}
	}
}
