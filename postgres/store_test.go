package postgres_test

import (
	"os"
	"path/filepath"
	"testing"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/edits/storetest"
	"mailhint/postgres"
	"mailhint/postgres/postgrestest"
)

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
