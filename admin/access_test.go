package admin_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"mailhint/accounts"
	"mailhint/admin"
	"mailhint/edits"
)

// values copies the present values of a record, with changes; nil removes a key.
func (w *world) values(t testing.TB, ref edits.Ref, changes map[string]any) edits.Values {
	t.Helper()
	r, err := w.store.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	all := edits.Values{}
	for key, v := range r.Values {
		all[key] = v
	}
	for key, v := range changes {
		if v == nil {
			delete(all, key)
		} else {
			all[key] = v
		}
	}
	return all
}

// A domain admin changes the keys that are editable, and no other, in whatever form.
func TestDomainAdminChangesOnlyEditableKeys(t *testing.T) {
	w := newWorld(t)
	w.add(t, domain("own.example"), edits.Values{"imap": "imap.own.example", "smtp": []any{map[string]any{"url": "submissions://smtp.own.example", "login": "%EMAILLOCALPART%"}},
		"editable": []any{"imap", "smtp", "name", "enabled", "webmail"}, "admins": []any{"ann"}})
	own := domain("own.example")
	for name, test := range map[string]struct {
		change map[string]any
		denied string // the key; empty if the change is fine
	}{
		"editable":                     {map[string]any{"name": "New"}, ""},
		"removed":                      {map[string]any{"name": nil}, ""},
		"servers":                      {map[string]any{"imap": []any{"imaps://a.example", "imap://a.example"}}, ""},
		"disabled":                     {map[string]any{"enabled": false}, ""},
		"login":                        {map[string]any{"login": "%EMAILLOCALPART%"}, "login"},
		"auth":                         {map[string]any{"auth": []any{"oauth2"}}, "auth"},
		"login of a server":            {map[string]any{"imap": map[string]any{"url": "imaps://a.example", "login": "root"}}, "imap.login"},
		"login of a server in a list":  {map[string]any{"imap": []any{"imaps://b.example", map[string]any{"url": "imaps://a.example", "login": "root"}}}, "imap.login"},
		"auth of a server":             {map[string]any{"imap": map[string]any{"url": "imaps://a.example", "auth": []any{"none"}}}, "imap.auth"},
		"login of a server stays":      {map[string]any{"smtp": []any{map[string]any{"url": "submissions://other.example", "login": "%EMAILLOCALPART%"}}}, ""},
		"login of a server is another": {map[string]any{"smtp": []any{map[string]any{"url": "submissions://smtp.own.example", "login": "root"}}}, "smtp.login"},
		"profile":                      {map[string]any{"profile": "shared"}, "profile"},
		"admins":                       {map[string]any{"admins": []any{"ann", "eve"}}, "admins"},
		"without admins":               {map[string]any{"admins": nil}, "admins"},
		"editable itself":              {map[string]any{"editable": []any{"login"}}, "editable"},
		"aliases":                      {map[string]any{"aliases": []any{"other.example"}}, "aliases"},
		"autodiscover":                 {map[string]any{"autodiscover": "redirect:https://evil.example/autodiscover/autodiscover.xml"}, "autodiscover"},
		"rules":                        {map[string]any{"rules": []any{map[string]any{"from": []any{"0.0.0.0/0"}, "imap": "imap.evil.example"}}}, "rules"},
		"oauth2":                       {map[string]any{"oauth2": map[string]any{"issuer": "evil.example"}}, "oauth2"},
		"allow_plaintext":              {map[string]any{"allow_plaintext": []any{"0.0.0.0/0"}}, "allow_plaintext"},
		"logo":                         {map[string]any{"logo": "/etc/passwd"}, "logo"},
		"users_file in a rule":         {map[string]any{"rules": []any{map[string]any{"users_file": "/etc/passwd", "profile": "shared"}}}, "users_file"},
		"an unknown key":               {map[string]any{"nmae": "x"}, "nmae"},
	} {
		for form, send := range map[string]func(o admin.Options) error{
			"patch": func(o admin.Options) error {
				_, err := w.Patch(t.Context(), ann, own, test.change, o)
				return err
			},
			"put": func(o admin.Options) error {
				_, err := w.Put(t.Context(), ann, own, w.values(t, own, test.change), o)
				return err
			},
			"change": func(o admin.Options) error {
				_, err := w.Change(t.Context(), ann, []edits.Edit{{Ref: own, If: o.If, Values: w.values(t, own, test.change)}}, o)
				return err
			},
		} {
			err := send(admin.Options{If: w.revision(t, own), Via: edits.API, DryRun: true})
			var denied *admin.DeniedError
			switch {
			case test.denied == "" && err != nil:
				t.Errorf("%s by %s: %v", name, form, err)
			case test.denied != "" && (!errors.As(err, &denied) || denied.Key != test.denied):
				t.Errorf("%s by %s: %v, want it denied because of %s", name, form, err, test.denied)
			}
		}
	}
}

