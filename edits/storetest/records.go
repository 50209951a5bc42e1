package storetest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"mailhint/edits"
)

func testInitial(t *testing.T, p Place) {
	s := p.Open(t)
	for _, want := range Initial() {
		if isListed := want.Name == "listed" || want.List != ""; isListed && !p.Lists {
			continue
		}
		r := get(t, s, want.Ref)
		if !r.Values.Equal(want.Values) || r.List != want.List || r.Ref != want.Ref {
			t.Errorf("%s has the values %v and the list %q, want %v and %q", want.Ref, r.Values, r.List, want.Values, want.List)
		}
	}
}

func testGet(t *testing.T, p Place) {
	s := p.Open(t)
	r := get(t, s, domain("first.example"))
	if r.Profile != "shared" || !r.Enabled || r.Revision == edits.Absent || r.Revision == edits.Any || r.List != "" {
		t.Errorf("got %+v; want an enabled record with the profile shared, in no list, with a revision", r)
	}
	if r.ManagedBy != edits.ByFile && r.ManagedBy != edits.ByStore {
		t.Errorf("managed by %q; want %q or %q", r.ManagedBy, edits.ByFile, edits.ByStore)
	}
	for _, ref := range []edits.Ref{domain("none.example"), domain("below.first.example"), domain("shared"), domain(""), {Kind: edits.Profile, Name: "first.example"}, {}} {
		if _, err := s.Get(t.Context(), ref); !errors.Is(err, edits.ErrNotFound) {
			t.Errorf("Get %q: %v, want ErrNotFound", ref, err)
		}
	}
	apply(t, s, by("test", edits.Edit{Ref: domain("*.wild.example"), Action: edits.ActionAdd, Values: shared()}))
	if _, err := s.Get(t.Context(), domain("a.wild.example")); !errors.Is(err, edits.ErrNotFound) {
		t.Errorf("a name that only a wildcard answers for: %v, want ErrNotFound", err)
	}
}

func testAdd(t *testing.T, p Place) {
	s := p.Open(t)
	values := edits.Values{
		"name": "Bücher \"und\" mehr", "imap": []any{"imaps://a.example", map[string]any{"url": "imap://b.example", "login": "%EMAILLOCALPART%"}},
		"smtp": "smtp.example.com", "enabled": false, "aliases": []any{"alias.example", "bücher.example"}, "pacc": false,
		"oauth2": map[string]any{"issuer": "login.example.com", "scope": []any{"mail"}, "auth_url": "https://login.example.com/a", "token_url": "https://login.example.com/t"},
		"rules":  []any{map[string]any{"from": []any{"192.0.2.0/24"}, "profile": "shared"}},
	}
	result := apply(t, s, by("ann", edits.Edit{Ref: domain("a.example"), If: edits.Absent, Action: edits.ActionAdd, Values: values}))
	if len(result.Changes) != 1 {
		t.Fatalf("%d changes, want 1", len(result.Changes))
	}
	r := get(t, s, domain("a.example"))
	if !r.Values.Equal(values) {
		t.Errorf("got  %#v\nwant %#v", r.Values, values)
	}
	if r.Enabled || r.Profile != "" {
		t.Errorf("enabled %v, profile %q; want a disabled record without a profile", r.Enabled, r.Profile)
	}
	profile := edits.Ref{Kind: edits.Profile, Name: "other one"}
	apply(t, s, by("ann", edits.Edit{Ref: profile, If: edits.Absent, Action: edits.ActionAdd, Values: edits.Values{"imap": "imap.other.example", "smtp": "smtp.other.example"}}))
	if got := get(t, s, profile).Values["imap"]; got != "imap.other.example" {
		t.Errorf("the new profile has imap %v", got)
	}
	if result.Diff == "" {
		t.Error("there is no diff")
	}
}

