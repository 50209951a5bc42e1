//go:build linux

package lab

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The program restarts under load while its socket stays open, as systemd keeps it.
func TestRestartWithSocketActivation(t *testing.T) {
	if outside != "" {
		t.Skip(outside)
	}
	const restarts, clients = 5, 8
	address, socket := openSocket(t)
	p := &activated{purpose: "http", config: filepath.Join(t.TempDir(), "domains.toml"), socket: socket}
	write(t, p.config, "[server]\nhttp = [\"192.0.2.1:80\"] # cannot be opened here\nadmin = \"127.0.0.1:0\"\n"+exampleDomain)
	p.start(t)
	defer p.stop(t)

	done := make(chan struct{})
	var answered, failed atomic.Int64
	var running sync.WaitGroup
	for i := range clients {
		running.Go(func() {
			transport := &http.Transport{DisableKeepAlives: i%2 == 0}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport, Timeout: testTimeout}
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := askOnce(client, address); err != nil {
					failed.Add(1)
					t.Log(err)
					continue
				}
				answered.Add(1)
				time.Sleep(time.Millisecond)
			}
		})
	}
	for range restarts {
		before := answered.Load()
		eventually(t, "there is load", func() bool { return answered.Load() > before+200 })
		p.stop(t)
		p.start(t)
	}
	before := answered.Load()
	eventually(t, "the last one answers", func() bool { return answered.Load() > before+200 })
	close(done)
	running.Wait()
	t.Logf("%d restarts, %d requests answered, %d failed", restarts, answered.Load(), failed.Load())
	if failed.Load() > 0 {
		t.Errorf("%d requests failed, want none", failed.Load())
	}
}

// askOnce asks for the settings of example.com, and does not try again when the connection fails.
func askOnce(client *http.Client, address string) error {
	r, err := http.NewRequest(http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return err
	}
	r.Host = "autoconfig.example.com"
	r.Body, r.GetBody = nil, nil
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || !strings.Contains(string(body), "<port>993</port>")) {
		err = fmt.Errorf("%s %q", response.Status, body)
	}
	return err
}

// activated is mailhint, started as systemd does it for a socket unit.
type activated struct {
	purpose string // of the socket
	config  string
	socket  *os.File
	running *process
}

// start starts it and waits until it reports that it is ready.
func (p *activated) start(t *testing.T) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "notify")
	ready, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Close()
	// A shell, because LISTEN_PID must be the number of the process that reads it.
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" serve --drain 300ms --config "$1"`, os.Getenv(insideProgram), p.config)
	cmd.Env = append(os.Environ(), "LISTEN_FDS=1", "LISTEN_FDNAMES="+p.purpose, "NOTIFY_SOCKET="+name)
	cmd.ExtraFiles = []*os.File{p.socket}
	p.running = startCommand(t, "mailhint", filepath.Dir(p.config), cmd)
	ready.SetReadDeadline(time.Now().Add(testTimeout))
	message := make([]byte, 1000)
	n, err := ready.Read(message)
	if err != nil || !strings.HasPrefix(string(message[:n]), "READY=1") {
		cmd.Process.Kill()
		t.Fatalf("mailhint is not ready: %v, it sent %q\n%s", err, message[:n], tail(p.running.log))
	}
}

func (p *activated) stop(t *testing.T) {
	t.Helper()
	p.running.stop(t)
	if p.running.err != nil {
		t.Errorf("mailhint ended with %v\n%s", p.running.err, tail(p.running.log))
	}
}
