package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"mailhint/edits"
	"mailhint/keypairs/keypairtest"
	"mailhint/postgres"
	"mailhint/postgres/postgrestest"
)

// as returns a URL with another user.
func as(t testing.TB, text, user string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(user)
	return u.String()
}

// role makes a role with a random name that is removed with the server.
func role(t testing.TB, server *postgrestest.Server, options string) string {
	t.Helper()
	name := "r_" + server.Database(t)
	server.Exec(t, "postgres", "CREATE ROLE "+name+" LOGIN "+options)
	return name
}

// The role of a server can read domains and use certificates. It can neither change domains nor see accounts, tokens, sessions and the audit trail, nor
// change the tables.
func TestServingRole(t *testing.T) {
	server := postgrestest.Shared(t)
	_, database := open(t)
	owner := postgres.Config{URL: server.URL(database), Files: files(t, onlyStore)}
	withCertificates, without := role(t, server, ""), role(t, server, "")
	for name, certificates := range map[string]bool{withCertificates: true, without: false} {
		if err := postgres.Grant(t.Context(), owner, name, certificates); err != nil {
			t.Fatal(err)
		}
	}
	for name, certificates := range map[string]bool{withCertificates: true, without: false} {
		config := owner
		config.URL = as(t, owner.URL, name)
		s := reopen(t, config)
		if _, _, err := second2(s.Copy(t.Context(), func(postgres.Row) error { return nil })); err != nil {
			t.Errorf("reading all records: %v", err)
		}
		if _, err := s.History(t.Context(), edits.HistoryQuery{}); err != nil {
			t.Errorf("reading the history: %v", err)
		}
		if _, err := s.Apply(t.Context(), edits.ChangeSet{Edits: []edits.Edit{{Ref: edits.Ref{Kind: edits.Domain, Name: "a.example"}, Values: edits.Values{"imap": "i.example", "smtp": "s.example"}}}}); !errors.Is(err, edits.ErrReadOnly) {
			t.Errorf("changing a domain: %v, want ErrReadOnly", err)
		}
		if err := s.Certificates().Store(t.Context(), "x", nil); (err == nil) != certificates {
			t.Errorf("with certificates %v: storing one: %v", certificates, err)
		}
		if err := s.Accounts().Health(t.Context()); err == nil {
			t.Error("the accounts can be read")
		}
		denied(t, config.URL, certificates)
	}
}

func second2[T any](v T, err error) (T, struct{}, error) { return v, struct{}{}, err }

// denied tries what a server must not be able to do.
func denied(t *testing.T, url string, certificates bool) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	statements := []string{
		"INSERT INTO mailhint.records (kind, name, profile) VALUES ('domain', 'x.example', 'p')", "UPDATE mailhint.records SET profile = 'p'", "DELETE FROM mailhint.records",
		"TRUNCATE mailhint.records", "UPDATE mailhint.meta SET sequence = 0", "DELETE FROM mailhint.history", "INSERT INTO mailhint.aliases VALUES ('a', null, 'b')",
		"SELECT mailhint.take_numbers(5)", "SELECT mailhint.follow_others(0)", "SELECT mailhint.count_records('domain', 'p', 5)",
		"SELECT * FROM mailhint.accounts", "SELECT * FROM mailhint.tokens", "SELECT * FROM mailhint.sessions", "SELECT * FROM mailhint.facts", "SELECT * FROM mailhint.audit",
		"INSERT INTO mailhint.audit SELECT", "CREATE TABLE mailhint.x (y int)", "ALTER TABLE mailhint.records DISABLE TRIGGER ALL", "DROP TABLE mailhint.records",
		"CREATE FUNCTION mailhint.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "SET ROLE " + postgrestest.User,
	}
	if !certificates {
		statements = append(statements, "SELECT * FROM mailhint.acme_values", "SELECT * FROM mailhint.acme_locks")
	}
	for _, statement := range statements {
		_, err := conn.Exec(t.Context(), statement)
		var failed *pgconn.PgError
		if !errors.As(err, &failed) || failed.Code != "42501" {
			t.Errorf("%s: %v, want that permission is denied", statement, err)
		}
	}
}

