package postgres_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/edits/storetest"
	"mailhint/postgres"
	"mailhint/postgres/postgrestest"
)

// Filling a store makes the index for searches again, which is quicker than adding every name to it. A few changes do not.
func TestManyChanges(t *testing.T) {
	server := postgrestest.Shared(t)
	database := server.Database(t)
	config := postgres.Config{URL: server.URL(database), Files: files(t, onlyStore)}
	if _, _, err := postgres.Migrate(t.Context(), config, true); err != nil {
		t.Fatal(err)
	}
	s := reopen(t, config)
	index := func() (oid uint32) {
		conn, err := pgx.Connect(t.Context(), server.URL(database))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if err := conn.QueryRow(t.Context(), "SELECT 'mailhint.records_search'::regclass::oid").Scan(&oid); err != nil {
			t.Fatal(err)
		}
		return oid
	}
	apply := func(first, last int) {
		var set edits.ChangeSet
		for i := first; i <= last; i++ {
			set.Edits = append(set.Edits, edits.Edit{Ref: edits.Ref{Kind: edits.Domain, Name: fmt.Sprintf("d%d.example", i)}, Values: edits.Values{"imap": "imap.example", "smtp": "smtp.example"}})
		}
		if _, err := s.Apply(t.Context(), set); err != nil {
			t.Fatal(err)
		}
	}
	empty := index()
	apply(1, 20_000)
	filled := index()
	if filled == empty {
		t.Error("the index was not made again")
	}
	if page, err := s.List(t.Context(), edits.Query{Search: "d19999"}); err != nil || len(page.Records) != 1 {
		t.Errorf("the search finds %d domains, %v", len(page.Records), err)
	}
	apply(20_001, 20_010)
	if index() != filled {
		t.Error("the index was made again for 10 changes")
	}
}

// files returns a configuration with a text.
func files(t testing.TB, text string) func() (*domains.Snapshot, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "domains.toml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return func() (*domains.Snapshot, error) { return domains.Load(file) }
}

const onlyStore = "[store]\ntype = \"postgres\"\nurl = \"postgres://mailhint@localhost/mailhint\"\n"

func TestStore(t *testing.T) {
	server := postgrestest.Shared(t)
	storetest.Run(t, func(t testing.TB) storetest.Place {
		config := postgres.Config{URL: server.URL(server.Database(t)), Files: files(t, onlyStore)}
		if _, _, err := postgres.Migrate(t.Context(), config, true); err != nil {
			t.Fatal(err)
		}
		first := true
		return storetest.Place{Open: func(t testing.TB) edits.Store {
			s := reopen(t, config)
			if first {
				first = false
				var set edits.ChangeSet
				for _, e := range storetest.Initial() {
					if e.Name != "listed" && e.List == "" {
						set.Edits = append(set.Edits, e)
					}
				}
				if _, err := s.Apply(t.Context(), set); err != nil {
					t.Fatal(err)
				}
			}
			return s
		}}
	})
}
