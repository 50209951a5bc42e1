package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mailhint/monitor"
	"mailhint/probe"
	"mailhint/resolver"
)

const probeConfig = `
[server]
http = ["127.0.0.1:0"]
admin = "127.0.0.1:0"
probe = "1h"
probe_private = ["127.0.0.0/8"]

[domains."example.com"]
imap = "imaps://example.com"
smtp = "submissions://other.example.com"
`

// loopback is a resolver for which all names are this machine, except one.
type loopback struct{}

func (loopback) Host(_ context.Context, name string) ([]netip.Addr, string, error) {
	if name == "gone.example.com" {
		return nil, name, fmt.Errorf("%s: %w", name, resolver.ErrNone)
	}
	return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, name, nil
}

func (loopback) MX(context.Context, string) ([]resolver.MX, error) { return nil, resolver.ErrNone }

// imapServer is a server with implicit TLS, whose certificate is for example.com. It returns its address and authority, and counts
// connections.
func imapServer(t *testing.T, count *atomic.Int64) (string, *x509.CertPool) {
	t.Helper()
	web := httptest.NewTLSServer(nil) // for its certificate
	certificates := web.TLS.Certificates
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	web.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certificates})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			count.Add(1)
			go serveIMAP(c)
		}
	}()
	return l.Addr().String(), roots
}

// serveIMAP answers what a look asks for.
func serveIMAP(c net.Conn) {
	defer c.Close()
	fmt.Fprint(c, "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] \x1b[2Jready\r\n")
	for in := bufio.NewScanner(c); in.Scan(); {
		tag, command, _ := strings.Cut(in.Text(), " ")
		switch strings.ToUpper(command) {
		case "CAPABILITY":
			fmt.Fprintf(c, "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n%s OK done\r\n", tag)
		case "LOGOUT":
			fmt.Fprintf(c, "* BYE\r\n%s OK done\r\n", tag)
			return
		default:
			fmt.Fprintf(c, "%s BAD what\r\n", tag)
		}
	}
}

// serve probes the advertised servers, follows reloads, and answers the same whatever it finds.
func TestServeProbes(t *testing.T) {
	var connections atomic.Int64
	address, roots := imapServer(t, &connections)
	network := network{resolver: loopback{}, prober: func(private []netip.Prefix) monitor.Prober {
		return &probe.Prober{Resolver: loopback{}, Private: private, Roots: roots,
			Dial: func(ctx context.Context, network, to string) (net.Conn, error) {
				if to != "127.0.0.1:993" {
					return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("unexpected connection to " + to)}
				}
				return new(net.Dialer).DialContext(ctx, network, address)
			}}
	}}
	p := startProgramIn(t, network, strings.Replace(probeConfig, `"submissions://other.example.com"`, "[]", 1))
	ready := func() string {
		status, body := ask(t, p.admin(), "localhost", "/-/readyz")
		if status != http.StatusOK {
			t.Errorf("readyz: %d", status)
		}
		return body
	}
	metric := func(line string) bool {
		_, body := ask(t, p.admin(), "localhost", "/-/metrics")
		return strings.Contains(body, "\n"+line)
	}
	eventually(t, "the server is found good", func() bool { return strings.Contains(ready(), "\nmail servers: 1 good, last probe ") })
	if !metric(`mailhint_probe_servers{state="good"} 1`) || !metric(`mailhint_probe_certificate_expiry_timestamp_seconds `) || !metric("mailhint_probe_last_timestamp_seconds ") {
		t.Error("the metrics do not show it")
	}
	before := connections.Load()

	// The certificate is for another name now, and a second host has no address.
	write(t, p.config, strings.NewReplacer("imaps://example.com", "imaps://www.other.example", "other.example.com", "gone.example.com").Replace(probeConfig))
	p.refused(p.file.Reload())
	eventually(t, "the faults are reported", func() bool {
		body := ready()
		return strings.Contains(body, "\nmail server www.other.example:993: certificate: ") && strings.Contains(body, "\nmail server gone.example.com:465: address: ")
	})
	if !metric(`mailhint_probe_servers{state="certificate"} 1`) || !metric(`mailhint_probe_servers{state="address"} 1`) || !metric(`mailhint_probe_servers{state="good"} 0`) {
		t.Error("the metrics do not show the faults")
	}
	if n := connections.Load() - before; n != 1 {
		t.Errorf("%d more connections, want 1: one host, one port", n)
	}
	if status, body := ask(t, p.public(), "autoconfig.example.com", path); status != http.StatusOK || !strings.Contains(body, "www.other.example") {
		t.Errorf("the answer depends on the probes: %d\n%s", status, body)
	}
}

// A server on loopback is private, and is not probed unless that is allowed.
func TestServeProbesNothingPrivate(t *testing.T) {
	var connections atomic.Int64
	address, roots := imapServer(t, &connections)
	network := network{resolver: loopback{}, prober: func(private []netip.Prefix) monitor.Prober {
		return &probe.Prober{Resolver: loopback{}, Private: private, Roots: roots, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		}}
	}}
	p := startProgramIn(t, network, strings.Replace(probeConfig, "probe_private", "# probe_private", 1))
	eventually(t, "the servers are listed", func() bool {
		_, body := ask(t, p.admin(), "localhost", "/-/readyz")
		return strings.Contains(body, "\nmail servers: 2 unknown, 0 good, last probe ") &&
			strings.Contains(body, "mail server example.com:993: unknown: 127.0.0.1 is a private address; add its network to probe_private to probe it\n")
	})
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

// Without the key probe nothing is probed.
func TestServeProbesOnlyIfAsked(t *testing.T) {
	network := network{resolver: loopback{}, prober: func([]netip.Prefix) monitor.Prober {
		t.Error("a prober was created")
		return nil
	}}
	p := startProgramIn(t, network, oneDomain)
	if _, body := ask(t, p.admin(), "localhost", "/-/readyz"); strings.Contains(body, "mail server") {
		t.Errorf("readyz:\n%s", body)
	}
}

// TestWaitForGreetings: where many servers are looked at, none is waited for longer than 20 seconds; for one domain, as long as Thunderbird
// waits.
func TestWaitForGreetings(t *testing.T) {
	if p := systemProber(nil).(*probe.Prober); p.Greeting != 20*time.Second {
		t.Errorf("the monitor waits %s for a greeting, want 20s", p.Greeting)
	}
	config := filepath.Join(t.TempDir(), "domains.toml")
	write(t, config, oneDomain+"\n[domains.\"example.net\"]\nimap = \"imap.example.net\"\nsmtp = []\n")
	t.Setenv("MAILHINT_CONFIG", config)
	for want, args := range map[time.Duration][]string{0: {"example.com"}, 20 * time.Second: {"example.com", "example.net"}, 20*time.Second + 1: nil} {
		root := newRoot()
		cmd, _, err := root.Find([]string{"doctor"})
		if err != nil {
			t.Fatal(err)
		}
		cmd.SetContext(t.Context())
		run, _, err := doctorFlags{all: args == nil, parallel: 1}.prepare(cmd, args, resolver.New())
		if err != nil {
			t.Fatal(err)
		}
		if p := run.Doctor.Prober.(*probe.Prober); p.Greeting != want.Truncate(time.Second) {
			t.Errorf("doctor %v waits %s for a greeting, want %s", args, p.Greeting, want.Truncate(time.Second))
		}
	}
}