// Another program needs rights on one table only, and its changes are numbered and in the history like all others.
func TestOtherProgram(t *testing.T) {
	server := postgrestest.Shared(t)
	s, database := open(t)
	panel := role(t, server, "")
	server.Exec(t, database, "GRANT USAGE ON SCHEMA mailhint TO "+panel, "GRANT SELECT, INSERT, UPDATE, DELETE ON mailhint.records TO "+panel)
	conn, err := pgx.Connect(t.Context(), as(t, server.URL(database), panel))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, statement := range []string{
		"INSERT INTO mailhint.records (kind, name, profile) SELECT 'domain', 'n' || n || '.example', 'p' FROM generate_series(1, 20000) n",
		"UPDATE mailhint.records SET own = '{\"name\": \"N\"}' WHERE name = 'n7.example'", "DELETE FROM mailhint.records WHERE name = 'n8.example'",
	} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	changes, err := s.History(t.Context(), edits.HistoryQuery{Limit: 2})
	if err != nil || len(changes) != 2 || changes[0].Number != 20002 || changes[0].Actor != panel || changes[0].After != nil || changes[1].After.Values["name"] != "N" {
		t.Errorf("the history is %+v, %v", changes, err)
	}
	r, err := s.Get(t.Context(), edits.Ref{Kind: edits.Domain, Name: "n7.example"})
	if err != nil || r.Revision != changes[1].After.Revision {
		t.Errorf("the record is %+v, %v; its latest change has the revision %s", r, err, changes[1].After.Revision)
	}
	if page, err := s.List(t.Context(), edits.Query{Profile: "p", Limit: 1}); err != nil || page.Total != 19999 {
		t.Errorf("%d domains with the profile, %v", page.Total, err)
	}
	if _, err := conn.Exec(t.Context(), "UPDATE mailhint.records SET name = 'x.example' WHERE name = 'n9.example'"); err == nil {
		t.Error("a record can be renamed, although nobody would notice")
	}
	if _, err := conn.Exec(t.Context(), "TRUNCATE mailhint.records"); err == nil {
		t.Error("the records can be truncated, although nobody would notice")
	}
	// What it writes is checked by nobody: one bad row harms one domain.
	if _, err := conn.Exec(t.Context(), `INSERT INTO mailhint.records (kind, name, own) VALUES ('profile', 'p', '{"imap": "i.example", "smtp": "s.example"}'),
		('domain', 'bad.example', '{"imap": 5}'), ('domain', 'Upper.example', '{"imap": "i.example", "smtp": "s.example"}')`); err != nil {
		t.Fatal(err)
	}
	checked := reopen(t, postgres.Config{URL: server.URL(database), Files: files(t, onlyStore)})
	problems, err := checked.Check(t.Context())
	text := problems.Error()
	if err != nil || len(problems) != 2 || !strings.Contains(text, `domains."bad.example".imap`) || !strings.Contains(text, "Upper.example") {
		t.Errorf("check reports %v, %v", problems, err)
	}
	records, err := checked.Records(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if records.Find("bad.example") != nil || records.Find("n1.example") == nil {
		t.Error("the bad row is answered, or a good one is not")
	}
}

// Whoever may connect can notify. A flood of it is a few values, and each only makes a replica read what has changed.
func TestForgedNotifications(t *testing.T) {
	server := postgrestest.Shared(t)
	s, database := open(t)
	stranger := role(t, server, "")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	news := s.Notify(ctx, time.Hour)
	<-news // it listens
	start := time.Now()
	conn, err := pgx.Connect(ctx, as(t, server.URL(database), stranger))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	const floods = 2000
	values, done := 0, make(chan struct{})
	go func() {
		defer close(done)
		for range floods {
			if _, err := conn.Exec(ctx, "NOTIFY mailhint, 'DROP TABLE mailhint.records; sequence 999999999'"); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for running := true; running; {
		select {
		case <-news:
			values++
		case <-done:
			running = false
		}
	}
	if values == 0 { // it is late
		if _, open := <-news; !open {
			t.Fatal("no notification has come")
		}
		values++
	}
	if most := int(time.Since(start)/(50*time.Millisecond)) + 2; values > most {
		t.Errorf("%d notifications became %d values within %s, want at most %d", floods, values, time.Since(start), most)
	}
	start2, err := s.Position(ctx)
	if err != nil || start2.Sequence != 0 {
		t.Errorf("the position is %+v, %v", start2, err)
	}
}

// A database that has been restored from a backup is noticed, also if it has had more changes since then than it had before.
func TestRestoredBackup(t *testing.T) {
	server := postgrestest.Shared(t)
	s, database := open(t)
	insert := func(database, name string) {
		server.Exec(t, database, "INSERT INTO mailhint.records (kind, name, profile) VALUES ('domain', '"+name+"', 'p')")
	}
	insert(database, "a.example")
	s.Close()
	backup := database + "_backup"
	server.Exec(t, "postgres", "CREATE DATABASE "+backup+" TEMPLATE "+database+" OWNER "+postgrestest.User)
	insert(database, "b.example")
	insert(database, "c.example")
	s = reopen(t, postgres.Config{URL: server.URL(database)})
	at, err := s.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	server.Exec(t, "postgres", "DROP DATABASE "+database, "ALTER DATABASE "+backup+" RENAME TO "+database)
	for _, name := range []string{"", "d.example", "e.example", "f.example"} {
		if name != "" {
			insert(database, name)
		}
		restored := reopen(t, postgres.Config{URL: server.URL(database)})
		_, err := restored.Since(t.Context(), at, func(postgres.Row) error { t.Error("a change of another past"); return nil })
		if !errors.Is(err, postgres.ErrOtherPast) {
			t.Errorf("restored, and then %s: %v, want ErrOtherPast", name, err)
		}
		if name == "" {
			for _, err := range restored.Watch(t.Context(), at.Sequence) {
				if !errors.Is(err, postgres.ErrOtherPast) {
					t.Errorf("a watch of a restored database: %v, want ErrOtherPast", err)
				}
				break
			}
		}
		restored.Close()
	}
}

// The connection is verified as the URL says.
func TestVerifiedConnection(t *testing.T) {
	server := postgrestest.Shared(t)
	_, database := open(t)
	other, _ := keypairtest.Write(t, t.TempDir(), "other", keypairtest.New(t, keypairtest.Options{Names: []string{"localhost"}}))
	at := func(host, root string) string {
		return fmt.Sprintf("postgres://%s@%s/%s?sslmode=verify-full&sslrootcert=%s", postgrestest.User, net.JoinHostPort(host, fmt.Sprint(server.Port)), database, url.QueryEscape(root))
	}
	s := reopen(t, postgres.Config{URL: at("localhost", server.RootFile)})
	if status, err := s.Status(t.Context()); err != nil || !status.Encrypted {
		t.Errorf("the status is %+v, %v; want an encrypted connection", status, err)
	}
	if _, err := postgres.Open(t.Context(), postgres.Config{URL: at("localhost", other)}); !errors.Is(err, postgres.ErrNoAnswer) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("with the certificate of another CA: %v", err)
	}
	if conn, err := net.Dial("tcp", net.JoinHostPort("::1", fmt.Sprint(server.Port))); err == nil { // for which the certificate is not
		conn.Close()
		if _, err := postgres.Open(t.Context(), postgres.Config{URL: at("::1", server.RootFile)}); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("with a name that the certificate does not have: %v", err)
		}
	}
}

// The password comes from a file that nobody else may read, and is in no error.
func TestPassword(t *testing.T) {
	const secret = "correct-horse-battery"
	server := postgrestest.Shared(t)
	_, database := open(t)
	owner := postgres.Config{URL: server.URL(database)}
	user := role(t, server, "PASSWORD '"+secret+"' IN ROLE "+postgrestest.WithPassword)
	if err := postgres.Grant(t.Context(), owner, user, true); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "password")
	write := func(text string, mode os.FileMode) {
		t.Helper()
		os.Remove(file) // so that the mode is the new one
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	config := postgres.Config{URL: as(t, owner.URL, user), PasswordFile: file}
	write(secret+"\n", 0o600)
	s := reopen(t, config)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	<-s.Notify(ctx, time.Hour) // which has a connection of its own
	for what, prepare := range map[string]func(){
		"a wrong password":              func() { write(secret+"-wrong", 0o600) },
		"a file that others may read":   func() { write(secret, 0o644) },
		"no file":                       func() { os.Remove(file) },
		"a server that does not answer": func() { write(secret, 0o600); config.URL = "postgres://" + user + "@127.0.0.1:1/x" },
		"a URL that is not valid":       func() { config.URL = "postgres://" + user + ":" + secret + "@ho st/%zz" },
		"a URL with a password":         func() { config.URL = "postgres://" + user + ":" + secret + "@127.0.0.1:1/x?sslmode=disable" },
		"words with a password":         func() { config.URL = "host=127.0.0.1 port=1 user=u password=" + secret + " sslmode=nonsense" },
	} {
		good := config.URL
		prepare()
		_, err := postgres.Open(t.Context(), config)
		if err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), secret) {
			t.Errorf("%s: the error %v; want one without the password", what, err)
		}
		config.URL = good
	}
	if args, err := os.ReadFile("/proc/self/cmdline"); err == nil && strings.Contains(string(args), secret) {
		t.Error("the password is an argument")
	}
}

