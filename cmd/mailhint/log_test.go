//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// logged is "mailhint serve" in a process of its own, with a pipe for its log that is read only while the test says so.
type logged struct {
	*exec.Cmd
	public, admin string
	pipe          *os.File
	text          bytes.Buffer // what has been read
	ended         chan struct{}
}

// startLogged starts the program and reads its log until it serves.
func startLogged(t *testing.T) *logged {
	t.Helper()
	config := filepath.Join(t.TempDir(), "domains.toml")
	write(t, config, oneDomain)
	read, written, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &logged{Cmd: exec.Command("mailhint", "serve", "--config", config, "--drain", "0s"), pipe: read, ended: make(chan struct{})}
	p.Stderr = written
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	written.Close() // the process has its own
	go func() {
		p.Wait() // its code is read from ProcessState
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.Process.Kill() // fails if it has ended
		<-p.ended
		read.Close()
	})
	p.readUntil(t, regexp.MustCompile(`msg=serving`))
	address := func(purpose string) string {
		return string(regexp.MustCompile(`msg=listening for=` + purpose + ` address=(\S+)`).FindSubmatch(p.text.Bytes())[1])
	}
	p.public, p.admin = address("http"), address("admin")
	return p
}

// readUntil reads the log until it contains something.
func (p *logged) readUntil(t *testing.T, what *regexp.Regexp) []string {
	t.Helper()
	p.pipe.SetReadDeadline(time.Now().Add(time.Minute)) // works for pipes
	for piece := make([]byte, 4096); ; {
		if found := what.FindStringSubmatch(p.text.String()); found != nil {
			return found
		}
		n, err := p.pipe.Read(piece)
		p.text.Write(piece[:n])
		if err != nil {
			t.Fatalf("reading the log until it says %q: %v\n%.2000s", what, err, &p.text)
		}
	}
}

// readAll reads the rest of the log, which ends with the process.
func (p *logged) readAll(t *testing.T) {
	t.Helper()
	p.pipe.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.Copy(&p.text, p.pipe); err != nil {
		t.Fatal(err)
	}
}

// ends sends SIGTERM and waits for the end, which must come without an error.
func (p *logged) ends(t *testing.T, within time.Duration) {
	t.Helper()
	p.Process.Signal(syscall.SIGTERM) // fails if it has ended, which is seen below
	select {
	case <-p.ended:
	case <-time.After(within):
		t.Fatalf("still running %s after SIGTERM", within)
	}
	if code := p.ProcessState.ExitCode(); code != exitGood {
		t.Errorf("exit code %d", code)
	}
}

// askMany sends requests that each write a long line to the log, and returns an error for the first that is not answered.
func askMany(address string, count int) error {
	client := &http.Client{Timeout: time.Minute}
	defer client.CloseIdleConnections()
	host := "autoconfig." + strings.Repeat(strings.Repeat("a", 60)+".", 3) + "example.com"
	for i := range count {
		r, err := http.NewRequest(http.MethodGet, "http://"+address+"/"+strconv.Itoa(i), nil)
		if err != nil {
			return err
		}
		r.Host = host
		response, err := client.Do(r)
		if err != nil {
			return fmt.Errorf("request %d: %w", i, err)
		}
		io.Copy(io.Discard, response.Body) // a request that is cut off is seen at the next one
		response.Body.Close()
		if response.StatusCode != http.StatusNotFound {
			return fmt.Errorf("request %d: status %d", i, response.StatusCode)
		}
	}
	return nil
}

