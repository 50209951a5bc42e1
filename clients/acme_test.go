//go:build linux

package clients_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestThunderbirdTrustsACME checks that the real Thunderbird finds its settings over https, with a certificate that the real program has
// obtained from Pebble. Thunderbird trusts only Pebble's root. All of this runs in namespaces of its own, where every name points to this
// machine and the ports are the standard ones.
func TestThunderbirdTrustsACME(t *testing.T) {
	const program = "MAILHINT_CLIENTS_PROGRAM"
	pebble, dns := acmeTool(t, "pebble"), acmeTool(t, "pebble-challtestsrv")
	if _, err := exec.LookPath("thunderbird"); err != nil {
		t.Skip("thunderbird is not installed: apt-get install thunderbird")
	}
	if os.Getenv(program) == "" {
		runInNamespaces(t, program)
		return
	}
	dir := t.TempDir()
	settle(t, dir)
	run := func(name string, args ...string) (ended <-chan struct{}) {
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "PEBBLE_VA_NOSLEEP=1")
		return runInGroup(t, cmd, filepath.Join(dir, filepath.Base(name)+".log"))
	}
	run(dns, "-dnsserver", "127.0.0.1:53", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "")
	https, _, pair := testCertificate(t, "ca.example")
	writePEM(t, filepath.Join(dir, "root.pem"), "CERTIFICATE", https.Raw)
	writeFile(t, dir, "pebble.json", fmt.Sprintf(`{"pebble": {"listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
		"certificate": %q, "privateKey": %q, "httpPort": 80, "tlsPort": 443, "profiles": {"usual": {"description": "usual", "validityPeriod": 7776000}}}}`,
		pair.Cert, pair.Key))
	issuing := pebbleRoot(t, https, run(pebble, "-config", "pebble.json", "-dnsserver", "127.0.0.1:53"))

	writeFile(t, dir, "domains.toml", `[server]
tls = "acme"
acme_ca = ["https://ca.example:14000/dir"]
acme_root = "root.pem"
state_dir = "state"
[domains."example.com"]
imap = "imap.example.com"
smtp = "smtp.example.com"
`)
	ended := run(os.Getenv(program), "serve", "--config", "domains.toml")
	roots := x509.NewCertPool()
	roots.AddCert(issuing)
	until(t, ended, "the certificate is used", func() error {
		c, err := tls.Dial("tcp", "127.0.0.1:443", &tls.Config{ServerName: "autoconfig.example.com", RootCAs: roots})
		if err == nil {
			err = c.Close()
		}
		return err
	})

	tb := startThunderbird(t, issuing, 80, 443)
	got, err := tb.find(t, "ann@example.com")
	if err != nil {
		t.Fatalf("%v; requests:\n%s", err, strings.Join(got.Asked, "\n"))
	}
	want := mailServer{Type: "imap", Host: "imap.example.com", Port: 993, Security: "SSL", Auth: "password-cleartext", Username: "ann@example.com"}
	if got.Source != "xml-from-isp-https" || got.Account.Incoming != want {
		t.Errorf("found %+v at %q, want %+v by https; requests:\n%s", got.Account.Incoming, got.Source, want, strings.Join(got.Asked, "\n"))
	}
}

// runInNamespaces runs this test again with the program in namespaces of its own. When these end, so does everything in them.
func runInNamespaces(t *testing.T, variable string) {
	t.Helper()
	built := filepath.Join(t.TempDir(), "mailhint")
	if out, err := exec.Command("go", "build", "-o", built, "mailhint/cmd/mailhint").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	args := []string{"unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"}
	if os.Geteuid() != 0 {
		if err := exec.Command("sudo", "-n", "true").Run(); err != nil {
			t.Skip("creating a network namespace needs root, or sudo without a password")
		}
		args = append([]string{"sudo", "-n"}, args...)
	}
	if err := exec.Command(args[0], append(args[1:], "true")...).Run(); err != nil {
		t.Skipf("%v does not work here, so there is no network for this test: %v", args, err)
	}
	args = append(args, "env", variable+"="+built, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=5m")
	out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput()
	t.Logf("in namespaces:\n%s", out)
	if err != nil {
		t.Errorf("in namespaces: %v", err)
	}
}

// settle brings up the loopback interface, and makes it the address of the name server.
func settle(t *testing.T, dir string) {
	t.Helper()
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Fatalf("ip: %v\n%s", err, out)
	}
	writeFile(t, dir, "resolv.conf", "nameserver 127.0.0.1\n")
	if err := syscall.Mount(filepath.Join(dir, "resolv.conf"), "/etc/resolv.conf", "", syscall.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
}

func writeFile(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// acmeTool returns the path of a program that "make programs" builds.
func acmeTool(t *testing.T, name string) string {
	t.Helper()
	if built, err := filepath.Abs(filepath.Join("..", "build", "tools", name)); err == nil {
		if _, err := os.Stat(built); err == nil {
			return built
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed; \"make programs\" builds it", name)
	}
	return path
}

// pebbleRoot waits for Pebble, and returns the root of its certificates.
func pebbleRoot(t *testing.T, https *x509.Certificate, ended <-chan struct{}) *x509.Certificate {
	t.Helper()
	trusted := x509.NewCertPool()
	trusted.AddCert(https)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, ServerName: "ca.example"}}}
	defer client.CloseIdleConnections()
	var root *x509.Certificate
	until(t, ended, "Pebble returns its root", func() error {
		response, err := client.Get("https://127.0.0.1:15000/roots/0")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		block, _ := pem.Decode(text)
		if block == nil {
			return fmt.Errorf("it returns %.100q", text)
		}
		root, err = x509.ParseCertificate(block.Bytes)
		return err
	})
	return root
}

// until tries something until it works or the program that it depends on has ended.
func until(t *testing.T, ended <-chan struct{}, what string, try func() error) {
	t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	timeout := time.After(2 * time.Minute)
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-again.C:
		case <-ended:
			t.Fatalf("%s: the program ended before: %v", what, err)
		case <-timeout:
			t.Fatalf("%s: not after two minutes: %v", what, err)
		}
	}
}
