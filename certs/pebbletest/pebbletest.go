// Package pebbletest runs Pebble, Let's Encrypt's small ACME server for tests, with the name server that belongs to it, which gives
// every name the address of this machine. "make programs" builds both.
package pebbletest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"mailhint/keypairs/keypairtest"
)

// CA is a running Pebble.
type CA struct {
	Address     string            // host and port
	Root        tls.Certificate   // of its https server
	RootFile    string            // the same without its key, in PEM
	Roots       *x509.CertPool    // the same
	Issuing     *x509.CertPool    // of the certificates that it issues
	IssuingRoot *x509.Certificate // the same

	kill func()
}

// Profile is the only profile it offers, and so its default.
const Profile = "test"

// Directory is the URL to give to an ACME client.
func (ca *CA) Directory() string { return "https://" + ca.Address + "/dir" }

// Kill ends the CA at once.
func (ca *CA) Kill() { ca.kill() }

// Start starts a CA that connects to these ports for its challenges, and issues certificates that are valid for the given time. It ends
// with the test.
func Start(t testing.TB, httpPort, tlsPort int, valid time.Duration) *CA {
	t.Helper()
	return StartWithDNS(t, "", httpPort, tlsPort, valid)
}

// StartWithDNS is Start for a CA that asks this name server, which must have addresses for any.test; if it is empty, the one that gives every
// name the address of this machine.
func StartWithDNS(t testing.TB, nameServer string, httpPort, tlsPort int, valid time.Duration) *CA {
	t.Helper()
	pebble, names := Tool(t, "pebble"), Tool(t, "pebble-challtestsrv")
	for range 5 { // another program may have one of its ports for UDP
		if ca := start(t, pebble, names, nameServer, httpPort, tlsPort, valid); ca != nil {
			return ca
		}
	}
	t.Fatal("Pebble did not answer, in five attempts")
	return nil
}

// start returns nil if the CA does not answer.
func start(t testing.TB, pebble, names, resolver string, httpPort, tlsPort int, valid time.Duration) *CA {
	t.Helper()
	dir := t.TempDir()
	ca := &CA{Address: FreeAddress(t), Root: keypairtest.New(t, keypairtest.Options{}),
		Roots: x509.NewCertPool(), Issuing: x509.NewCertPool()}
	ca.Roots.AddCert(ca.Root.Leaf)
	rootFile, keyFile := keypairtest.Write(t, dir, "root", ca.Root)
	ca.RootFile = rootFile
	management := FreeAddress(t)
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": ca.Address, "managementListenAddress": management, "httpPort": httpPort, "tlsPort": tlsPort,
		"certificate": ca.RootFile, "privateKey": keyFile,
		"profiles":   map[string]any{Profile: map[string]any{"description": "for tests", "validityPeriod": int(valid.Seconds())}},
		"retryAfter": map[string]int{"authz": 0, "order": 0},
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	if resolver == "" {
		resolver = FreeAddress(t)
		run(t, names, "-dnsserver", resolver, "-management", FreeAddress(t), "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
			"-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "")
	}
	ca.kill = run(t, pebble, "-config", file, "-dnsserver", resolver)

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Roots}}}
	t.Cleanup(client.CloseIdleConnections)
	root := untilAnswers(client, "https://"+management+"/roots/0")
	if root == nil || !resolves("udp", resolver) || !resolves("tcp", resolver) || untilAnswers(client, ca.Directory()) == nil {
		return nil
	}
	block, _ := pem.Decode(root)
	if block == nil {
		t.Fatalf("Pebble's root is not valid PEM: %s", root)
	}
	if ca.IssuingRoot, err = x509.ParseCertificate(block.Bytes); err != nil {
		t.Fatalf("Pebble's root: %v", err)
	}
	ca.Issuing.AddCert(ca.IssuingRoot)
	return ca
}

// Tool finds a program that "make programs" has built, or that is installed.
func Tool(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		built := filepath.Join(dir, "build", "tools", name)
		if _, err := os.Stat(built); err == nil {
			return built
		}
		dir = filepath.Dir(dir)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed; make programs builds it", name)
	}
	return path
}

// untilAnswers waits for an address to answer, and returns nil if it does not.
func untilAnswers(client *http.Client, address string) []byte {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		res, err := client.Get(address)
		if err == nil {
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err == nil && res.StatusCode == http.StatusOK {
				return body
			}
		}
	}
	return nil
}

// resolves waits for a DNS server to answer, and reports whether it does.
func resolves(network, address string) bool {
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for ; ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		if _, err := r.LookupIP(ctx, "ip4", "any.test."); err == nil {
			return true
		}
	}
	return false
}

// run runs a program until the test ends, or kill is called. Pebble reuses no authorization, and does not wait at random before its
// challenges. It refuses 5 % of the nonces, which is its default.
func run(t testing.TB, name string, args ...string) (kill func()) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "PEBBLE_AUTHZREUSE=0", "PEBBLE_VA_NOSLEEP=1")
	var last lastLines
	cmd.Stdout, cmd.Stderr = &last, &last
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		cmd.Process.Kill()
		cmd.Wait() // killed, which is an error
	})
	t.Cleanup(func() {
		kill()
		if t.Failed() {
			t.Logf("the last output of %s:\n%s", filepath.Base(name), last.String())
		}
	})
	return kill
}

// lastLines keeps the end of what is written to it.
type lastLines struct {
	mu   sync.Mutex
	text []byte
}

func (l *lastLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text = append(l.text, p...); len(l.text) > 16<<10 {
		l.text = bytes.Clone(l.text[len(l.text)-8<<10:])
	}
	return len(p), nil
}

func (l *lastLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// FreeAddress returns an address at which nothing listens, for programs that cannot choose one. Until the test ends, no other program gets it
// by chance.
func FreeAddress(t testing.TB) string {
	t.Helper()
	address, release, err := reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return address
}
