// Package postgrestest runs the system's PostgreSQL in a temporary folder, for tests: a server of its own that can be stopped, killed and started
// again, a standby that follows it and can take its place, and a proxy that cuts and slows down connections.
//
// PostgreSQL refuses to run as root. When the tests run as root, it runs as the user postgres.
package postgrestest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mailhint/keypairs/keypairtest"
)

// User is the owner of the databases that Database makes. It has no password and may do everything in them.
const User = "mailhint"

// WithPassword is a role without members: those that a test gives it must sign in with a password.
const WithPassword = "with_password"

// patience is how long a server gets for starting, stopping and following, on a machine that has other work.
const patience = 2 * time.Minute

// Server is a PostgreSQL server on 127.0.0.1 and ::1. It ends with the test.
type Server struct {
	// Port is its TCP port, which stays the same once it has run.
	Port int
	// RootFile is the certificate that its own, for the name localhost, comes from.
	RootFile string

	dir     string // of everything
	data    string
	running *process
}

// process is one life of a server.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// Start starts a server with an empty cluster.
func Start(t testing.TB) *Server {
	t.Helper()
	s := newServer(t)
	s.tool(t, "initdb", "--pgdata", s.data, "--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync")
	s.write(t, filepath.Join(s.data, "pg_hba.conf"), access)
	s.Run(t)
	s.Exec(t, "postgres", "CREATE ROLE "+User+" LOGIN", "CREATE ROLE "+WithPassword)
	return s
}

// access lets everybody in who is not a member of WithPassword.
const access = `
host all         +with_password all scram-sha-256
host all         all            all trust
host replication all            all trust
`

func newServer(t testing.TB) *Server {
	t.Helper()
	find(t, "postgres")
	dir, err := os.MkdirTemp("", "postgrestest")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{dir: dir, data: filepath.Join(dir, "data")}
	t.Cleanup(func() {
		s.end(syscall.SIGQUIT)
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("postgrestest: %v", err)
		}
	})
	pair := keypairtest.New(t, keypairtest.Options{Names: []string{"localhost"}})
	cert, key := keypairtest.Write(t, dir, "server", pair)
	s.RootFile = cert
	if err := errors.Join(giveAway(dir), giveAway(cert), giveAway(key)); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *Server) write(t testing.TB, file, text string) {
	t.Helper()
	if err := errors.Join(os.WriteFile(file, []byte(text), 0o600), giveAway(file)); err != nil {
		t.Fatal(err)
	}
}

// Run starts a server, also one that has been stopped or killed, and waits until it takes connections.
func (s *Server) Run(t testing.TB) {
	t.Helper()
	isNew := s.Port == 0
	if isNew {
		s.Port = freePort(t)
	}
	deadline := time.Now().Add(patience)
	for s.start(t); ; {
		err := s.answers()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("PostgreSQL takes no connections: %v\n%s", err, s.log())
		}
		select {
		case <-s.running.ended: // another program may have taken the port, and the processes of a server that was killed may still be ending
			if isNew {
				s.Port = freePort(t)
			}
			time.Sleep(50 * time.Millisecond)
			s.start(t)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// answers returns why the server does not take connections. What answers at its port may be another one.
func (s *Server) answers() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.admin("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var data string
	if err := conn.QueryRow(ctx, "SHOW data_directory").Scan(&data); err != nil {
		return err
	}
	if data != s.data {
		return fmt.Errorf("at port %d, a server answers whose data are in %s", s.Port, data)
	}
	return nil
}

// start starts the program. The thread that has started it lives as long as it does: if the test is killed, so is PostgreSQL.
func (s *Server) start(t testing.TB) {
	t.Helper()
	p := &process{ended: make(chan struct{})}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command(find(t, "postgres"), "-D", s.data, "-p", fmt.Sprint(s.Port),
		"-c", "listen_addresses=localhost", "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "shared_buffers=64MB", "-c", "max_connections=200",
		"-c", "ssl=on", "-c", "ssl_cert_file="+s.RootFile, "-c", "ssl_key_file="+strings.TrimSuffix(s.RootFile, filepath.Ext(s.RootFile))+".key",
		"-c", "wal_keep_size=512MB", "-c", "max_wal_size=2GB", "-c", "autovacuum_naptime=10s")
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = s.dir, log, log
	asServer(p.cmd, true)
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer close(p.ended)
		defer log.Close()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.cmd.Wait() // how it ends is seen in its log
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	s.running = p
}

// Stop stops the server, as an administrator does: connections are closed, nothing is lost.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if !s.end(syscall.SIGINT) {
		t.Fatalf("PostgreSQL does not stop:\n%s", s.log())
	}
}

