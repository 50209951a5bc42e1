package sql

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestStatement(t *testing.T) {
	for _, test := range []struct{ dialect, query, want, err string }{
		{"postgres", "SELECT a FROM p WHERE b = %EMAILADDRESS%", "SELECT a FROM p WHERE b = $1", ""},
		{"mysql", "select a from p where b = %EMAILLOCALPART% and c = %EMAILDOMAIN% ;\n", "select a from p where b = ? and c = ?", ""},
		{"postgres", "SELECT a FROM p WHERE b = %EMAILLOCALPART% || '@' || %PRIMARYDOMAIN% AND c LIKE 'x%' -- it's %\n", "SELECT a FROM p WHERE b = $1 || '@' || $2 AND c LIKE 'x%' -- it's %", ""},
		{"mysql", "SELECT `a?` FROM p WHERE b = %EMAILADDRESS% # ?", "SELECT `a?` FROM p WHERE b = ? # ?", ""},
		{"postgres", "SELECT a FROM p WHERE b = '%EMAILADDRESS%'", "", "in quotes or in a comment"},
		{"postgres", "SELECT a FROM p WHERE b = $$%EMAILADDRESS%$$", "", "in quotes or in a comment"},
		{"mysql", "SELECT a FROM p WHERE b LIKE '%EMAILLOCALPART%@%'", "", "in quotes or in a comment"},
		{"mysql", "SELECT a FROM p WHERE b = \"x %EMAILADDRESS%\"", "", "in quotes or in a comment"},
		{"mysql", "SELECT a /* %EMAILADDRESS% */ FROM p", "", "in quotes or in a comment"},
		{"mysql", "SELECT a FROM p; DELETE FROM p WHERE b = %EMAILADDRESS%", "", "several statements"},
		{"mysql", "SELECT a FROM p WHERE b = ?", "", "a parameter of its own"},
		{"postgres", "SELECT a FROM p WHERE b = $1", "", "a parameter of its own"},
		{"mysql", "SELECT a INTO\nOUTFILE '/tmp/x' FROM p WHERE b = %EMAILADDRESS%", "", "has INTO"},
		{"mysql", "SELECT a AS into_b, 'into' FROM p WHERE b = %EMAILADDRESS%", "SELECT a AS into_b, 'into' FROM p WHERE b = ?", ""},
		{"postgres", "DELETE FROM p WHERE b = %EMAILADDRESS%", "", "must begin with SELECT or WITH"},
	} {
		s, err := newStatement(test.query, dialects[test.dialect])
		if s.text != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: got %q, %v; want %q, %q", test.query, s.text, err, test.want, test.err)
		}
		if err == nil && len(s.args(question("ann"))) != strings.Count(test.query, "%EMAIL")+strings.Count(test.query, "%PRIMARY") {
			t.Errorf("%s: parameters %q", test.query, s.args(question("ann")))
		}
	}
}

// What can be seen to be wrong without a server is refused at once, and the password is in no error.
func TestOpenMistakes(t *testing.T) {
	dir := t.TempDir()
	open := filepath.Join(dir, "open")
	if err := os.WriteFile(open, []byte("hidden\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]Config{
		"run chmod 600":           {URL: "mysql://u@db.example/d", PasswordFile: open, Query: query},
		"no such file":            {URL: "postgres://u@db.example/d", PasswordFile: open + ".gone", Query: query},
		"contains no certificate": {URL: "postgres://u@db.example/d", CA: open, Query: query},
		"must begin with":         {URL: "postgres://u@db.example/d", Query: "UPDATE x"},
		"postgres: or mysql:":     {URL: "sqlite://u@db.example/d", Query: query},
		"not valid":               {URL: "postgres://u@db.example:99999/d", Query: query},
	} {
		if _, err := Open(c); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// Connections to other machines are encrypted, and so are others with a CA.
func TestEncryption(t *testing.T) {
	for url, encrypted := range map[string]bool{
		"postgres://u@db.example/d": true, "mysql://u@192.0.2.1/d": true, "postgres://u@127.0.0.1/d": false, "mysql://u@localhost/d": false, "postgres://u@[::1]:5433/d": false,
		"mysql://u@/d?socket=/run/mysqld/mysqld.sock": false, "postgres://u@localhost.example/d": true, "postgres://u@127.0.0.1.example/d": true,
	} {
		s, err := Open(Config{URL: url, Query: query})
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		s.Close()
		to := targetOf(t, url)
		if c, err := to.tls(); err != nil || (c != nil) != encrypted || c != nil && (c.InsecureSkipVerify || c.ServerName != to.url.Hostname()) {
			t.Errorf("%s: %+v, %v", url, c, err)
		}
	}
}

// A server that sends without end is cut off.
func TestTooMuch(t *testing.T) {
	address := flood(t)
	for _, url := range []string{"postgres://u@" + address + "/d", "mysql://u@" + address + "/d"} {
		s := openFor(t, Config{URL: url, Query: query})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		got, err := s.Find(ctx, question("ann"))
		cancel()
		if got != nil || err == nil {
			t.Errorf("%s: %q, %v", url, got, err)
		}
	}
}

func TestLimited(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	go func() {
		io.CopyN(io.Discard, theirs, 1)
		io.Copy(theirs, zeros{})
	}()
	c := &limited{Conn: ours}
	defer c.Close()
	if _, err := c.Write([]byte("?")); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, c); !errors.Is(err, errTooMuch) || n > maxRead {
		t.Errorf("%d octets, %v", n, err)
	}
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
