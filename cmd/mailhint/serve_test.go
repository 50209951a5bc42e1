package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const oneDomain = `
[server]
http = ["127.0.0.1:0"]
admin = "127.0.0.1:0"

[domains."example.com"]
imap = "imap.example.com"
smtp = "smtp.example.com"
`

// logBuffer collects what the program logs.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// running is the whole program on free ports.
type running struct {
	*program
	config string
	log    *logBuffer
	stop   func()
}

func startProgram(t *testing.T, config string) *running {
	t.Helper()
	file := filepath.Join(t.TempDir(), "domains.toml")
	write(t, file, config)
	return startProgramOn(t, file)
}

// startProgramOn is startProgram for a file that exists.
func startProgramOn(t *testing.T, file string) *running {
	t.Helper()
	log := new(logBuffer)
	p, err := open(file, systemNetwork(), slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return runProgram(t, p, file, log)
}

func runProgram(t *testing.T, p *program, file string, log *logBuffer) *running {
	t.Helper()
	p.server.Drain = 0
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- p.Run(ctx) }()
	var once sync.Once
	r := &running{program: p, config: file, log: log, stop: func() {
		once.Do(func() {
			cancel()
			if err := errors.Join(<-ended, p.Close()); err != nil {
				t.Errorf("the program's end: %v", err)
			}
		})
	}}
	t.Cleanup(r.stop)
	return r
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ask sends a request to one of the listeners and returns status and body.
func ask(t *testing.T, address, host, path string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func (r *running) public() string { return r.server.Addrs().HTTP[0].String() }
func (r *running) admin() string  { return r.server.Addrs().Admin.String() }

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("not within a minute: %s", what)
}

const path = "/mail/config-v1.1.xml"

func TestServe(t *testing.T) {
	r := startProgram(t, oneDomain)

	if status, body := ask(t, r.public(), "autoconfig.example.com", path); status != 200 || !strings.Contains(body, "<port>993</port>") {
		t.Errorf("example.com: got %d\n%s", status, body)
	}
	if status, _ := ask(t, r.public(), "autoconfig.other.example", path); status != 404 {
		t.Errorf("other.example: got %d, want 404", status)
	}
	if status, body := ask(t, r.admin(), "localhost", "/-/readyz"); status != 200 || !strings.Contains(body, "domains: 1") {
		t.Errorf("readyz: got %d\n%s", status, body)
	}
	if status, body := ask(t, r.admin(), "localhost", "/-/metrics"); status != 200 || !strings.Contains(body, "mailhint_requests_total") {
		t.Errorf("metrics: got %d\n%s", status, body)
	}
	for _, hidden := range []string{"/-/metrics", "/-/readyz", "/-/healthz"} {
		if status, _ := ask(t, r.public(), "example.com", hidden); status != 404 {
			t.Errorf("%s on the public listener: got %d, want 404", hidden, status)
		}
	}
	r.stop()
	if _, err := http.Get("http://" + r.public() + path); err == nil {
		t.Error("it still answers after it was stopped")
	}
}

// A good change of the file is served, a bad one is reported and not served, and the next good one ends that.
func TestServeNoticesChanges(t *testing.T) {
	r := startProgram(t, oneDomain)
	known := func(host string) bool {
		status, _ := ask(t, r.public(), host, path)
		return status == 200
	}
	ready := func() string {
		_, body := ask(t, r.admin(), "localhost", "/-/readyz")
		return body
	}

	second := strings.Replace(oneDomain, "[domains.\"example.com\"]", "[domains.\"second.example\"]", 1)
	write(t, r.config, second)
	eventually(t, "the new domain is served", func() bool { return known("autoconfig.second.example") })
	if known("autoconfig.example.com") {
		t.Error("the removed domain is still served")
	}

	write(t, r.config, second+"nonsense = 1\n")
	eventually(t, "readyz reports the bad file", func() bool { return strings.Contains(ready(), "nonsense") })
	if !known("autoconfig.second.example") {
		t.Error("with a bad file the domains are no longer served")
	}
	eventually(t, "the log reports the bad file", func() bool { return strings.Contains(r.log.String(), "still serving the previous one") })

	write(t, r.config, oneDomain)
	eventually(t, "the corrected file is served", func() bool { return known("autoconfig.example.com") })
	eventually(t, "readyz reports no bad file any more", func() bool { return !strings.Contains(ready(), "nonsense") })
}

// The limit of repeated requests is on, counts the clients that a trusted proxy names, and can be turned off.
func TestServeLimitsRepeats(t *testing.T) {
	t.Parallel()
	const behindProxy = "admin = \"127.0.0.1:0\"\ntrusted_proxies = [\"127.0.0.1\"]\n"
	for _, test := range []struct {
		line    string
		refused bool
	}{{"", true}, {"limit_repeats = true\n", true}, {"limit_repeats = false\n", false}} {
		r := startProgram(t, strings.Replace(oneDomain, "admin = \"127.0.0.1:0\"\n", behindProxy+test.line, 1))
		repeat := func(client string) (refused int) {
			for range 2000 { // 600 are answered at once, and 5 a second
				request, err := http.NewRequest(http.MethodGet, "http://"+r.public()+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				request.Host = "autoconfig.example.com"
				request.Header.Set("X-Forwarded-For", client)
				response, err := http.DefaultClient.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				io.Copy(io.Discard, response.Body) // only the status matters
				response.Body.Close()
				if response.StatusCode == http.StatusTooManyRequests {
					refused++
				}
			}
			return refused
		}
		got := repeat("192.0.2.1")
		if (got > 0) != test.refused {
			t.Errorf("%q: %d of 2,000 refused", test.line, got)
		}
		if _, metrics := ask(t, r.admin(), "localhost", "/-/metrics"); test.refused && !strings.Contains(metrics, fmt.Sprintf("\nmailhint_requests_repeated_total %d\n", got)) {
			t.Errorf("%q: the metric does not say that %d were refused", test.line, got)
		}
		if status, _ := ask(t, r.public(), "autoconfig.example.com", path); status != http.StatusOK {
			t.Errorf("%q: another client gets status %d", test.line, status)
		}
	}
}

func TestServeSaysThatTheServerTableNeedsARestart(t *testing.T) {
	r := startProgram(t, oneDomain)
	write(t, r.config, strings.Replace(oneDomain, "127.0.0.1:0\"]", "127.0.0.2:0\"]", 1))
	eventually(t, "the log says that a restart is needed", func() bool { return strings.Contains(r.log.String(), "restart mailhint to apply it") })
}

// show --url compares its answers with those of the running program.
func TestShowComparesWithARunningServer(t *testing.T) {
	r := startProgram(t, oneDomain)
	other := filepath.Join(t.TempDir(), "other.toml")
	write(t, other, strings.ReplaceAll(oneDomain, "imap.example.com", "elsewhere.example.com"))
	url := "http://" + r.public()

	tests := []struct {
		name string
		args []string
		code int
		says string
	}{
		{"same for thunderbird", []string{"--config", r.config, "show", "ann@example.com", "--url", url}, exitGood, "same: "},
		{"same for outlook", []string{"--config", r.config, "show", "ann@example.com", "--for", "outlook", "--url", url}, exitGood, "same: "},
		{"same without an address", []string{"--config", r.config, "show", "example.com", "--for", "outlook", "--url", url}, exitGood, "same: "},
		{"different", []string{"--config", other, "show", "ann@example.com", "--url", url}, exitProblem, "-      <hostname>elsewhere.example.com</hostname>\n+      <hostname>imap.example.com</hostname>"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := run(t.Context(), test.args, &out, &errs)
			if code != test.code || !strings.Contains(out.String(), test.says) {
				t.Errorf("exit code %d, want %d with %q\n%s%s", code, test.code, test.says, &out, &errs)
			}
		})
	}
}