// Kill kills the server with SIGKILL, so that it recovers when it runs again.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	if !s.end(syscall.SIGKILL) {
		t.Fatal("PostgreSQL does not die")
	}
}

func (s *Server) end(signal syscall.Signal) bool {
	if s.running == nil {
		return true
	}
	s.running.cmd.Process.Signal(signal) // it may have ended already
	select {
	case <-s.running.ended:
		s.running = nil
		return true
	case <-time.After(patience):
		s.running.cmd.Process.Kill()
		return false
	}
}

// Standby starts a server that follows this one, with streaming replication.
func (s *Server) Standby(t testing.TB) *Server {
	t.Helper()
	standby := newServer(t)
	standby.tool(t, "pg_basebackup", "--pgdata", standby.data, "--host", "127.0.0.1", "--port", fmt.Sprint(s.Port), "--username", "postgres",
		"--write-recovery-conf", "--checkpoint", "fast", "--wal-method", "stream", "--no-sync")
	standby.Run(t)
	return standby
}

// AwaitStandby waits until a standby has everything that this server has committed.
func (s *Server) AwaitStandby(t testing.TB, standby *Server) {
	t.Helper()
	var position string
	s.query(t, "SELECT pg_current_wal_lsn()::text", &position)
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		var there bool
		standby.query(t, "SELECT coalesce(pg_last_wal_replay_lsn() >= '"+position+"'::pg_lsn, true)", &there)
		if there {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the standby does not follow:\n%s", standby.log())
		}
	}
}

// Promote makes a standby a primary, and waits until it is one.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	var promoted bool
	s.query(t, "SELECT pg_promote(true, 120)", &promoted)
	if !promoted {
		t.Fatalf("the standby was not promoted:\n%s", s.log())
	}
}

// URL is what a client needs to connect to a database as User.
func (s *Server) URL(database string) string { return s.url(User, database) }

// admin is URL for the superuser.
func (s *Server) admin(database string) string { return s.url("postgres", database) }

func (s *Server) url(user, database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(user), Host: fmt.Sprintf("127.0.0.1:%d", s.Port), Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// Database makes an empty database and returns its name.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := "d" + strings.ToLower(rand.Text()[:12])
	s.Exec(t, "postgres", "CREATE DATABASE "+name+" OWNER "+User)
	return name
}

// Exec runs statements as the superuser.
func (s *Server) Exec(t testing.TB, database string, statements ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.admin(database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func (s *Server) query(t testing.TB, statement string, result any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.admin("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if err := conn.QueryRow(ctx, statement).Scan(result); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// tool runs one of PostgreSQL's programs.
func (s *Server) tool(t testing.TB, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(find(t, name), args...)
	cmd.Dir = s.dir
	asServer(cmd, false)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// log returns the end of the server's log.
func (s *Server) log() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(text, []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-40):], []byte("\n")))
}

// find returns the path of one of PostgreSQL's programs, of the newest version that is installed.
func find(t testing.TB, name string) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if path, err := exec.LookPath(name); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		t.Skipf("PostgreSQL's %s is not installed; make programs installs it", name)
	}
	return slices.MaxFunc(found, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// shared is the server that the tests of a package share.
var shared struct {
	sync.Mutex
	server *Server
	ends   []func()
}

// Main runs the tests of a package, and then ends the server that they share:
//
//	func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }
func Main(m *testing.M) int {
	defer func() {
		for _, end := range slices.Backward(shared.ends) {
			end()
		}
	}()
	return m.Run()
}

// Shared returns the server that the tests of a package share. The package needs Main.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		shared.server = Start(lasting{t})
	}
	return shared.server
}

// lasting is a test whose cleanup waits for the end of all tests.
type lasting struct{ testing.TB }

func (l lasting) Cleanup(f func()) { shared.ends = append(shared.ends, f) }
func (l lasting) Errorf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}