// A log that nobody reads stops neither requests nor metrics. At most 1 MiB of lines is kept meanwhile; the others are counted, and the log
// says how many there were when somebody reads it again.
func TestLogReaderStalls(t *testing.T) {
	t.Parallel()
	const clients, each = 8, 600 // at more than 300 octets a line, well over 1 MiB
	p := startLogged(t)
	var asking sync.WaitGroup
	errs := make([]error, clients)
	for i := range errs {
		asking.Go(func() { errs[i] = askMany(p.public, each) })
	}
	asking.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	if status, _ := ask(t, p.admin, "localhost", "/-/healthz"); status != http.StatusOK {
		t.Errorf("healthz: status %d", status)
	}
	_, metrics := ask(t, p.admin, "localhost", "/-/metrics")
	counted := regexp.MustCompile(`(?m)^mailhint_log_lines_dropped_total ([1-9]\d*)$`).FindStringSubmatch(metrics)
	if counted == nil {
		t.Fatal("/-/metrics shows no dropped lines")
	}
	said := p.readUntil(t, regexp.MustCompile(`level=WARN msg="log lines were dropped, .*" lines=(\d+)\n`))
	if said[1] != counted[1] {
		t.Errorf("the log says that %s lines were dropped, the metric %s", said[1], counted[1])
	}
	dropped, _ := strconv.Atoi(said[1]) // matches as a number
	if got := strings.Count(p.text.String(), "msg=request "); got+dropped != clients*each {
		t.Errorf("%d requests: %d lines in the log, %d dropped", clients*each, got, dropped)
	}
	if kept := p.text.Len(); kept < 1<<20 || kept > 3<<19 {
		t.Errorf("%d octets of lines were kept, want 1 MiB, and some in the pipe", kept)
	}
	p.ends(t, time.Minute)
}

// A log that nobody reads does not keep the program from ending.
func TestLogReaderStallsAtTheEnd(t *testing.T) {
	t.Parallel()
	p := startLogged(t)
	if err := askMany(p.public, 1000); err != nil {
		t.Fatal(err)
	}
	p.ends(t, time.Minute)
}

// The log is complete when the program has ended.
func TestLastLogLines(t *testing.T) {
	t.Parallel()
	p := startLogged(t)
	if err := askMany(p.public, 20); err != nil {
		t.Fatal(err)
	}
	p.ends(t, time.Minute)
	p.readAll(t)
	if got := strings.Count(p.text.String(), "msg=request "); got != 20 || !strings.Contains(p.text.String(), `msg="shutting down"`) {
		t.Errorf("%d lines of 20 requests, then\n%s", got, p.text.String()[max(0, p.text.Len()-400):])
	}
}

// When the reader of the log has ended, requests are still answered, and the lines count as dropped.
func TestLogReaderEnds(t *testing.T) {
	t.Parallel()
	p := startLogged(t)
	p.pipe.Close()
	dropped := regexp.MustCompile(`(?m)^mailhint_log_lines_dropped_total ([1-9]\d*)$`)
	eventually(t, "lines count as dropped", func() bool {
		if err := askMany(p.public, 1); err != nil {
			t.Fatal(err)
		}
		_, metrics := ask(t, p.admin, "localhost", "/-/metrics")
		return dropped.MatchString(metrics)
	})
	if err := askMany(p.public, 100); err != nil {
		t.Fatal(err)
	}
	p.ends(t, time.Minute)
}

// A program that cannot start ends, also while whatever reads its messages has stalled.
func TestStartFailsWhileLogReaderStalls(t *testing.T) {
	t.Parallel()
	read, written, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer written.Close()
	written.SetWriteDeadline(time.Now().Add(time.Second)) // works for pipes
	for full := false; !full; {
		_, err := written.Write(make([]byte, 1024))
		full = err != nil // after at most a second there is no room
	}
	for name, args := range map[string][]string{
		"no configuration": {"serve", "--config", filepath.Join(t.TempDir(), "none.toml")},
		"unknown command":  {"serv"},
	} {
		cmd := exec.Command("mailhint", args...)
		cmd.Stderr = written
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		late := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
		cmd.Wait() // its code is read from ProcessState
		late.Stop()
		if code := cmd.ProcessState.ExitCode(); code != exitUnknown && code != exitUsage {
			t.Errorf("%s: exit code %d", name, code)
		}
	}
}
