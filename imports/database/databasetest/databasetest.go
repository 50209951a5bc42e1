// Package databasetest makes databases of other programs for tests, on a real PostgreSQL and a real MariaDB.
package databasetest

import (
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"mailhint/imports/mariadbtest"
	"mailhint/postgres/postgrestest"
)

// MariaDB makes a database with the given tables and rows, and returns the file with its URL.
func MariaDB(t testing.TB, statements ...string) (file string) {
	t.Helper()
	s := mariadbtest.Start(t)
	s.Create(t, "mail", statements...)
	return WriteURL(t, (&url.URL{Scheme: "mysql", User: url.UserPassword(mariadbtest.User, mariadbtest.Password), Host: s.Address, Path: "/mail"}).String())
}

// PostgreSQL is MariaDB for PostgreSQL.
func PostgreSQL(t testing.TB, statements ...string) (file string) {
	t.Helper()
	s := postgrestest.Start(t)
	name := s.Database(t)
	s.Exec(t, name, append(statements, "GRANT ALL ON ALL TABLES IN SCHEMA public TO "+postgrestest.User)...)
	return WriteURL(t, s.URL(name))
}

// WriteURL writes a file with a URL that only its owner may read.
func WriteURL(t testing.TB, text string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "database.url")
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
