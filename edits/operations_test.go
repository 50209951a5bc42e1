package edits_test

import (
	"errors"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/edits/storetest"
)

func domain(name string) edits.Ref { return edits.Ref{Kind: edits.Domain, Name: name} }

// parse reads assignments that must be right.
func parse(t testing.TB, args ...string) []edits.Assignment {
	t.Helper()
	list, err := edits.ParseAssignments(edits.Domain, args)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// save applies an edit that an operation has returned without an error.
func save(t testing.TB, s edits.Store, e edits.Edit, err error) []edits.Change {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	result, err := s.Apply(t.Context(), edits.ChangeSet{Edits: []edits.Edit{e}, Actor: "ann", Via: edits.Command})
	if err != nil {
		t.Fatal(err)
	}
	return result.Changes
}

// lines says what changes did.
func lines(changes []edits.Change) string {
	var list []string
	for _, c := range changes {
		list = append(list, edits.Spelling{Unicode: true}.Line(c))
	}
	return strings.Join(list, "\n")
}

func want(t testing.TB, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestParseDomain(t *testing.T) {
	for text, want := range map[string]string{
		"example.com": "example.com", "EXAMPLE.com.": "example.com", "Bücher.example": "xn--bcher-kva.example",
		"*.example.com": "*.example.com", "*.BÜCHER.example": "*.xn--bcher-kva.example",
	} {
		ref, err := edits.ParseDomain(text)
		if err != nil || ref != domain(want) {
			t.Errorf("%s: %v, %v; want %s", text, ref, err, want)
		}
	}
	for text, want := range map[string]string{
		"ann@example.com": `"ann@example.com" is an e-mail address; write only its domain, example.com`,
		"localhost":       "not a valid domain name", "": "it is empty", "*": "not a valid", "192.0.2.1": "not a valid", "a b.example": "not a valid", "*.*.example": "not a valid",
	} {
		if _, err := edits.ParseDomain(text); !errors.Is(err, edits.ErrName) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want ErrName and %q", text, err, want)
		}
	}
}

func TestOperations(t *testing.T) {
	ctx, s := t.Context(), storetest.NewMemory()
	a := domain("a.example")

	e, err := edits.Add(ctx, s, a, parse(t, "imap=imap.a.example", "smtp=smtp.a.example"))
	want(t, lines(save(t, s, e, err)), `added a.example: imap = "imap.a.example", smtp = "smtp.a.example"`)
	e, err = edits.Set(ctx, s, a, parse(t, "imap=imap2.a.example", "name=A & Co", "oauth2.issuer=login.a.example", "oauth2.scope=mail",
		"oauth2.auth_url=https://a.example/a", "oauth2.token_url=https://a.example/t", "auth=oauth2"))
	save(t, s, e, err)
	e, err = edits.Set(ctx, s, a, parse(t, "oauth2.scope=mail,offline", "name=", "smtp.login=%EMAILLOCALPART%"))
	want(t, lines(save(t, s, e, err)), `changed a.example: name removed (was "A & Co"), smtp "smtp.a.example" → { url = "smtp.a.example", login = "%EMAILLOCALPART%" }, oauth2.scope "mail" → ["mail", "offline"]`)
	e, err = edits.Set(ctx, s, a, parse(t, "oauth2=", "auth=", "smtp.login="))
	save(t, s, e, err)
	r, err := s.Get(ctx, a)
	if want := (edits.Values{"imap": "imap2.a.example", "smtp": map[string]any{"url": "smtp.a.example"}}); err != nil || !r.Values.Equal(want) {
		t.Errorf("%v, got %v, want %v", err, r.Values, want)
	}
	e, err = edits.Disable(ctx, s, a)
	want(t, lines(save(t, s, e, err)), `disabled a.example: enabled = false`)
	if e, err = edits.Disable(ctx, s, a); len(save(t, s, e, err)) != 0 {
		t.Error("disabled twice")
	}
	e, err = edits.Enable(ctx, s, a)
	want(t, lines(save(t, s, e, err)), `enabled a.example: enabled removed (was false)`)
	e, err = edits.Remove(ctx, s, a)
	want(t, lines(save(t, s, e, err)), `removed a.example`)

	// Removing all keys of a domain is refused as check would.
	e, err = edits.Set(ctx, s, domain("first.example"), parse(t, "profile="))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(ctx, edits.ChangeSet{Edits: []edits.Edit{e}}); !errors.As(err, new(domains.Problems)) {
		t.Errorf("a domain without settings: %v, want domains.Problems", err)
	}
}

// TestListed: operations on names in the list of a profile.
func TestListed(t *testing.T) {
	ctx, s := t.Context(), storetest.NewMemory()
	e, err := edits.Add(ctx, s, domain("new.example"), parse(t, "profile=listed"))
	want(t, lines(save(t, s, e, err)), `added new.example: into the list of profile listed`)
	e, err = edits.Add(ctx, s, domain("other.example"), parse(t, "profile=listed", "name=Other"))
	want(t, lines(save(t, s, e, err)), `added other.example: profile = "listed", name = "Other"`)
	e, err = edits.Add(ctx, s, domain("third.example"), parse(t, "profile=shared"))
	want(t, lines(save(t, s, e, err)), `added third.example: profile = "shared"`)
	e, err = edits.Add(ctx, s, domain("*.wild.example"), parse(t, "profile=listed"))
	want(t, lines(save(t, s, e, err)), `added *.wild.example: profile = "listed"`)

	e, err = edits.Set(ctx, s, domain("inlist.example"), parse(t, "name=In the list"))
	want(t, lines(save(t, s, e, err)), `changed inlist.example: name = "In the list"`)
	if e.List != "listed" {
		t.Errorf("an exception leaves the list: %+v", e)
	}
	e, err = edits.Remove(ctx, s, domain("inlist.example"))
	save(t, s, e, err)
	u, err := edits.Undo(ctx, s, domain("inlist.example"), 0)
	want(t, lines(save(t, s, u.Edit, err)), `restored inlist.example: name = "In the list", into the list of profile listed (undoes change 6)`)
	u, err = edits.Undo(ctx, s, domain("inlist.example"), 5)
	want(t, lines(save(t, s, u.Edit, err)), `changed inlist.example: name removed (was "In the list") (undoes change 5)`)
	e, err = edits.Remove(ctx, s, domain("inlist.example"))
	want(t, lines(save(t, s, e, err)), `removed inlist.example from the list of profile listed`)
}

// TestRefusals: every refusal says what to do next.
func TestRefusals(t *testing.T) {
	ctx, s := t.Context(), storetest.NewMemory()
	e, err := edits.Add(ctx, s, domain("firm.example"), parse(t, "profile=shared", "aliases=firma.example,bücher.example"))
	save(t, s, e, err)
	e, err = edits.Add(ctx, s, domain("*.wild.example"), parse(t, "profile=shared"))
	save(t, s, e, err)
	add := func(name string) error {
		_, err := edits.Add(ctx, s, domain(name), parse(t, "profile=shared"))
		return err
	}
	set := func(name string) error {
		_, err := edits.Set(ctx, s, domain(name), parse(t, "profile=shared"))
		return err
	}
	for _, test := range []struct {
		err  error
		is   error
		want string
	}{
		{add("firm.example"), edits.ErrExists, "firm.example is already configured; change it instead"},
		{add("inlist.example"), edits.ErrExists, "inlist.example is already configured: the list of profile listed has it; change it instead"},
		{add("firma.example"), edits.ErrExists, "firma.example is an alias of firm.example; remove it from the aliases there first"},
		{add("xn--bcher-kva.example"), edits.ErrExists, "xn--bcher-kva.example is an alias of firm.example; remove it from the aliases there first"},
		{set("firma.example"), edits.ErrNotFound, "firma.example is an alias of firm.example; change firm.example"},
		{set("a.b.wild.example"), edits.ErrNotFound, "a.b.wild.example has no entry of its own: *.wild.example answers for it; change *.wild.example, or add a.b.wild.example"},
		{set("frist.example"), edits.ErrNotFound, `frist.example is not configured; did you mean "first.example"?`},
		{set("none.test"), edits.ErrNotFound, "none.test is not configured"},
		{set("wild.example"), edits.ErrNotFound, "wild.example is not configured; did you mean \"*.wild.example\"?"},
	} {
		if !errors.Is(test.err, test.is) || test.err.Error() != test.want {
			t.Errorf("got  %v\nwant %s", test.err, test.want)
		}
	}
}

// TestConflict: an operation that has read a record does not overwrite what somebody else has saved since.
func TestConflict(t *testing.T) {
	ctx, s := t.Context(), storetest.NewMemory()
	mine, err := edits.Set(ctx, s, domain("first.example"), parse(t, "name=Mine"))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := edits.Set(ctx, s, domain("first.example"), parse(t, "name=Theirs"))
	save(t, s, theirs, err)
	_, err = s.Apply(ctx, edits.ChangeSet{Edits: []edits.Edit{mine}, Actor: "ben"})
	if want := "first.example has changed in the meantime (change 1: set by ann, command); nothing was saved: look at it and try again"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// TestRemoved: a record that somebody has removed is not one that never was. What strangers call themselves is shown without control characters.
func TestRemoved(t *testing.T) {
	ctx, s := t.Context(), storetest.NewMemory()
	before, err := s.Get(ctx, domain("first.example"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := edits.Remove(ctx, s, before.Ref)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(ctx, edits.ChangeSet{Edits: []edits.Edit{e}, Actor: "b\x1bn", Via: edits.Command}); err != nil {
		t.Fatal(err)
	}
	_, err = edits.Set(ctx, s, before.Ref, parse(t, "name=A"))
	want(t, err.Error(), "first.example is not configured: b�n has removed it (change 1)")
	_, err = s.Apply(ctx, edits.ChangeSet{Edits: []edits.Edit{{Ref: before.Ref, If: before.Revision, Values: before.Values}}})
	want(t, err.Error(), "first.example has changed in the meantime (change 1: rm by b�n, command); nothing was saved: look at it and try again")
}
