package main

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
)

// health follows the configuration, however broken it has become, to the running server.
func TestHealth(t *testing.T) {
	p := startProgram(t, oneDomain)
	admin := p.server.Addrs().Admin.String()
	file := filepath.Join(t.TempDir(), "broken.toml")
	write(t, file, "[server]\nadmin = \""+admin+"\"\nimpa = 1\n[[\n")
	health := func(args ...string) (int, string) {
		var stdout, stderr bytes.Buffer
		code := run(context.Background(), append([]string{"health"}, args...), &stdout, &stderr)
		return code, stdout.String() + stderr.String()
	}
	if code, out := health("--config", file); code != exitGood || out != "ok\n" {
		t.Errorf("exit code %d: %s", code, out)
	}
	if code, out := health("--address", admin, "--ready"); code != exitGood || !strings.HasPrefix(out, "ready\n") {
		t.Errorf("ready: exit code %d: %s", code, out)
	}
	p.stop()
	if code, out := health("--config", file); code != exitUnknown || !strings.Contains(out, "no server answers at "+admin) {
		t.Errorf("stopped: exit code %d: %s", code, out)
	}
	if code, _ := health("--config", file+".none"); code != exitUnknown {
		t.Errorf("no configuration: exit code %d", code)
	}
	if code, _ := health("now"); code != exitUsage {
		t.Errorf("an argument: exit code %d", code)
	}
}

// A server that nobody watches warns if no one else can connect to it, unless a proxy on the machine passes requests on.
func TestWarnOfLoopback(t *testing.T) {
	const warning = "only this machine can connect"
	for name, test := range map[string]struct {
		server string
		warns  bool
	}{
		"loopback":  {`http = ["127.0.0.1:0", "[::1]:0"]`, true},
		"every":     {`http = ["127.0.0.1:0", ":0"]`, false},
		"a proxy":   {"http = [\"127.0.0.1:0\"]\ntrusted_proxies = \"127.0.0.1\"", false},
		"localhost": {`http = "localhost:0"`, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := startProgram(t, "[server]\nadmin = \"127.0.0.1:0\"\n"+test.server+"\n[domains.\"a.example\"]\nimap = \"imap.a.example\"\nsmtp = []\n")
			if before := strings.Contains(p.log.String(), warning); before {
				t.Error("it warns although somebody may be watching")
			}
			p.warnOfLoopback()
			if got := strings.Contains(p.log.String(), warning); got != test.warns {
				t.Errorf("warns: %v, want %v\n%s", got, test.warns, p.log)
			}
		})
	}
}

// In a container, an environment variable says where to listen as long as the configuration does not.
func TestHTTPOfEnvironment(t *testing.T) {
	const domain = "[domains.\"a.example\"]\nimap = \"imap.a.example\"\nsmtp = []\n"
	t.Setenv("MAILHINT_HTTP", ":0")
	p := startProgram(t, "[server]\nadmin = \"127.0.0.1:0\"\n"+domain)
	if a := netip.MustParseAddrPort(p.server.Addrs().HTTP[0].String()); !a.Addr().IsUnspecified() {
		t.Errorf("it listens on %s", a)
	}
	p = startProgram(t, oneDomain)
	if a := netip.MustParseAddrPort(p.server.Addrs().HTTP[0].String()); !a.Addr().IsLoopback() {
		t.Errorf("it listens on %s although the configuration says otherwise", a)
	}
	t.Setenv("MAILHINT_HTTP", "8080")
	file := filepath.Join(t.TempDir(), "domains.toml")
	write(t, file, domain)
	if _, err := open(file, systemNetwork(), slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), `"8080" in the environment variable MAILHINT_HTTP`) {
		t.Errorf("error %v", err)
	}
}
