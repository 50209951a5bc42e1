package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"mailhint/edits"
	"mailhint/postgres"
	"mailhint/postgres/postgrestest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

// open returns a new database with tables and its name.
func open(t testing.TB) (*postgres.Store, string) {
	t.Helper()
	server := postgrestest.Shared(t)
	database := server.Database(t)
	config := postgres.Config{URL: server.URL(database)}
	if _, _, err := postgres.Migrate(t.Context(), config, true); err != nil {
		t.Fatal(err)
	}
	return reopen(t, config), database
}

func reopen(t testing.TB, c postgres.Config) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// collect returns what a reader takes, as text.
func collect(t testing.TB, read func(take func(postgres.Row) error) (postgres.Position, error)) ([]string, postgres.Position) {
	t.Helper()
	var list []string
	p, err := read(func(r postgres.Row) error {
		text := fmt.Sprintf("%d %s %s", r.Sequence, edits.Ref{Kind: r.Kind, Name: string(r.Name)}, r.Profile)
		if r.Own != nil {
			text += " " + string(r.Own)
		}
		if r.Removed {
			text += " removed"
		}
		list = append(list, text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list, p
}

func TestCopyAndSince(t *testing.T) {
	s, database := open(t)
	start, err := s.Position(t.Context())
	if err != nil || start.Sequence != 0 || start.Database == "" {
		t.Fatalf("a new database is at %+v, %v", start, err)
	}
	// Written by another program, which knows nothing of numbers and of the history.
	postgrestest.Shared(t).Exec(t, database,
		`INSERT INTO mailhint.records (kind, name, own) VALUES ('profile', 'shared', '{"imap": "imap.example"}')`,
		`INSERT INTO mailhint.records (kind, name, profile) VALUES ('domain', 'a.example', 'shared'), ('domain', 'b.example', 'shared')`,
		`UPDATE mailhint.records SET own = '{"name": "A", "aliases": ["Alias.example"]}' WHERE name = 'a.example'`,
		`DELETE FROM mailhint.records WHERE name = 'b.example'`)
	all, at := collect(t, func(take func(postgres.Row) error) (postgres.Position, error) { return s.Copy(t.Context(), take) })
	slices.Sort(all)
	if want := []string{`1 profile shared  {"imap": "imap.example"}`, `4 a.example shared {"name": "A", "aliases": ["Alias.example"]}`}; !slices.Equal(all, want) || at.Sequence != 5 {
		t.Errorf("copy at %d:\n%q, want\n%q", at.Sequence, all, want)
	}
	since := func(p postgres.Position) ([]string, postgres.Position) {
		return collect(t, func(take func(postgres.Row) error) (postgres.Position, error) { return s.Since(t.Context(), p, take) })
	}
	changes, end := since(start)
	want := []string{`1 profile shared  {"imap": "imap.example"}`, `2 a.example shared`, `3 b.example shared`,
		`4 a.example shared {"name": "A", "aliases": ["Alias.example"]}`, `5 b.example  removed`}
	if !slices.Equal(changes, want) || end != at {
		t.Errorf("since the beginning until %+v:\n%q, want\n%q\nuntil %+v", end, changes, want, at)
	}
	if changes, same := since(end); changes != nil || same != end {
		t.Errorf("nothing has changed, but there is %q until %+v", changes, same)
	}
	for what, p := range map[string]postgres.Position{
		"another database":          {Database: "00000000-0000-0000-0000-000000000000", Sequence: end.Sequence, Revision: end.Revision},
		"a later change":            {Database: end.Database, Sequence: end.Sequence + 1, Revision: 1},
		"another latest change":     {Database: end.Database, Sequence: end.Sequence, Revision: end.Revision + 1},
		"another change in between": {Database: end.Database, Sequence: 2, Revision: 7},
	} {
		if _, err := s.Since(t.Context(), p, func(postgres.Row) error { return nil }); !errors.Is(err, postgres.ErrOtherPast) {
			t.Errorf("%s: %v, want ErrOtherPast", what, err)
		}
	}
}

func TestNotify(t *testing.T) {
	s, database := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	news := s.Notify(ctx, time.Hour)
	<-news // it listens
	postgrestest.Shared(t).Exec(t, database, `INSERT INTO mailhint.records (kind, name, profile) VALUES ('domain', 'a.example', 'shared')`)
	if _, open := <-news; !open {
		t.Fatal("no notification of a change")
	}
	cancel()
	for range news { // it is closed
	}
}

func TestVersions(t *testing.T) {
	server := postgrestest.Shared(t)
	config := postgres.Config{URL: server.URL(server.Database(t))}
	if _, err := postgres.Open(t.Context(), config); !errors.Is(err, postgres.ErrNoTables) {
		t.Errorf("an empty database: %v, want ErrNoTables", err)
	}
}