// Nothing but an operator's undo brings back what a person may not set.
func TestRestoreIsJudgedAsAChange(t *testing.T) {
	w := newWorld(t)
	ref := domain("ann.example")
	w.put(t, ref, edits.Values{"profile": "firms", "name": "Ann", "login": "%EMAILLOCALPART%"}) // an operator sets a login
	w.put(t, ref, edits.Values{"profile": "firms", "name": "Ann"})                              // and removes it again
	if _, err := w.Restore(t.Context(), ann, ref, 0, admin.Options{If: w.revision(t, ref)}); !errors.Is(err, admin.ErrDenied) {
		t.Errorf("ann brings back a login: %v, want it denied", err)
	}
	// An alias that was ann's once, and is ben's now.
	w.put(t, ref, edits.Values{"profile": "firms", "aliases": []any{"old.test"}, "editable": []any{"aliases"}})
	w.put(t, ref, edits.Values{"profile": "firms", "editable": []any{"aliases"}})
	w.put(t, domain("ben.example"), edits.Values{"profile": "firms", "aliases": []any{"ben.test", "old.test"}})
	_, err := w.Restore(t.Context(), ann, ref, 0, admin.Options{If: w.revision(t, ref)})
	if !errors.Is(err, admin.ErrDenied) || strings.Contains(err.Error(), "ben") {
		t.Errorf("ann brings back an alias that is ben's now: %v", err)
	}
	// Changes of before the domain was last added are somebody else's.
	w.put(t, ref, nil)
	w.put(t, ref, edits.Values{"profile": "firms", "name": "The next owner"})
	changes, err := w.History(t.Context(), ann, ref, admin.HistoryQuery{})
	if err != nil || len(changes) != 1 {
		t.Errorf("ann sees %d changes, %v; want those since the domain was added", len(changes), err)
	}
	all, err := w.History(t.Context(), operator, ref, admin.HistoryQuery{})
	if err != nil || len(all) < 6 {
		t.Errorf("an operator sees %d changes, %v", len(all), err)
	}
	if _, err := w.Restore(t.Context(), ann, ref, all[len(all)-1].Number, admin.Options{If: w.revision(t, ref)}); !errors.Is(err, admin.ErrNotFound) {
		t.Errorf("ann goes back to before the domain was hers: %v, want not found", err)
	}
}

func (w *world) put(t testing.TB, ref edits.Ref, values edits.Values) {
	t.Helper()
	if _, err := w.store.Apply(t.Context(), edits.ChangeSet{Edits: []edits.Edit{{Ref: ref, If: edits.Any, Action: edits.ActionSet, Values: values}}, Actor: "olga"}); err != nil {
		t.Fatal(err)
	}
}

