package database

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // a driver for queries without a server

	"mailhint/imports"
	"mailhint/imports/database/databasetest"
)

// TestReadOnly: the servers themselves refuse to change anything, although the user may.
func TestReadOnly(t *testing.T) {
	for name, file := range map[string]string{
		"MariaDB":    databasetest.MariaDB(t, "CREATE TABLE domain (domain VARCHAR(255))", "INSERT INTO domain VALUES ('bakery.example')"),
		"PostgreSQL": databasetest.PostgreSQL(t, "CREATE TABLE domain (domain VARCHAR(255))", "INSERT INTO domain VALUES ('bakery.example')"),
	} {
		d, err := Open(t.Context(), file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got string
		if err := d.Rows("domain", "SELECT domain FROM domain", func(scan func(...any) error) error { return scan(&got) }); err != nil || got != "bakery.example" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		if _, err := d.tx.ExecContext(d.ctx, "DELETE FROM domain"); err == nil || !strings.Contains(strings.ToLower(err.Error()), "read") {
			t.Errorf("%s: deleting rows: %v", name, err)
		}
		d.Close()
		if d, err = Open(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		err = d.Rows("nowhere", "SELECT x FROM nowhere", func(func(...any) error) error { return nil })
		if !errors.Is(err, imports.ErrUnread) || !strings.HasPrefix(err.Error(), "cannot read the table nowhere: ") {
			t.Errorf("%s: a table that does not exist: %v", name, err)
		}
		d.Close()
	}
}

// TestMaxRows: a table, or a view that never ends, is read up to a limit.
func TestMaxRows(t *testing.T) {
	usual := maxRows
	maxRows = 1000
	t.Cleanup(func() { maxRows = usual })
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	d, err := OpenDB(t.Context(), db, "a test")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	n := 0
	count := func(map[string]string) { n++ }
	const endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x, NULL AS y FROM n"
	if err := d.Maps("n", endless+" LIMIT 1000", count); err != nil || n != 1000 {
		t.Errorf("%d rows, %v", n, err)
	}
	if err := d.Maps("n", endless, count); !errors.Is(err, imports.ErrUnread) || !strings.Contains(err.Error(), "more than 1000 rows") {
		t.Errorf("endless: %v", err)
	}
}

const secret = "hunter2-0815"

// TestErrors: what is wrong with the file or the server is said without the password.
func TestErrors(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	closed.Close()
	for name, c := range map[string]struct {
		text, want string
		unread     bool
	}{
		"nothing":             {"", "no secret on its first line", false},
		"no URL":              {"host=db password=" + secret, "write one line such as postgres://", false},
		"a bad URL":           {"postgres://u:" + secret + "@db:port/x", "write one line such as postgres://", false},
		"another kind":        {"redis://u:" + secret + "@db/x", "write one line such as postgres://", false},
		"no database":         {"mysql://u:" + secret + "@db/", "write one line such as postgres://", false},
		"an unknown option":   {"mysql://u:" + secret + "@db/x?allowAllFiles=true", "write one line such as postgres://", false},
		"a closed MySQL port": {"mysql://u:" + secret + "@" + address + "/x", "connection refused", true},
		"a closed port":       {"postgres://u:" + secret + "@" + address + "/x", "connection refused", true},
	} {
		_, err := Open(t.Context(), databasetest.WriteURL(t, c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, imports.ErrUnread) != c.unread {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the password is in %v", name, err)
		}
	}
	file := filepath.Join(t.TempDir(), "open.url")
	if err := os.WriteFile(file, []byte("mysql://u:"+secret+"@localhost/x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), file); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others can read: %v", err)
	}
	if _, err := Open(t.Context(), "nowhere.url"); !errors.Is(err, imports.ErrUnread) {
		t.Errorf("a file that does not exist: %v", err)
	}
}

// TestSilentServer: a server that accepts and says nothing does not hold up the command for ever.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			cancel() // as an interrupt by the admin
		}
	}()
	for _, scheme := range []string{"mysql", "postgres"} {
		if _, err := Open(ctx, databasetest.WriteURL(t, scheme+"://u:"+secret+"@"+l.Addr().String()+"/x?"+map[string]string{"postgres": "sslmode=disable"}[scheme])); !errors.Is(err, imports.ErrUnread) {
			t.Errorf("%s: got %v", scheme, err)
		}
	}
}

// TestEncryption: a connection to another machine is encrypted and checked, unless the URL says otherwise.
func TestEncryption(t *testing.T) {
	for text, want := range map[string]string{
		"postgres://u@db.example.com/x":                    "verify-full",
		"postgres://u@db.example.com/x?sslmode=require":    "require",
		"postgres://u@localhost/x":                         "",
		"postgres://u@127.0.0.1/x":                         "",
		"postgres://u@/x?host=/run/postgresql":             "",
		"postgres://u@/x?host=db.example.com":              "verify-full",
		"postgres://u@/x?host=/run/postgresql,db.example.": "verify-full",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := postgresURL(u).Query().Get("sslmode"); got != want {
			t.Errorf("%s: sslmode is %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"mysql://u@db.example.com/x":                 "true",
		"mysql://u@db.example.com/x?tls=skip-verify": "skip-verify",
		"mysql://u@db.example.com/x?tls=false":       "false",
		"mysql://u@localhost/x":                      "",
		"mysql://u@[::1]:3307/x":                     "",
		"mysql://u@/x?socket=/run/mysqld.sock":       "",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		c, err := mysqlConfig(u)
		if err != nil || c.TLSConfig != want {
			t.Errorf("%s: tls is %q, %v, want %q", text, c.TLSConfig, err, want)
		}
	}
}
