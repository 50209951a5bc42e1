package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/postgres"
	"mailhint/postgres/postgrestest"
)

func profileRef(name string) edits.Ref { return edits.Ref{Kind: edits.Profile, Name: name} }
func domainRef(name string) edits.Ref  { return edits.Ref{Kind: edits.Domain, Name: name} }

// many yields a profile and n domains that have it, and then others: more than one batch.
func many(n int, then ...edits.Edit) iter.Seq2[edits.Ref, edits.Values] {
	return func(yield func(edits.Ref, edits.Values) bool) {
		if !yield(profileRef("shared"), edits.Values{"imap": "imap.example", "smtp": "smtp.example"}) {
			return
		}
		for i := range n {
			values := edits.Values{"profile": "shared"}
			if i == 0 {
				values["aliases"] = []any{"alias.d0.example"}
			}
			if !yield(domainRef(fmt.Sprintf("d%d.example", i)), values) {
				return
			}
		}
		for _, e := range then {
			if !yield(e.Ref, e.Values) {
				return
			}
		}
	}
}

// An import is one transaction: whatever ends it early, nothing is there, and it can be repeated.
func TestImport(t *testing.T) {
	const n = 11_000
	server := postgrestest.Shared(t)
	config := postgres.Config{URL: server.URL(server.Database(t)), Files: files(t, onlyStore)}
	if _, _, err := postgres.Migrate(t.Context(), config, true); err != nil {
		t.Fatal(err)
	}
	s, ctx := reopen(t, config), t.Context()
	state := func() string {
		status, err := s.Status(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(status.Domains, " domains, ", status.Profiles, " profiles, change ", status.Sequence, ", index for searches ", status.Trigrams)
	}
	empty := state()
	mistake := errors.New("not as before")
	own := edits.Values{"imap": "imap.example", "smtp": "smtp.example"}
	late, stop := context.WithCancel(ctx)
	steps := 0
	for name, test := range map[string]struct {
		ctx  context.Context
		m    postgres.Import
		want string
	}{
		"interrupted after a batch":    {late, postgres.Import{Records: many(n), Step: func() { stop() }}, "context canceled"},
		"verified and refused":         {ctx, postgres.Import{Records: many(n), Verify: func(*postgres.Records) error { return mistake }}, mistake.Error()},
		"a name of an earlier batch":   {ctx, postgres.Import{Records: many(n, edits.Edit{Ref: domainRef("alias.d0.example"), Values: own})}, "alias.d0.example is already an alias of d0.example in the store"},
		"an alias of an earlier batch": {ctx, postgres.Import{Records: many(n, edits.Edit{Ref: domainRef("*.d0.example"), Values: own})}, "alias.d0.example, an alias of d0.example"},
		"incomplete":                   {ctx, postgres.Import{Records: many(2, edits.Edit{Ref: domainRef("last.example"), Values: edits.Values{"imap": "imap.example"}})}, "smtp is not"},
		"no such profile":              {ctx, postgres.Import{Records: many(2, edits.Edit{Ref: domainRef("last.example"), Values: edits.Values{"profile": "missing"}})}, "missing"},
		"a name that is not valid":     {ctx, postgres.Import{Records: many(2, edits.Edit{Ref: domainRef("Last.example"), Values: edits.Values{"profile": "shared"}})}, "must be spelled"},
		"dry run":                      {ctx, postgres.Import{Records: many(n), DryRun: true, Step: func() { steps++ }}, ""},
	} {
		test.m.Count = 30_000 // enough for the indexes to be made again
		_, err := s.Import(test.ctx, test.m)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
		if now := state(); now != empty {
			t.Errorf("%s: %s, want %s as before", name, now, empty)
		}
	}
	if steps != n+1 {
		t.Errorf("%d steps, want %d", steps, n+1)
	}
	found := 0
	added, err := s.Import(ctx, postgres.Import{Records: many(n), Count: n, Action: "import", Actor: "ann", Reason: "moving", Verify: func(r *postgres.Records) error {
		for range r.All() {
			found++
		}
		return nil
	}})
	if err != nil || added != n+1 || found != n {
		t.Fatalf("added %d and verified %d, %v", added, found, err)
	}
	done := state()
	if want := fmt.Sprintf("%d domains, 1 profiles, change %d,", n, n+1); !strings.HasPrefix(done, want) {
		t.Errorf("%s; want %s", done, want)
	}
	changes, err := s.History(ctx, edits.HistoryQuery{Ref: domainRef("d7.example")})
	if err != nil || len(changes) != 1 || changes[0].Action != "import" || changes[0].Actor != "ann" || changes[0].Reason != "moving" || changes[0].Via != edits.Command {
		t.Errorf("history %+v, %v", changes, err)
	}
	if added, err = s.Import(ctx, postgres.Import{Records: many(n), Count: n}); added != 0 || err != nil || state() != done {
		t.Errorf("again: added %d, %v; %s", added, err, state())
	}
	other := many(1, edits.Edit{Ref: domainRef("d2.example"), Values: edits.Values{"profile": "shared", "name": "Two"}})
	if _, err = s.Import(ctx, postgres.Import{Records: other}); !errors.As(err, new(*postgres.OtherValuesError)) || state() != done {
		t.Errorf("other values: %v, want OtherValuesError", err)
	}
}

// What an import sees of the database while it is not saved is what it has written, and names that the files have are refused.
func TestImportVerifies(t *testing.T) {
	server := postgrestest.Shared(t)
	config := postgres.Config{URL: server.URL(server.Database(t)), Files: files(t, onlyStore+"[domains.\"file.example\"]\nimap = \"imap.example\"\nsmtp = \"smtp.example\"\n")}
	if _, _, err := postgres.Migrate(t.Context(), config, true); err != nil {
		t.Fatal(err)
	}
	s := reopen(t, config)
	var found, aliased *domains.Resolved
	_, err := s.Import(t.Context(), postgres.Import{Records: many(3), DryRun: true, Verify: func(r *postgres.Records) error {
		found, aliased = r.Find("d2.example"), r.Find("alias.d0.example")
		return nil
	}})
	if err != nil || found == nil || aliased == nil || saved(t, s) != nil {
		t.Errorf("found %v and %v, %v", found, aliased, err)
	}
	_, err = s.Import(t.Context(), postgres.Import{Records: many(1, edits.Edit{Ref: domainRef("file.example"), Values: edits.Values{"profile": "shared"}})})
	if !errors.As(err, new(domains.Problems)) || !strings.Contains(fmt.Sprint(err), "file.example is already defined at ") {
		t.Errorf("a name of the files: %v", err)
	}
}

// saved returns what is saved of a domain.
func saved(t *testing.T, s *postgres.Store) *domains.Resolved {
	records, err := s.Records(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return records.Find("d2.example")
}
