package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mailhint/certs"
	"mailhint/certs/pebbletest"
)

func portOf(t *testing.T, address string) int {
	t.Helper()
	port, err := netip.ParseAddrPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return int(port.Port())
}

// slowZone is slow to look up one name for the first time: it takes longer than a handshake may that does not wait for a certificate.
type slowZone struct {
	zoneOf
	slow  string
	https string // address of a listener that ends handshakes that take too long
	first *sync.Once
}

func (z slowZone) Host(ctx context.Context, name string) ([]netip.Addr, string, error) {
	if name == z.slow {
		z.first.Do(func() { waitUntilCutOff(z.https) }) // a look-up that does not heed its context
	}
	return z.zoneOf.Host(ctx, name)
}

// waitUntilCutOff opens a connection for a handshake, sends nothing, and waits until the server closes it.
func waitUntilCutOff(address string) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return // the server has stopped
	}
	defer c.Close()
	io.Copy(io.Discard, c) // its error is the end
}

// The whole program orders a certificate in the background for the names whose DNS points to it, serves and signs with it, and reports it;
// the command cert works beside it.
func TestACME(t *testing.T) {
	httpAddress, httpsAddress := pebbletest.FreeAddress(t), pebbletest.FreeAddress(t)
	ca := pebbletest.Start(t, portOf(t, httpAddress), portOf(t, httpsAddress), 90*24*time.Hour)
	config := fmt.Sprintf(`
[server]
name = "setup.example.com"
http = [%q]
https = [%q]
admin = "127.0.0.1:0"
tls = "acme"
acme_ca = [%q]
acme_root = %q
state_dir = %q
[domains."example.com"]
imap = "imap.example.com"
smtp = "smtp.example.com"
[domains."*.example.org"]
imap = "imap.example.org"
smtp = "smtp.example.org"
`, httpAddress, httpsAddress, ca.Directory(), ca.RootFile, t.TempDir())
	const slow = "ua-auto-config.example.com"
	zone := zoneOf{"setup.example.com": "127.0.0.1", "autoconfig.example.com": "127.0.0.1", "autodiscover.example.com": "192.0.2.1", slow: "127.0.0.1",
		"autoconfig.x.example.org": "127.0.0.1"}
	p := startProgramIn(t, network{resolver: slowZone{zone, slow, httpsAddress, new(sync.Once)}}, config)
	if _, err := askTLS(httpsAddress, slow, "/", ca.Issuing); err != nil {
		t.Errorf("a handshake that has to wait: %v", err)
	}
	admin := p.server.Addrs().Admin.String()
	eventually(t, "readyz counts the certificates", func() bool {
		_, text := ask(t, admin, "localhost", "/-/readyz")
		return strings.Contains(text, "certificates: 3 valid, 1 missing; 0 waiting to be ordered")
	})
	if _, text := ask(t, admin, "localhost", "/-/metrics"); !strings.Contains(text, "mailhint_certificates{state=\"valid\"} 3\n") ||
		!strings.Contains(text, "mailhint_acme_orders_total{result=\"ok\"} 3\n") || !strings.Contains(text, "mailhint_certificate_expiry_timestamp_seconds 1.") {
		t.Errorf("metrics: %s", text)
	}
	body, err := askTLS(httpsAddress, "autoconfig.example.com", "/mail/config-v1.1.xml?emailaddress=jo@example.com", ca.Issuing)
	if err != nil || !strings.Contains(body, "<hostname>imap.example.com</hostname>") {
		t.Errorf("over TLS: %v %s", err, body)
	}
	for _, name := range []string{"www.example.com", "autodiscover.example.com"} {
		if _, err := askTLS(httpsAddress, name, "/", ca.Issuing); err == nil {
			t.Errorf("%s has a certificate", name)
		}
	}
	profile, err := askTLS(httpsAddress, "autoconfig.example.com", "/email.mobileconfig?email=jo@example.com", ca.Issuing)
	if err != nil || strings.HasPrefix(profile, "<?xml") || !strings.Contains(profile, "<?xml") {
		t.Errorf("the profile is not signed: %v %.100q", err, profile)
	}

	tryCert(t, p.config, zone.serve(t))
	if _, err := askTLS(httpsAddress, "autoconfig.example.com", "/", ca.Issuing); err != nil {
		t.Errorf("after cert get: %v", err)
	}

	// Without the CA the existing certificates are still served, and readyz says so.
	ca.Kill()
	if _, err := askTLS(httpsAddress, slow, "/", ca.Issuing); err != nil {
		t.Errorf("an existing certificate while the CA cannot be reached: %v", err)
	}
	if _, err := askTLS(httpsAddress, "autoconfig.x.example.org", "/", ca.Issuing); err == nil {
		t.Error("a certificate was issued while the CA could not be reached")
	}
	eventually(t, "readyz says that the CA cannot be reached, and is still 200", func() bool {
		status, text := ask(t, admin, "localhost", "/-/readyz")
		return status == http.StatusOK && strings.Contains(text, "issues no certificates")
	})
	if status, text := ask(t, httpAddress, "autoconfig.example.com", path); status != http.StatusOK || !strings.Contains(text, "<port>993</port>") {
		t.Errorf("plain http while the CA cannot be reached: %d %s", status, text)
	}
}