func testList(t *testing.T, p Place) {
	s := p.Open(t)
	if got, want := names(list(t, s, edits.Query{Kind: edits.Profile}).Records), []string{"listed", "shared"}; p.Lists && !slices.Equal(got, want) {
		t.Errorf("profiles %q, want %q", got, want)
	}
	apply(t, s, by("test",
		edits.Edit{Ref: edits.Ref{Kind: edits.Profile, Name: "p2"}, Values: edits.Values{"imap": "imap.p2.example", "smtp": "smtp.p2.example"}},
		edits.Edit{Ref: domain("z.example"), Values: edits.Values{"profile": "p2"}},
		edits.Edit{Ref: domain("b.example"), Values: edits.Values{"imap": "imap.b.example", "smtp": "smtp.b.example"}},
		edits.Edit{Ref: domain("*.a.example"), Values: edits.Values{"profile": "p2", "enabled": false}},
		edits.Edit{Ref: domain("xn--bcher-kva.example"), Values: shared()},
	))
	all := []string{"*.a.example", "b.example", "first.example", "inlist.example", "xn--bcher-kva.example", "z.example"}
	if !p.Lists {
		all = slices.DeleteFunc(all, func(name string) bool { return name == "inlist.example" })
	}
	for _, test := range []struct {
		q    edits.Query
		want []string
	}{
		{edits.Query{}, all},
		{edits.Query{Kind: edits.Domain}, all},
		{edits.Query{Profile: "p2"}, []string{"*.a.example", "z.example"}},
		{edits.Query{Profile: "shared"}, []string{"first.example", "xn--bcher-kva.example"}},
		{edits.Query{Profile: "none"}, nil},
		{edits.Query{Profile: "p2", Search: "z"}, []string{"z.example"}},
		{edits.Query{ManagedBy: edits.ByList}, slices.DeleteFunc(slices.Clone(all), func(name string) bool { return name != "inlist.example" })},
	} {
		page := list(t, s, test.q)
		if got := names(page.Records); !slices.Equal(got, test.want) || page.Total != len(test.want) || page.More {
			t.Errorf("%+v: got %q, total %d, more %v; want %q", test.q, got, page.Total, page.More, test.want)
		}
	}
	for _, r := range list(t, s, edits.Query{}).Records {
		if one := get(t, s, r.Ref); !one.Values.Equal(r.Values) || one.Revision != r.Revision || one.ManagedBy != r.ManagedBy || one.Profile != r.Profile || one.List != r.List || one.Enabled != r.Enabled {
			t.Errorf("List has %+v, Get has %+v", r, one)
		}
	}
}