// A provisioner adds domains on its profiles, and takes nobody's name.
func TestProvisionerTakesOnlyFreeNames(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		values edits.Values
		want   error // nil if it may
	}{
		"new.test":                 {edits.Values{"profile": "shared"}, nil},
		"sub.first.example":        {edits.Values{"profile": "shared"}, nil}, // below its own
		"firms.test":               {edits.Values{"profile": "firms"}, admin.ErrDenied},
		"none.test":                {edits.Values{"imap": "imap.none.test", "smtp": "smtp.none.test"}, admin.ErrDenied},
		"keys.test":                {edits.Values{"profile": "shared", "imap": "imap.evil.example"}, admin.ErrDenied},
		"editable.test":            {edits.Values{"profile": "shared", "editable": []any{"imap"}, "imap": "imap.evil.example"}, admin.ErrDenied},
		"admins.test":              {edits.Values{"profile": "shared", "admins": []any{"panel"}}, admin.ErrDenied},
		"ann.example":              {edits.Values{"profile": "shared"}, admin.ErrDenied}, // ann's
		"ben.test":                 {edits.Values{"profile": "shared"}, admin.ErrDenied}, // ben's alias
		"mail.ann.example":         {edits.Values{"profile": "shared"}, admin.ErrDenied}, // below ann's
		"autoconfig.ann.example":   {edits.Values{"profile": "shared"}, admin.ErrDenied},
		"any.ben.example":          {edits.Values{"profile": "shared"}, admin.ErrDenied}, // ben's wildcard answers for it
		"deep.any.ben.example":     {edits.Values{"profile": "shared"}, admin.ErrDenied},
		"sub.ben.test":             {edits.Values{"profile": "shared"}, admin.ErrDenied},
		"co.uk":                    {edits.Values{"profile": "shared"}, admin.ErrDenied},
		"github.io":                {edits.Values{"profile": "shared"}, admin.ErrDenied},
		"*.new2.test":              {edits.Values{"profile": "shared"}, admin.ErrDenied},
		"xn--nn-eka.ann.example":   {edits.Values{"profile": "shared"}, admin.ErrDenied},
		"another.example.ann.test": {edits.Values{"profile": "shared", "aliases": []any{"ann.example"}}, admin.ErrDenied},
	} {
		_, err := w.Add(t.Context(), provisioner, domain(name), test.values, admin.Options{Via: edits.API, DryRun: true})
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		if err != nil && (strings.Contains(err.Error(), "ben.example") || strings.Contains(err.Error(), "firms")) {
			t.Errorf("%s: the error tells whose it is: %v", name, err)
		}
	}
	// It cannot move a domain of somebody else to its profile, or its own away.
	if _, err := w.Patch(t.Context(), provisioner, domain("ann.example"), map[string]any{"profile": "shared"}, admin.Options{If: w.revision(t, domain("ann.example"))}); !errors.Is(err, admin.ErrNotFound) {
		t.Errorf("another's domain to its profile: %v", err)
	}
	if _, err := w.Patch(t.Context(), provisioner, domain("first.example"), map[string]any{"profile": "firms"}, admin.Options{If: w.revision(t, domain("first.example"))}); !errors.Is(err, admin.ErrDenied) {
		t.Errorf("its own to another profile: %v", err)
	}
}

// Nobody gets round the guard against mass removal with many small requests.
func TestManySmallRemovals(t *testing.T) {
	w := newWorld(t)
	for i := range 40 {
		w.add(t, domain(fmt.Sprintf("c%d.test", i)), edits.Values{"profile": "shared"})
	}
	removed := 0
	for i := range 40 {
		ref := domain(fmt.Sprintf("c%d.test", i))
		_, err := w.Delete(t.Context(), provisioner, ref, admin.Options{If: w.revision(t, ref), Via: edits.API})
		var removals *edits.RemovalsError
		switch {
		case err == nil:
			removed++
		case !errors.As(err, &removals):
			t.Fatal(err)
		}
	}
	if removed != 10 {
		t.Errorf("%d of 40 domains were removed one by one, want 10", removed)
	}
	if _, err := w.Patch(t.Context(), operator, domain("c30.test"), map[string]any{"enabled": false}, admin.Options{If: w.revision(t, domain("c30.test"))}); err != nil {
		t.Errorf("an operator disables one: %v", err)
	}
	if r, err := w.store.Get(t.Context(), domain("c39.test")); err == nil {
		w.put(t, profile("shared"), edits.Values{"imap": "imap.shared.example", "smtp": "smtp.shared.example", "editable": []any{"enabled"}})
		if _, err := w.Patch(t.Context(), provisioner, r.Ref, map[string]any{"enabled": false}, admin.Options{If: r.Revision}); !errors.As(err, new(*edits.RemovalsError)) {
			t.Errorf("an eleventh that is disabled: %v, want the guard", err)
		}
	}
	var list []edits.Edit
	for i := 20; i < 40; i++ {
		ref := domain(fmt.Sprintf("c%d.test", i))
		list = append(list, edits.Edit{Ref: ref, If: w.revision(t, ref)})
	}
	if _, err := w.Change(t.Context(), operator, list, admin.Options{}); !errors.As(err, new(*edits.RemovalsError)) {
		t.Errorf("20 removals in one set: %v, want the guard", err)
	}
	if _, err := w.Change(t.Context(), operator, list[:5], admin.Options{}); err != nil {
		t.Errorf("5 removals by somebody else: %v", err)
	}
}