// An older program refuses tables of a newer version, whenever it notices.
func TestNewerTables(t *testing.T) {
	server := postgrestest.Shared(t)
	_, database := open(t)
	config := postgres.Config{URL: server.URL(database), Files: files(t, onlyStore)}
	server.Exec(t, database, "UPDATE mailhint.version SET version = 99")
	if _, err := postgres.Open(t.Context(), config); !errors.Is(err, postgres.ErrNewer) {
		t.Errorf("Open: %v, want ErrNewer", err)
	}
	if _, _, err := postgres.Migrate(t.Context(), config, true); !errors.Is(err, postgres.ErrNewer) {
		t.Errorf("Migrate: %v, want ErrNewer", err)
	}
	s, err := postgres.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Health(t.Context()); !errors.Is(err, postgres.ErrNewer) {
		t.Errorf("what was opened without asking: %v, want ErrNewer", err)
	}
	server.Exec(t, database, "UPDATE mailhint.version SET version = 1")
	if _, err := postgres.Open(t.Context(), config); !errors.Is(err, postgres.ErrOlder) {
		t.Errorf("tables of an older version: %v, want ErrOlder", err)
	}
}

// Tables of an older version are changed once, also if several programs do it at the same moment.
func TestMigrate(t *testing.T) {
	server := postgrestest.Shared(t)
	config := postgres.Config{URL: server.URL(server.Database(t))}
	if _, _, err := postgres.Migrate(t.Context(), config, false); !errors.Is(err, postgres.ErrNoTables) {
		t.Errorf("without tables: %v, want ErrNoTables", err)
	}
	made := make(chan bool)
	for range 4 {
		go func() {
			before, after, err := postgres.Migrate(t.Context(), config, true)
			if err != nil {
				t.Error(err)
			}
			made <- before < after
		}()
	}
	count := 0
	for range 4 {
		if <-made {
			count++
		}
	}
	if count != 1 {
		t.Errorf("%d of 4 programs have made the tables, want one", count)
	}
}

