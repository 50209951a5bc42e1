//go:build linux

package lab

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// process is a running server. It needs no end: it goes with the namespace.
type process struct {
	name, log string
	ended     chan struct{}
}

// processes are all that were started.
var processes []*process

// explain logs the end of each server that should still run, if a test failed.
func explain(t testing.TB) {
	if !t.Failed() {
		return
	}
	for _, p := range processes {
		select {
		case <-p.ended:
			t.Logf("%s has ended:\n%s", p.name, tail(p.log))
		default:
		}
	}
}

// find returns the path of a program, or skips the test.
func find(t testing.TB, program, debianPackage string) string {
	t.Helper()
	for _, name := range []string{program, "/usr/sbin/" + program, "/usr/lib/postfix/sbin/" + program} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed: apt-get install %s", program, debianPackage)
	return ""
}

// start starts a server, which writes into the folder dir.
func start(t testing.TB, name, dir string, argv ...string) *process {
	t.Helper()
	return startCommand(t, name, dir, exec.Command(argv[0], argv[1:]...))
}

func startCommand(t testing.TB, name, dir string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{name: name, log: filepath.Join(dir, "log"), ended: make(chan struct{})}
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
		cmd.Wait() // what it says stands in its log
		close(p.ended)
	}()
	return p
}

// await waits until a check of the server passes.
func (p *process) await(t testing.TB, ready func() error) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := ready()
		if err == nil {
			return
		}
		select {
		case <-p.ended:
			err = errors.Join(errors.New("it has ended"), err)
			deadline = time.Time{}
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not start: %v\n%s", p.name, err, tail(p.log))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// accepts returns a check that somebody listens at all addresses.
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
