package sql

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mailhint/imports/mariadbtest"
	"mailhint/keypairs/keypairtest"
	"mailhint/logins"
	"mailhint/postgres/postgrestest"
	"mailhint/settings"
)

const (
	people   = 5000
	password = "s3cret/pass:word@1"
	query    = "SELECT login FROM people WHERE address = %EMAILADDRESS%"
)

// tables is what a database has: 5,000 people, and some whose login names cannot be used.
func tables(insertMany string) []string {
	statements := []string{
		"CREATE TABLE people (address VARCHAR(254), login TEXT, number INTEGER)", insertMany, "CREATE INDEX people_address ON people (address)",
		"INSERT INTO people VALUES ('twice@uni.example', 'one', 1), ('twice@uni.example', 'two', 2), ('null@uni.example', NULL, 3), ('empty@uni.example', '', 4), ('markup@uni.example', '<b>x</b>', 5)",
		"INSERT INTO people VALUES ('long@uni.example', '" + strings.Repeat("a", 64<<10-1) + "', 6), ('control@uni.example', '" + "ab\x1b[2J" + "', 7)",
	}
	return statements
}

// database is one of the databases of the tests.
type database struct {
	kind   string
	config Config
	// set makes it so that a statement waits.
	sleep string
}

func startPostgres(t *testing.T) database {
	server := postgrestest.Start(t)
	name := server.Database(t)
	server.Exec(t, "postgres", "CREATE ROLE reader LOGIN PASSWORD '"+password+"' IN ROLE "+postgrestest.WithPassword)
	server.Exec(t, name, tables("INSERT INTO people SELECT 'person.' || to_char(n, 'FM0000') || '@uni.example', 'ab' || to_char(n, 'FM0000'), n FROM generate_series(0, 4999) n")...)
	server.Exec(t, name, "GRANT ALL ON people TO reader", "GRANT ALL ON SCHEMA public TO reader")
	return database{"postgres", Config{URL: fmt.Sprintf("postgres://reader@127.0.0.1:%d/%s", server.Port, name), CA: server.RootFile, PasswordFile: secret(t, password), Query: query},
		"SELECT pg_sleep(30)::text || %EMAILADDRESS%"}
}

func startMariaDB(t *testing.T) database {
	dir, err := os.MkdirTemp("", "cert") // which the server can read, unlike t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	cert, key := keypairtest.Write(t, dir, "server", keypairtest.New(t, keypairtest.Options{RSA: true}))
	for file, mode := range map[string]os.FileMode{dir: 0o755, cert: 0o644, key: 0o644} { // a key of a test
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
	}
	server := mariadbtest.Start(t, "--ssl-cert="+cert, "--ssl-key="+key, "--ssl-ca="+cert)
	db := server.Create(t, "mail", tables("INSERT INTO people SELECT CONCAT('person.', LPAD(seq, 4, '0'), '@uni.example'), CONCAT('ab', LPAD(seq, 4, '0')), seq FROM seq_0_to_4999")...)
	if _, err := db.Exec("CREATE FUNCTION take_away(who VARCHAR(254)) RETURNS TEXT MODIFIES SQL DATA BEGIN DELETE FROM people WHERE address = who; RETURN 'gone'; END"); err != nil {
		t.Fatal(err)
	}
	return database{"mysql", Config{URL: "mysql://" + mariadbtest.User + "@" + server.Address + "/mail", CA: cert, PasswordFile: secret(t, mariadbtest.Password), Query: query},
		"SELECT SLEEP(30) + %EMAILADDRESS%"}
}