// tryCert tries the command cert beside the server of TestACME.
func tryCert(t *testing.T, file, nameserver string) {
	t.Helper()
	out, _ := runCert(t, 0, file, "list", "--resolver", nameserver)
	if !strings.Contains(out, "autoconfig.example.com      valid    89 ") || !strings.Contains(out, ": 3 of 100 orders used this hour") ||
		!strings.Contains(out, "autodiscover.example.com    missing  -") || !strings.Contains(out, "autodiscover.example.com is not ordered: the name points to 192.0.2.1") {
		t.Errorf("cert list:\n%s", out)
	}
	var report certs.Report
	if out, _ = runCert(t, 0, file, "check", "--json"); json.Unmarshal([]byte(out), &report) != nil || len(report.Certificates) != 0 {
		t.Errorf("cert check:\n%s", out)
	}
	const name = "autoconfig.example.com"
	if out, _ := runCert(t, 0, file, "rm", name); !strings.Contains(out, "removed the certificate of "+name+"; it is still configured") {
		t.Errorf("cert rm: %s", out)
	}
	runCert(t, 1, file, "rm", name)
	runCert(t, 1, file, "rm", "..")
	runCert(t, 1, file, "get", "www.example.com")
	runCert(t, 1, file, "get", "autodiscover.example.com", "--resolver", nameserver)
	for range 2 { // the second time there is one
		if out, _ := runCert(t, 0, file, "get", name, "--resolver", nameserver); out != name+" has a certificate\n" {
			t.Errorf("cert get: %s", out)
		}
	}
	if out, _ = runCert(t, 0, file, "list", "--resolver", nameserver); !strings.Contains(out, ": 4 of 100 orders used") {
		t.Errorf("cert list after get:\n%s", out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(t.TempDir(), "domains.toml")
	write(t, moved, strings.Replace(string(text), `domains."example.com"`, `domains."example.net"`, 1))
	if out, _ = runCert(t, 0, moved, "list", "--resolver", nameserver); !strings.Contains(out, name+"      unused   89 ") {
		t.Errorf("cert list when the domain is no longer configured:\n%s", out)
	}
}

// runCert runs the command cert and returns what it prints.
func runCert(t *testing.T, want int, config string, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(context.Background(), append([]string{"--config", config, "cert"}, args...), &out, &errs); code != want {
		t.Errorf("cert %s: exit %d, want %d\n%s%s", args, code, want, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

func askTLS(address, name, path string, roots *x509.CertPool) (string, error) {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: name},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Get("https://" + name + path)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}
