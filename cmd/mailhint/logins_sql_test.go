package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"mailhint/imports/mariadbtest"
	"mailhint/postgres/postgrestest"
)

// loginDatabase is a database with login names that can hang, go away and come back.
type loginDatabase struct {
	db            *sql.DB  // of a user who may do everything
	keys          string   // of [lookups.people], without its query
	lock          []string // makes queries of others wait, until unlock
	unlock        string
	kill, restart func()
}

func postgresLogins(t *testing.T) loginDatabase {
	const password = "s3cret/pass:word@1"
	server := postgrestest.Start(t)
	name := server.Database(t)
	server.Exec(t, "postgres", "CREATE ROLE reader LOGIN PASSWORD '"+password+"' IN ROLE "+postgrestest.WithPassword)
	server.Exec(t, name, "ALTER DEFAULT PRIVILEGES FOR ROLE "+postgrestest.User+" GRANT SELECT ON TABLES TO reader")
	config, err := pgx.ParseConfig(server.URL(name))
	if err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "sql.pass")
	write(t, secret, password+"\n")
	return loginDatabase{
		db:   stdlib.OpenDB(*config),
		keys: fmt.Sprintf("url = \"postgres://reader@localhost:%d/%s\"\nca = %q\npassword_file = %q", server.Port, name, server.RootFile, secret),
		lock: []string{"BEGIN", "LOCK TABLE people IN ACCESS EXCLUSIVE MODE"}, unlock: "ROLLBACK",
		kill: func() { server.Kill(t) }, restart: func() { server.Run(t) },
	}
}

func mariadbLogins(t *testing.T) loginDatabase {
	server := mariadbtest.Start(t)
	secret := filepath.Join(t.TempDir(), "sql.pass")
	write(t, secret, mariadbtest.Password+"\n")
	return loginDatabase{
		db:   server.Create(t, "mail"),
		keys: fmt.Sprintf("url = \"mysql://%s@%s/mail\"\npassword_file = %q", mariadbtest.User, server.Address, secret),
		lock: []string{"LOCK TABLES people WRITE"}, unlock: "UNLOCK TABLES",
		kill: server.Kill, restart: func() { server.Restart(t) },
	}
}

// Login names come from a database, in every format that has them. While it hangs, and while it is away, answers have the form for unknown
// addresses, soon; when it is back, so are the names.
func TestServeLoginsFromDatabases(t *testing.T) {
	for name, start := range map[string]func(*testing.T) loginDatabase{"PostgreSQL": postgresLogins, "MariaDB": mariadbLogins} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testServeLogins(t, start(t))
		})
	}
}

func testServeLogins(t *testing.T, d loginDatabase) {
	defer d.db.Close()
	for _, statement := range []string{"CREATE TABLE people (address VARCHAR(254) PRIMARY KEY, login VARCHAR(64))",
		"INSERT INTO people VALUES ('zann@uni.example', 'ab123'), ('zbob@uni.example', 'ab124'), ('zeve@uni.example', 'ab125'), ('zoe@uni.example', 'ab126')"} {
		if _, err := d.db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	config, _, _ := strings.Cut(loginsConfig, "type = \"file\"")
	p := startProgram(t, config+"type = \"sql\"\n"+d.keys+"\nquery = \"SELECT login FROM people WHERE address = %EMAILADDRESS%\"\nunknown = \"%EMAILLOCALPART%\"\n")

	for format, send := range loginAnswers {
		if body := bodyOf(t, send(t, p.public(), "zann@uni.example")); !strings.Contains(body, ">ab123<") && !strings.Contains(body, `"ab123"`) {
			t.Errorf("%s does not have the login name:\n%s", format, body)
		}
	}
	// Autodiscover's second version only says where the first one is.
	status, body := ask(t, p.public(), "autodiscover.uni.example", "/autodiscover/autodiscover.json?Email=zann@uni.example&Protocol=AutodiscoverV1")
	if status != http.StatusOK || !strings.Contains(body, `/autodiscover/autodiscover.xml"`) || strings.Contains(body, "ab123") {
		t.Errorf("Autodiscover's second version: %d\n%s", status, body)
	}

	// It hangs: the answer comes before the database's.
	hang(t, d, func() {
		began := time.Now()
		if body := bodyOf(t, loginAnswers["autoconfig"](t, p.public(), "zbob@uni.example")); !strings.Contains(body, "<username>zbob</username>") {
			t.Errorf("while it hangs:\n%s", body)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("while it hangs, an answer took %s", took)
		}
		if body := bodyOf(t, loginAnswers["pox"](t, p.public(), "zann@uni.example")); !strings.Contains(body, "<LoginName>ab123</LoginName>") {
			t.Errorf("while it hangs, what was found before:\n%s", body)
		}
	})

	// It is away.
	d.kill()
	eventually(t, "nothing waits for a database that is away", func() bool {
		for format, send := range loginAnswers {
			if body := bodyOf(t, send(t, p.public(), "zeve@uni.example")); !strings.Contains(body, ">zeve<") && !strings.Contains(body, `"zeve"`) {
				t.Fatalf("%s while it is away:\n%s", format, body)
			}
		}
		_, body := ask(t, p.admin(), "localhost", "/-/readyz")
		return strings.Contains(body, "login names from people: fails, not waited for: ")
	})

	d.restart()
	eventually(t, "the names are back", func() bool {
		_, body := ask(t, p.public(), "autoconfig.uni.example", path+"?emailaddress=zoe@uni.example") // at times refused, as the same request again
		return strings.Contains(body, "<username>ab126</username>")
	})
	if _, body := ask(t, p.admin(), "localhost", "/-/readyz"); !strings.Contains(body, "login names from people: ok\n") {
		t.Errorf("/-/readyz:\n%s", body)
	}
	for _, secret := range []string{"ab12", "zann", "zbob", "zeve", "zoe", "s3cret"} {
		if strings.Contains(strings.ToLower(p.log.String()), secret) {
			t.Errorf("%s is in the log:\n%s", secret, p.log)
		}
	}
}

// hang runs a function while the database answers no query.
func hang(t *testing.T, d loginDatabase, f func()) {
	t.Helper()
	conn, err := d.db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	exec := func(statement string) {
		if _, err := conn.ExecContext(context.Background(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	for _, statement := range d.lock {
		exec(statement)
	}
	f()
	exec(d.unlock)
}

// bodyOf returns the body of a good answer.
func bodyOf(t *testing.T, response *http.Response) string {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v\n%s", response.StatusCode, err, body)
	}
	return string(body)
}