func secret(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func openFor(t *testing.T, c Config) *Source {
	t.Helper()
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func question(local string) logins.Question {
	return logins.Question{Address: settings.Address{Local: local, Domain: "uni.example"}, Primary: "uni.example"}
}

func TestDatabases(t *testing.T) {
	for name, start := range map[string]func(*testing.T) database{"postgres": startPostgres, "mariadb": startMariaDB} {
		t.Run(name, func(t *testing.T) {
			d := start(t)
			t.Run("find", func(t *testing.T) { testFind(t, d) })
			t.Run("injection", func(t *testing.T) { testInjection(t, d) })
			t.Run("readonly", func(t *testing.T) { testReadOnly(t, d) })
			t.Run("mistakes", func(t *testing.T) { testMistakes(t, d) })
			t.Run("many", func(t *testing.T) { testManyAtOnce(t, d) })
			t.Run("slow", func(t *testing.T) { testSlow(t, d) })
		})
	}
}

func testFind(t *testing.T, d database) {
	without := d.config
	without.CA = "" // over the loopback interface, nothing needs to be encrypted
	for _, c := range []Config{d.config, without} {
		s := openFor(t, c)
		for local, want := range map[string]string{"person.0000": "ab0000", "person.4999": "ab4999", "person.5000": "", "twice": "one,two", "null": "", "empty": ""} {
			got, err := s.Find(t.Context(), question(local))
			slices.Sort(got)
			if err != nil || strings.Join(got, ",") != want {
				t.Errorf("%s: got %q, %v; want %q", local, got, err, want)
			}
		}
		for _, local := range []string{"twice", "empty", "markup", "long", "control"} {
			if name, _, err := logins.Try(t.Context(), s, settings.PersonQuestion{Address: question(local).Address, Primary: "uni.example"}); name != "" || !errors.Is(err, logins.ErrUnclear) {
				t.Errorf("%s: %.40q, %v", local, name, err)
			}
		}
	}
	c := d.config
	c.Query = "WITH p AS (SELECT * FROM people /* of ours */)\nSELECT login -- the name\nFROM p WHERE login <> 'it''s ?' AND address IN (%EMAILADDRESS%, CONCAT(%EMAILLOCALPART%, '@', %PRIMARYDOMAIN%));"
	if d.kind == "postgres" { // which has to know the types of a function's arguments
		c.Query = strings.NewReplacer("CONCAT(%EMAILLOCALPART%", "CONCAT(%EMAILLOCALPART%::text", "%PRIMARYDOMAIN%)", "%PRIMARYDOMAIN%::text)").Replace(c.Query)
	}
	q := logins.Question{Address: settings.Address{Local: "person.0007", Domain: "alias.example"}, Primary: "uni.example"}
	if got, err := openFor(t, c).Find(t.Context(), q); err != nil || !slices.Equal(got, []string{"ab0007"}) {
		t.Errorf("by the primary domain: %q, %v", got, err)
	}
}

// What somebody enters is a parameter, whatever it looks like.
func testInjection(t *testing.T, d database) {
	s := openFor(t, d.config)
	for _, local := range []string{
		"' OR '1'='1", "'; DROP TABLE people; --", `" OR ""="`, `\' OR 1=1 -- `, "person.0000'--", "*)(uid=*", "%", "_erson.0000", "person.%", "$1", "?", "\\", "0 OR 1=1", "person.0000/*",
		strings.Repeat("'", 254), strings.Repeat("a", 254), "ｐerson.0000", "реrson.0000", "pérson.0000", "pеrson.0000", "person.0000\u0301",
	} {
		if got, err := s.Find(t.Context(), question(local)); len(got) != 0 || err != nil {
			t.Errorf("%q finds %q, %v", local, got, err)
		}
	}
	if got, err := s.Find(t.Context(), question("person.0000\x00")); len(got) != 0 || err != nil && !errors.Is(err, logins.ErrUnclear) {
		t.Errorf("with NUL: %q, %v", got, err)
	}
	if got, err := s.Find(t.Context(), question("person.0000")); err != nil || !slices.Equal(got, []string{"ab0000"}) {
		t.Errorf("afterwards: %q, %v", got, err)
	}
}

// Nothing can be written, even with a user who may.
func testReadOnly(t *testing.T, d database) {
	c := d.config
	c.Query = "WITH w AS (DELETE FROM people WHERE address = %EMAILADDRESS% RETURNING login) SELECT login FROM w"
	if d.kind == "mysql" {
		c.Query = "SELECT take_away(%EMAILADDRESS%)"
	}
	if got, err := openFor(t, c).Find(t.Context(), question("person.0001")); err == nil {
		t.Errorf("got %q", got)
	} else if !strings.Contains(strings.ToLower(strings.ReplaceAll(err.Error(), "READ ONLY", "read-only")), "read-only transaction") {
		t.Error(err)
	}
	if got, err := openFor(t, d.config).Find(t.Context(), question("person.0001")); err != nil || !slices.Equal(got, []string{"ab0001"}) {
		t.Errorf("afterwards: %q, %v", got, err)
	}
}

func testMistakes(t *testing.T, d database) {
	wrong, otherCA := secret(t, "not the password"), ""
	otherCA, _ = keypairtest.Write(t, t.TempDir(), "other", keypairtest.New(t, keypairtest.Options{}))
	host, port, _ := net.SplitHostPort(strings.Split(strings.Split(d.config.URL, "@")[1], "/")[0])
	for name, test := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"password":    {func(c *Config) { c.PasswordFile = wrong }, "SQLSTATE 28"},
		"no password": {func(c *Config) { c.PasswordFile = "" }, ""},
		"table":       {func(c *Config) { c.Query = "SELECT login FROM persons WHERE address = %EMAILADDRESS%" }, "SQLSTATE 42"},
		"syntax":      {func(c *Config) { c.Query = "SELECT login FRM people WHERE address = %EMAILADDRESS%" }, "SQLSTATE 42"},
		"columns":     {func(c *Config) { c.Query = "SELECT login, number FROM people WHERE address = %EMAILADDRESS%" }, "returns 2 columns"},
		"ca":          {func(c *Config) { c.CA = otherCA }, "certificate"},
		"other name": {func(c *Config) {
			c.URL = strings.Replace(c.URL, "127.0.0.1", "localhost", 1)
			c.CA = otherCA
		}, "certificate"},
		"no server": {func(c *Config) { c.URL = strings.Replace(c.URL, net.JoinHostPort(host, port), "127.0.0.1:1", 1) }, "refused"},
	} {
		c := d.config
		test.change(&c)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		got, err := openFor(t, c).Find(ctx, question("person.0000"))
		cancel()
		if got != nil || err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, test.want)
			continue
		}
		for _, secret := range []string{"person", password, "not the password"} {
			if strings.Contains(strings.ReplaceAll(err.Error(), "persons", ""), secret) {
				t.Errorf("%s: %v contains %q", name, err, secret)
			}
		}
	}
	// An address that a statement cannot work with is no fault of the database.
	if d.kind == "postgres" {
		c := d.config
		c.Query = "SELECT login FROM people WHERE number = %EMAILLOCALPART%::text::integer"
		got, err := openFor(t, c).Find(t.Context(), question("person"))
		if got != nil || !errors.Is(err, logins.ErrUnclear) || strings.Contains(err.Error(), "person") {
			t.Errorf("a name instead of a number: %q, %v", got, err)
		}
	}
}

func testManyAtOnce(t *testing.T, d database) {
	s := openFor(t, d.config)
	var asking sync.WaitGroup
	for i := range 200 {
		asking.Go(func() {
			if got, err := s.Find(t.Context(), question(fmt.Sprintf("person.%04d", i))); err != nil || !slices.Equal(got, []string{fmt.Sprintf("ab%04d", i)}) {
				t.Errorf("%d: %q, %v", i, got, err)
			}
		})
	}
	asking.Wait()
	if n := s.db.Stats().OpenConnections; n > maxConns {
		t.Errorf("%d connections", n)
	}
}

// A statement that takes too long ends with its context.
func testSlow(t *testing.T, d database) {
	c := d.config
	c.Query = d.sleep
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	if got, err := openFor(t, c).Find(ctx, question("person.0000")); err == nil || time.Since(began) > 10*time.Second {
		t.Errorf("%q, %v after %s", got, err, time.Since(began))
	}
}
