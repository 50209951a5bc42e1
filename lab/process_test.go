//go:build linux

package lab

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// process is a running server. It need not be stopped: it goes with the namespace.
type process struct {
	*exec.Cmd
	name, log string
	ended     chan struct{} // closed when it has ended
	err       error         // of its end
	stopped   bool          // by the test
}

// processes are all that were started.
var processes []*process

// explain logs which servers have ended that should still run, if a test failed.
func explain(t testing.TB) {
	if !t.Failed() {
		return
	}
	for _, p := range processes {
		if p.stopped {
			continue
		}
		select {
		case <-p.ended:
			t.Logf("%s has ended:\n%s", p.name, tail(p.log))
		default:
		}
	}
}

// find returns the path of a program, or skips the test. One without a Debian package is built by "make programs".
func find(t testing.TB, program, debianPackage string) string {
	t.Helper()
	for _, name := range []string{program, "/usr/sbin/" + program, "/usr/lib/postfix/sbin/" + program, "../build/tools/" + program} {
		if path, err := exec.LookPath(name); err == nil {
			if path, err = filepath.Abs(path); err == nil {
				return path
			}
		}
	}
	if debianPackage == "" {
		t.Skipf("%s is not installed; make programs builds it", program)
	}
	t.Skipf("%s is not installed: apt-get install %s", program, debianPackage)
	return ""
}

// start starts a server that writes to the directory dir.
func start(t testing.TB, name, dir string, argv ...string) *process {
	t.Helper()
	return startCommand(t, name, dir, exec.Command(argv[0], argv[1:]...))
}

func startCommand(t testing.TB, name, dir string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{Cmd: cmd, name: name, log: filepath.Join(dir, "log-"+name), ended: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	processes = append(processes, p)
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p
}

// stop asks a server to end, and waits until it has.
func (p *process) stop(t testing.TB) {
	t.Helper()
	p.stopped = true
	p.Process.Signal(syscall.SIGTERM) // fails if it has ended
	select {
	case <-p.ended:
	case <-time.After(testTimeout):
		p.Process.Kill()
		t.Fatalf("%s has not ended %s after SIGTERM\n%s", p.name, testTimeout, tail(p.log))
	}
}

// testTimeout is how long a test waits for what must happen, on a machine that is busy with other things.
const testTimeout = 2 * time.Minute

// eventually waits until something is so.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("not within %s: %s", testTimeout, what)
}

// someAttempts tries what fails once in a while on a machine that is busy with other things, because a server answers too late. It must
// succeed in one of three attempts.
func someAttempts(t testing.TB, try func() error) {
	t.Helper()
	for i := 1; ; i++ {
		err := try()
		if err == nil {
			return
		}
		if i == 3 {
			t.Errorf("in each of %d attempts; the last: %v", i, err)
			return
		}
		t.Logf("attempt %d: %v", i, err)
	}
}

// await waits until a check of the server passes.
func (p *process) await(t testing.TB, ready func() error) {
	t.Helper()
	deadline := time.Now().Add(testTimeout)
	for {
		err := ready()
		if err == nil {
			return
		}
		select {
		case <-p.ended:
			err = errors.Join(errors.New("it has ended"), p.err, err)
			deadline = time.Time{}
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not start: %v\n%s", p.name, err, tail(p.log))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// accepts returns a check that all addresses accept connections.
func accepts(addresses ...string) func() error {
	return func() error {
		for _, address := range addresses {
			conn, err := net.DialTimeout("tcp", address, time.Second)
			if err != nil {
				return err
			}
			conn.Close()
		}
		return nil
	}
}

// tail is the end of a file.
func tail(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(text[max(0, len(text)-4000):]))
}

// write writes a file of a server's configuration.
func write(t testing.TB, file, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}
