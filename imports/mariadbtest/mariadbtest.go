// Package mariadbtest runs MariaDB for tests: an empty server on a free port of the loopback interface. It needs no privileges; as root it
// runs the server as another user, because MariaDB refuses root.
package mariadbtest

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// The account that may do everything, from this machine.
const (
	User     = "tester"
	Password = "s3cret/pass:word@1"
)

// ErrNotInstalled means that there is no mariadbd; it is in Debian's package mariadb-server.
var ErrNotInstalled = errors.New("mariadbd is not installed; it is in Debian's package mariadb-server")

// Server is a running MariaDB.
type Server struct {
	Address string // host and port

	dir     string
	command []string // the program and its arguments
	log     *bytes.Buffer
	stop    func() // ends the process, if there is one
}

// Start runs a server until the test ends, with options besides the usual ones. A test is skipped where MariaDB is not installed.
func Start(t testing.TB, options ...string) *Server {
	t.Helper()
	s, err := Run(options...)
	if errors.Is(err, ErrNotInstalled) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("output of mariadbd:\n%s", s.log)
		}
	})
	return s
}

// Run runs a server until Stop.
func Run(options ...string) (*Server, error) {
	program, err := exec.LookPath("mariadbd")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/mariadbd") // which is not on every PATH
	}
	if err != nil {
		return nil, ErrNotInstalled
	}
	var errs []error
	for range 3 { // another program may take the port first
		s, err := run(program, options)
		if err == nil {
			return s, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// settings keep the server small, and fast rather than durable: what was committed outlives the process, and not the machine.
var settings = []string{
	"--no-defaults", "--innodb-buffer-pool-size=24M", "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=2",
	"--innodb-doublewrite=0", "--skip-log-bin", "--performance-schema=0", "--aria-pagecache-buffer-size=8M", "--key-buffer-size=8M",
	"--character-set-server=utf8mb4", "--skip-name-resolve",
}

func run(program string, options []string) (*Server, error) {
	dir, err := os.MkdirTemp("", "mdb") // a short name: it contains a Unix socket
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, log: new(bytes.Buffer), stop: func() {}}
	if err := s.install(program, options); err != nil {
		s.Stop()
		return nil, fmt.Errorf("%w\n%s", err, s.log)
	}
	if err := s.start(); err != nil {
		s.Stop()
		return nil, fmt.Errorf("%w\n%s", err, s.log)
	}
	return s, nil
}

// install makes an empty database and chooses the port.
func (s *Server) install(program string, options []string) error {
	if err := giveAway(s.dir); err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	install := exec.Command("mariadb-install-db", "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal",
		"--skip-test-db", "--skip-name-resolve", "--innodb-buffer-pool-size=24M", "--innodb-log-file-size=8M")
	install.Dir = s.dir
	asOther(install)
	install.Stdout, install.Stderr = s.log, s.log
	if err := install.Run(); err != nil {
		return fmt.Errorf("mariadb-install-db: %w", err)
	}
	s.log.Reset()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.Address = l.Addr().String()
	_, port, _ := net.SplitHostPort(s.Address)
	l.Close() // MariaDB cannot choose a port itself
	s.command = append([]string{program}, settings...)
	s.command = append(s.command, "--datadir="+data, "--socket="+s.socket(), "--bind-address=127.0.0.1", "--port="+port, "--pid-file="+filepath.Join(s.dir, "pid"))
	s.command = append(s.command, options...)
	return nil
}

func (s *Server) socket() string { return filepath.Join(s.dir, "socket") }

// start starts the program, and waits until it answers.
func (s *Server) start() error {
	cmd := exec.Command(s.command[0], s.command[1:]...)
	cmd.Dir = s.dir
	asOther(cmd)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	s.stop = sync.OnceFunc(func() {
		cmd.Process.Kill() // an error means that it has ended
		<-ended
	})
	return s.addUser(s.socket(), ended)
}

// addUser waits until the server answers, and adds the account.
func (s *Server) addUser(socket string, ended chan error) error {
	root := mysql.NewConfig()
	root.User, root.Net, root.Addr = "root", "unix", socket
	db, err := sql.Open("mysql", root.FormatDSN())
	if err != nil {
		return err
	}
	defer db.Close()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		_, err := db.Exec(fmt.Sprintf("CREATE USER IF NOT EXISTS '%s'@'127.0.0.1' IDENTIFIED BY '%s'", User, Password))
		if err == nil {
			_, err = db.Exec(fmt.Sprintf("GRANT ALL PRIVILEGES ON *.* TO '%s'@'127.0.0.1' WITH GRANT OPTION", User))
			return err
		}
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("mariadbd has ended: %v", err)
		default:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("mariadbd does not answer: %w", err)
		}
	}
}

// Kill ends the server at once, as a crash would. Its data stay.
func (s *Server) Kill() { s.stop() }

// Restart starts a server again that was killed, at the same port, which another program may have for a while.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		err := s.start()
		if err == nil {
			return
		}
		s.stop()
		if time.Now().After(deadline) {
			t.Fatalf("%v\n%s", err, s.log)
		}
	}
}

// Stop ends the server and removes its data: nobody needs them.
func (s *Server) Stop() {
	s.stop()
	os.RemoveAll(s.dir)
}

// Config returns how the driver connects to a database, which may be empty.
func (s *Server) Config(database string) *mysql.Config {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.DBName = User, Password, "tcp", s.Address, database
	c.Logger = &mysql.NopLogger{}
	return c
}

// Create makes a database, runs statements in it, and returns it. It is closed when the test ends.
func (s *Server) Create(t testing.TB, database string, statements ...string) *sql.DB {
	t.Helper()
	c := s.Config("")
	c.MultiStatements = true
	admin, err := sql.Open("mysql", c.FormatDSN())
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if _, err := admin.Exec("CREATE DATABASE `" + database + "`"); err != nil {
		t.Fatal(err)
	}
	c.DBName = database
	db, err := sql.Open("mysql", c.FormatDSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return db
}
