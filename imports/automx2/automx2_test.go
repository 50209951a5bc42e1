package automx2

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailhint/domains"
	"mailhint/imports"
	"mailhint/imports/database/databasetest"
	"mailhint/imports/importstest"
)

// schema has the columns of automx2's tables (model.py of 2026.2).
var schema = []string{
	"CREATE TABLE provider (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(128) NOT NULL, short_name VARCHAR(32) NOT NULL)",
	`CREATE TABLE ldapserver (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(128) NOT NULL, bind_password VARCHAR(128))`,
	"CREATE TABLE domain (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(128) NOT NULL, provider_id INTEGER NOT NULL, ldapserver_id INTEGER)",
	`CREATE TABLE server (id INTEGER NOT NULL PRIMARY KEY, prio INTEGER DEFAULT 10 NOT NULL, name VARCHAR(128) NOT NULL, port INTEGER NOT NULL, type VARCHAR(32) NOT NULL,
		socket_type VARCHAR(32) NOT NULL, user_name VARCHAR(64) NOT NULL, authentication VARCHAR(32) NOT NULL)`,
	"CREATE TABLE server_domain (server_id INTEGER NOT NULL, domain_id INTEGER NOT NULL, PRIMARY KEY (server_id, domain_id))",
	`CREATE TABLE davserver (id INTEGER NOT NULL PRIMARY KEY, url VARCHAR(128) NOT NULL, port INTEGER NOT NULL, type VARCHAR(32) NOT NULL, use_ssl BOOLEAN NOT NULL,
		domain_required BOOLEAN NOT NULL, user_name VARCHAR(64))`,
	"CREATE TABLE davserver_domain (davserver_id INTEGER NOT NULL, domain_id INTEGER NOT NULL, PRIMARY KEY (davserver_id, domain_id))",
	"INSERT INTO provider VALUES (1, 'Hoster GmbH', 'Hoster'), (2, 'Other', 'Other')",
	"INSERT INTO ldapserver VALUES (42, 'ldap.hoster.example', 'very-secret')",
	`INSERT INTO domain VALUES (1, 'bakery.example', 1, NULL), (2, 'florist.example', 1, NULL), (3, 'butcher.example', 2, 42), (4, 'not a domain', 1, NULL),
		(5, 'lonely.example', 2, NULL), (6, 'wrong.example', 2, NULL)`,
	`INSERT INTO server VALUES (1, 20, 'imap.hoster.example', 143, 'imap', 'STARTTLS', '%EMAILADDRESS%', 'plain'), (2, 10, 'imap.hoster.example', 993, 'imap', 'SSL', '%EMAILADDRESS%', 'plain'),
		(3, 10, 'smtp.hoster.example', 465, 'smtp', 'SSL', '%EMAILADDRESS%', 'password-cleartext'),
		(4, 10, 'pop.butcher.example', 110, 'pop', 'plain', '%EMAILLOCALPART%', 'NTLM'), (5, 10, 'smtp.butcher.example', 587, 'smtp', 'Auto', '%EMAILLOCALPART%', 'magic'),
		(6, 10, 'x.example', 123, 'INVALID', 'SSL', '%EMAILADDRESS%', 'plain')`,
	"INSERT INTO server_domain VALUES (1,1), (2,1), (3,1), (1,2), (2,2), (3,2), (1,4), (4,3), (5,3), (6,6), (99,6)",
	`INSERT INTO davserver VALUES (1, 'https://dav.hoster.example/cal/%EMAILADDRESS%/', 8443, 'caldav', true, true, '%EMAILADDRESS%'),
		(2, 'dav.hoster.example/contacts/', 0, 'carddav', true, true, NULL), (3, 'x', 0, 'webdav', true, true, NULL)`,
	"INSERT INTO davserver_domain VALUES (1,1), (2,1), (1,2), (2,2), (3,3)",
}

// newSQLite makes a SQLite file.
func newSQLite(t *testing.T, statements ...string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "db.sqlite")
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	return file
}

func convert(t *testing.T, file string) string {
	t.Helper()
	return strings.ReplaceAll(importstest.Convert(t, func(c *imports.Collection) error { return Read(t.Context(), c, file) }), filepath.ToSlash(filepath.Dir(file)), "dir")
}

// TestDatabases: the same tables say the same wherever they are, but for the name of the source. The file is as it was, and nothing is beside it.
func TestDatabases(t *testing.T) {
	file := newSQLite(t, schema...)
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o400); err != nil {
		t.Fatal(err)
	}
	importstest.Golden(t, "database.txt", convert(t, file))
	after, err := os.ReadFile(file)
	beside, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*"))
	if err != nil || string(after) != string(before) || len(beside) != 1 {
		t.Errorf("the file has changed, or there are others: %v, %v", beside, err)
	}
	for _, file := range []string{databasetest.PostgreSQL(t, schema...), databasetest.MariaDB(t, schema...)} {
		got := strings.ReplaceAll(convert(t, file), "From the database of automx2", "From db.sqlite")
		want, err := os.ReadFile("testdata/database.txt")
		if err != nil || got != string(want) {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// TestOldDatabase: before there were calendars, and before prio.
func TestOldDatabase(t *testing.T) {
	importstest.Golden(t, "old.txt", convert(t, newSQLite(t, schema[0], "CREATE TABLE domain (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(128) NOT NULL, provider_id INTEGER NOT NULL)",
		"CREATE TABLE server (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(128), port INTEGER, type VARCHAR(32), socket_type VARCHAR(32), user_name VARCHAR(64), authentication VARCHAR(32))",
		schema[4], "INSERT INTO provider VALUES (1, 'Hoster', 'Hoster')", "INSERT INTO domain VALUES (1, 'bakery.example', 1)",
		"INSERT INTO server VALUES (1, 'imap.hoster.example', 993, 'imap', 'SSL', '%EMAILADDRESS%', 'plain'), (2, 'smtp.hoster.example', 465, 'smtp', 'SSL', '%EMAILADDRESS%', 'plain')",
		"INSERT INTO server_domain VALUES (1,1), (2,1)")))
}

// TestBadDatabases: files that are damaged, empty or of another program are reported, whatever is in them.
func TestBadDatabases(t *testing.T) {
	c := imports.New(func(domains.Position, string) {})
	if err := Read(t.Context(), c, newSQLite(t, "CREATE TABLE x (y INTEGER)")); !errors.Is(err, imports.ErrUnread) || !strings.Contains(err.Error(), "the table provider") {
		t.Errorf("another program's: %v", err)
	}
	good, err := os.ReadFile(newSQLite(t, schema...))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "bad.sqlite")
	for i := 0; i < len(good); i += 499 { // in the header and in pages
		bad := append([]byte(nil), good[:len(good)-i/2]...)
		for j := i; j < min(i+64, len(bad)); j++ {
			bad[j] ^= 0xA5
		}
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		Read(t.Context(), imports.New(func(domains.Position, string) {}), file) // it may succeed or fail, but must end
	}
	if err := Read(t.Context(), c, "nowhere.sqlite"); !errors.Is(err, imports.ErrUnread) {
		t.Errorf("no file: %v", err)
	}
}

func TestSeeds(t *testing.T) {
	importstest.Files(t, "*.json", func(c *imports.Collection, name string) error { return Read(t.Context(), c, name) })
}

func FuzzParseSeed(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.json")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		importstest.Fuzz(t, func(c *imports.Collection) { ParseSeed(c, "f", text) })
	})
}