// Tables of each older version become those of this one, with what is in them.
func TestMigrateOlderTables(t *testing.T) {
	server := postgrestest.Shared(t)
	_, newest, err := postgres.Migrate(t.Context(), postgres.Config{URL: server.URL(server.Database(t))}, true)
	if err != nil {
		t.Fatal(err)
	}
	for version := 1; version < newest; version++ {
		config := postgres.Config{URL: server.URL(server.Database(t)), Files: files(t, onlyStore)}
		conn, err := pgx.Connect(t.Context(), config.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		statements := []string{"CREATE SCHEMA mailhint", fmt.Sprintf("CREATE TABLE mailhint.version AS SELECT %d AS version", version)}
		for v := 1; v <= version; v++ {
			text, err := os.ReadFile(fmt.Sprintf("migrations/%d.sql", v))
			if err != nil {
				t.Fatal(err)
			}
			statements = append(statements, string(text))
		}
		statements = append(statements, `INSERT INTO mailhint.records (kind, name, own) VALUES ('domain', 'a.example', '{"imap": "imap.example", "smtp": "smtp.example"}')`)
		for _, statement := range statements {
			if _, err := conn.Exec(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := postgres.Open(t.Context(), config); !errors.Is(err, postgres.ErrOlder) {
			t.Errorf("version %d: %v, want ErrOlder", version, err)
		}
		if before, after, err := postgres.Migrate(t.Context(), config, false); before != version || after != newest || err != nil {
			t.Fatalf("version %d: from %d to %d, %v", version, before, after, err)
		}
		s := reopen(t, config)
		ref := edits.Ref{Kind: edits.Domain, Name: "a.example"}
		record, err := s.Get(t.Context(), ref)
		if err != nil || record.Values["imap"] != "imap.example" {
			t.Errorf("version %d: the domain has become %v, %v", version, record.Values, err)
		}
		result, err := s.Apply(t.Context(), edits.ChangeSet{Edits: []edits.Edit{{Ref: ref, If: record.Revision, Values: edits.Values{"imap": "new.example", "smtp": "smtp.example"}}}})
		if err != nil || result.Changes[0].Number != 2 {
			t.Errorf("version %d: a change afterwards: %+v, %v", version, result.Changes, err)
		}
		if err := s.Accounts().Health(t.Context()); err != nil {
			t.Errorf("version %d: %v", version, err)
		}
		if _, err := s.Certificates().Stat(t.Context(), "missing"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("version %d: a certificate that is missing: %v", version, err)
		}
	}
}