func testPaging(t *testing.T, p Place) {
	s := p.Open(t)
	apply(t, s, add("p1.example", "p2.example", "p3.example", "p4.example", "p5.example"))
	q := edits.Query{Search: "p", Profile: "shared", Limit: 2}
	var got []string
	for {
		page := list(t, s, q)
		got = append(got, names(page.Records)...)
		if page.Total < 5 {
			t.Errorf("total %d on the page after %q, want all that match", page.Total, q.After)
		}
		if len(page.Records) > 2 {
			t.Fatalf("%d records on a page of 2", len(page.Records))
		}
		if !page.More {
			break
		}
		q.After = got[len(got)-1]
		if len(got) == 2 { // what is added before the page does not come; what is added after it does
			apply(t, s, add("p0.example", "p6.example"))
		}
	}
	got = slices.DeleteFunc(got, func(name string) bool { return name[0] != 'p' })
	if want := []string{"p1.example", "p2.example", "p3.example", "p4.example", "p5.example", "p6.example"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if page := list(t, s, edits.Query{After: "zz"}); len(page.Records) > 0 || page.More || page.Total == 0 {
		t.Errorf("after the last: %d records, more %v, total %d; want none, false and all", len(page.Records), page.More, page.Total)
	}
}

func testSearch(t *testing.T, p Place) {
	s := p.Open(t)
	apply(t, s, by("test",
		edits.Edit{Ref: domain("xn--bcher-kva.example"), Values: shared()},
		edits.Edit{Ref: domain("firm.example"), Values: edits.Values{"profile": "shared", "aliases": []any{"Firma.test", "xn--mnchen-3ya.test"}}},
	))
	for search, want := range map[string]string{
		"bücher": "xn--bcher-kva.example", "BÜCHER.example": "xn--bcher-kva.example", "xn--bcher": "xn--bcher-kva.example",
		"firma.t": "firm.example", "FIRM.EX": "firm.example", "münchen.test": "firm.example", "nothing": "", "shared": "", "*": "",
	} {
		var wanted []string
		if want != "" {
			wanted = []string{want}
		}
		if got := list(t, s, edits.Query{Search: search}); !slices.Equal(names(got.Records), wanted) || got.Total != len(wanted) {
			t.Errorf("search %q: got %q, total %d; want %q", search, names(got.Records), got.Total, wanted)
		}
	}
}

func testAmong(t *testing.T, p Place) {
	s := p.Open(t)
	own := edits.Values{"imap": "imap.a.example", "smtp": "smtp.a.example"}
	with := func(admins any) edits.Values {
		return edits.Values{"imap": "imap.a.example", "smtp": "smtp.a.example", "admins": admins}
	}
	apply(t, s, by("test",
		edits.Edit{Ref: domain("a1.example"), Values: own},
		edits.Edit{Ref: domain("a2.example"), Values: with([]any{"ann", "ben"})},
		edits.Edit{Ref: domain("a3.example"), Values: with([]any{"an"})},
		edits.Edit{Ref: domain("*.a4.example"), Values: with([]any{"ann"})},
		edits.Edit{Ref: domain("sub.a1.example"), Values: own},
	))
	for _, test := range []struct {
		name  string
		query edits.Query
		want  string
	}{
		{"names", edits.Query{Among: &edits.Among{Names: []string{"a1.example", "a4.example", "none.example"}}}, "a1.example"},
		{"a wildcard by its name", edits.Query{Among: &edits.Among{Names: []string{"*.a4.example"}}}, "*.a4.example"},
		{"admin", edits.Query{Among: &edits.Among{Admin: "ann"}}, "*.a4.example a2.example"},
		{"part of an admin's name", edits.Query{Among: &edits.Among{Admin: "be"}}, ""},
		{"a profile", edits.Query{Among: &edits.Among{Profiles: []string{"shared"}}}, "first.example"},
		{"any of them", edits.Query{Among: &edits.Among{Names: []string{"a1.example"}, Admin: "an", Profiles: []string{"shared"}}}, "a1.example a3.example first.example"},
		{"with a search", edits.Query{Search: "a2", Among: &edits.Among{Admin: "ann"}}, "a2.example"},
		{"a page", edits.Query{After: "*.a4.example", Limit: 1, Among: &edits.Among{Names: []string{"a1.example", "a3.example"}, Admin: "ann"}}, "a1.example"},
		{"nothing", edits.Query{Among: &edits.Among{}}, ""},
		{"profiles", edits.Query{Kind: edits.Profile, Among: &edits.Among{Names: []string{"shared"}, Profiles: []string{"shared"}}}, ""},
	} {
		page := list(t, s, test.query)
		if got := strings.Join(names(page.Records), " "); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
		if wanted := len(strings.Fields(test.want)); !page.More && page.Total < wanted {
			t.Errorf("%s: total %d, want at least %d", test.name, page.Total, wanted)
		}
	}
	if page := list(t, s, edits.Query{Limit: 1, Among: &edits.Among{Admin: "ann"}}); page.Total != 2 || !page.More {
		t.Errorf("a page of one of two: total %d, more %v", page.Total, page.More)
	}
}

func testValues(t *testing.T, p Place) {
	s := p.Open(t)
	r := get(t, s, domain("first.example"))
	r.Values["name"] = "changed by the caller"
	if get(t, s, domain("first.example")).Values["name"] != nil {
		t.Error("a caller that changes the values of a record changes the store")
	}
	values := edits.Values{"profile": "shared", "name": "before"}
	apply(t, s, by("test", edits.Edit{Ref: domain("a.example"), Values: values}))
	values["name"] = "changed by the caller"
	if got := get(t, s, domain("a.example")).Values["name"]; got != "before" {
		t.Errorf("name is %q after the caller changed the values it had handed over", got)
	}
	apply(t, s, by("test", edits.Edit{Ref: domain("a.example"), If: edits.Any, Values: shared()}))
	if got := get(t, s, domain("a.example")).Values; !got.Equal(shared()) {
		t.Errorf("a key that is not among the new values is still there: %v", got)
	}
}