// What outsiders see says nothing of files and of other records.
func TestOutsidersAreToldNothing(t *testing.T) {
	w := newWorld(t)
	w.put(t, domain("ann.example"), edits.Values{"profile": "firms", "name": "Ann", "editable": []any{"aliases", "imap", "smtp"}})
	_, err := w.Patch(t.Context(), ann, domain("ann.example"), map[string]any{"aliases": []any{"carl.ben.example"}}, admin.Options{If: w.revision(t, domain("ann.example"))})
	if err == nil || strings.Contains(err.Error(), "memory.toml") || strings.Contains(err.Error(), "carl") {
		t.Errorf("an alias that is another's: %v", err)
	}
	_, err = w.Patch(t.Context(), ann, domain("ann.example"), map[string]any{"imap": "imaps://imap.ann.example:143"}, admin.Options{If: w.revision(t, domain("ann.example"))})
	if !errors.Is(err, admin.ErrInvalid) || !strings.Contains(err.Error(), "143") {
		t.Errorf("a mistake of her own: %v; want what check says", err)
	}
	v, err := w.Domain(t.Context(), ann, domain("ann.example"))
	if err != nil || v.Text != "" || v.Where.File != "" {
		t.Errorf("%+v, %v", v.Record, err)
	}
	for _, k := range v.Keys {
		if k.Where != "" {
			t.Errorf("%s says where it is written: %s", k.Name, k.Where)
		}
	}
	if _, err := w.AllHistory(t.Context(), ann, edits.HistoryQuery{}); !errors.Is(err, admin.ErrDenied) {
		t.Errorf("ann reads all changes: %v", err)
	}
	if _, err := w.Apply(t.Context(), ann, nil, 0, admin.Options{}); !errors.Is(err, admin.ErrDenied) {
		t.Errorf("ann applies a snapshot: %v", err)
	}
	list, err := w.Snapshot(t.Context(), ann)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if r.Name != "ann.example" && r.Name != "firms" {
			t.Errorf("ann's snapshot has %s", r.Ref)
		}
	}
}

// Names of files come from nobody, operators included; what is there already may stay.
func TestPathsAreNotTaken(t *testing.T) {
	w := newWorld(t)
	for _, values := range []edits.Values{{"logo": "/etc/passwd"}, {"rules": []any{map[string]any{"users_file": "/etc/passwd", "name": "x"}}}} {
		_, err := w.Patch(t.Context(), operator, domain("ann.example"), values, admin.Options{If: w.revision(t, domain("ann.example"))})
		if !errors.Is(err, admin.ErrDenied) || strings.Contains(err.Error(), "root:") {
			t.Errorf("%v: %v, want it denied", values, err)
		}
	}
	for _, values := range []edits.Values{{"domains_file": "/etc/passwd"}, {"logo": "/etc/passwd"}} {
		if _, err := w.Patch(t.Context(), operator, profile("firms"), values, admin.Options{If: w.revision(t, profile("firms"))}); !errors.Is(err, admin.ErrDenied) {
			t.Errorf("a profile with %v: %v, want it denied", values, err)
		}
	}
	if _, err := w.Patch(t.Context(), operator, profile("listed"), map[string]any{"name": "New"}, admin.Options{If: w.revision(t, profile("listed"))}); err != nil {
		t.Errorf("another key of a profile that has a domains_file: %v", err)
	}
	if _, err := w.Apply(t.Context(), operator, []edits.Wanted{{Ref: profile("x"), Values: edits.Values{"domains_file": "/etc/passwd"}}}, 100, admin.Options{DryRun: true}); !errors.Is(err, admin.ErrDenied) {
		t.Errorf("a snapshot with a domains_file: %v, want it denied", err)
	}
}

// A token can do nothing that its creator cannot, at any moment.
func TestNothingWithoutARole(t *testing.T) {
	w := newWorld(t)
	nobody := accounts.Principal{Name: "nobody"}
	ref := domain("ann.example")
	for what, err := range map[string]error{
		"Domain":  second(w.Domain(t.Context(), nobody, ref)),
		"Patch":   second(w.Patch(t.Context(), nobody, ref, map[string]any{"name": "x"}, admin.Options{If: w.revision(t, ref)})),
		"Delete":  second(w.Delete(t.Context(), nobody, ref, admin.Options{If: w.revision(t, ref)})),
		"Add":     second(w.Add(t.Context(), nobody, domain("n.test"), edits.Values{"profile": "shared"}, admin.Options{})),
		"History": second(w.History(t.Context(), nobody, ref, admin.HistoryQuery{})),
		"Preview": second(w.Preview(t.Context(), nobody, ref, admin.PreviewQuery{})),
		"Restore": second(w.Restore(t.Context(), nobody, ref, 0, admin.Options{})),
		"Probe":   second(w.Probe(t.Context(), nobody, ref, admin.ProbeQuery{})),
		"Doctor":  second(w.Doctor(t.Context(), nobody, ref)),
		"DNS":     second(w.DNS(t.Context(), nobody, ref, true)),
		"Profile": second(w.Profile(t.Context(), nobody, "firms")),
	} {
		if !errors.Is(err, admin.ErrNotFound) {
			t.Errorf("%s: %v, want not found", what, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
