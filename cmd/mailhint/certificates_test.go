package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailhint/resolver"
)

// acmeLab is a Pebble that asks back at httpPort and tlsPort. The package certs tests against a more elaborate one.
type acmeLab struct {
	directory, root string         // address, and the file of what its https certificate comes from
	issuing         *x509.CertPool // of what it issues
}

func startACME(t *testing.T, httpPort, tlsPort string) *acmeLab {
	t.Helper()
	pebble, dns := acmeTool(t, "pebble"), acmeTool(t, "pebble-challtestsrv")
	dir := t.TempDir()
	lab := &acmeLab{root: filepath.Join(dir, "cert.pem"), issuing: x509.NewCertPool()}
	keyFile := filepath.Join(dir, "key.pem")
	roots := writeLoopbackPair(t, lab.root, keyFile)
	directory, management, names := freeAddress(t), freeAddress(t), freeAddress(t)
	config := fmt.Sprintf(`{"pebble": {"listenAddress": %q, "managementListenAddress": %q, "certificate": %q, "privateKey": %q,
		"httpPort": %s, "tlsPort": %s, "profiles": {"default": {"description": "all", "validityPeriod": 7776000}}}}`,
		directory, management, lab.root, keyFile, httpPort, tlsPort)
	file := filepath.Join(dir, "pebble.json")
	write(t, file, config)
	startTool(t, dns, "-dnsserver", names, "-management", freeAddress(t), "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
		"-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "")
	startTool(t, pebble, "-config", file, "-dnsserver", names)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	t.Cleanup(client.CloseIdleConnections)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if res, err := client.Get("https://" + management + "/roots/0"); err == nil {
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err == nil && lab.issuing.AppendCertsFromPEM(body) {
				break
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("Pebble does not answer")
		}
	}
	lab.directory = "https://" + directory + "/dir"
	return lab
}

func acmeTool(t *testing.T, name string) string {
	t.Helper()
	if built, err := filepath.Abs(filepath.Join("..", "..", "build", "tools", name)); err == nil {
		if _, err := os.Stat(built); err == nil {
			return built
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed; make programs builds it", name)
	}
	return path
}

func startTool(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "PEBBLE_AUTHZREUSE=0", "PEBBLE_VA_NOSLEEP=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait() // killed, which is an error
	})
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// writeLoopbackPair writes a self-signed certificate for 127.0.0.1.
func writeLoopbackPair(t *testing.T, certFile, keyFile string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	write(t, certFile, string(text))
	write(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	return roots
}

// zoneOf answers with the addresses of a few names.
type zoneOf map[string]string

func (z zoneOf) Host(_ context.Context, name string) ([]netip.Addr, string, error) {
	text, ok := z[name]
	if !ok {
		return nil, name, resolver.ErrNone
	}
	if text == "" {
		return nil, name, resolver.ErrFailed
	}
	return []netip.Addr{netip.MustParseAddr(text)}, name, nil
}

func (zoneOf) MX(context.Context, string) ([]resolver.MX, error) { return nil, resolver.ErrNone }

// slowZone takes its time over one name, longer than a handshake may take otherwise.
type slowZone struct {
	zoneOf
	slow string
}

func (z slowZone) Host(ctx context.Context, name string) ([]netip.Addr, string, error) {
	if name == z.slow {
		time.Sleep(6 * time.Second)
	}
	return z.zoneOf.Host(ctx, name)
}

// The whole program orders a certificate in the background for the name whose DNS leads to it, serves and signs with it, and tells;
// the command cert works beside it.
func TestACME(t *testing.T) {
	httpAddress, httpsAddress := freeAddress(t), freeAddress(t)
	_, httpPort, _ := net.SplitHostPort(httpAddress)
	_, httpsPort, _ := net.SplitHostPort(httpsAddress)
	lab := startACME(t, httpPort, httpsPort)
	state := t.TempDir()
	config := fmt.Sprintf(`
[server]
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
`, httpAddress, httpsAddress, lab.directory, lab.root, state)
	const slow = "ua-auto-config.example.com"
	zone := zoneOf{"autoconfig.example.com": "127.0.0.1", "autodiscover.example.com": "192.0.2.1", slow: "127.0.0.1"}
	p := startProgramIn(t, outside{resolver: slowZone{zone, slow}}, config)
	if _, err := askTLS(httpsAddress, slow, "/", lab.issuing); err != nil {
		t.Errorf("a handshake that has to wait: %v", err)
	}
	admin := p.server.Addrs().Admin.String()
	deadline := time.Now().Add(60 * time.Second)
	for {
		_, text := ask(t, admin, "localhost", "/-/readyz")
		if strings.Contains(text, "certificates: 2 valid, 1 missing; 0 names wait") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("readyz: %s\nlog: %s", text, p.log)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if _, text := ask(t, admin, "localhost", "/-/metrics"); !strings.Contains(text, "mailhint_certificates{state=\"valid\"} 2\n") ||
		!strings.Contains(text, "mailhint_acme_orders_total{result=\"ok\"} 2\n") || !strings.Contains(text, "mailhint_certificate_expiry_timestamp_seconds 1.") {
		t.Errorf("metrics: %s", text)
	}
	body, err := askTLS(httpsAddress, "autoconfig.example.com", "/mail/config-v1.1.xml?emailaddress=jo@example.com", lab.issuing)
	if err != nil || !strings.Contains(body, "<hostname>imap.example.com</hostname>") {
		t.Errorf("over TLS: %v %s", err, body)
	}
	for _, name := range []string{"www.example.com", "autodiscover.example.com"} {
		if _, err := askTLS(httpsAddress, name, "/", lab.issuing); err == nil {
			t.Errorf("%s has a certificate", name)
		}
	}
	profile, err := askTLS(httpsAddress, "autoconfig.example.com", "/email.mobileconfig?email=jo@example.com", lab.issuing)
	if err != nil || strings.HasPrefix(profile, "<?xml") || !strings.Contains(profile, "<?xml") {
		t.Errorf("the profile is not signed: %v %.100q", err, profile)
	}

	file := p.config
	out, _ := runCert(t, 0, file, "list")
	if !strings.Contains(out, "autoconfig.example.com      valid  89 ") || !strings.Contains(out, ": 2 of 100 orders of this hour made") {
		t.Errorf("cert list:\n%s", out)
	}
	var report certReport
	if out, _ = runCert(t, 0, file, "check", "--json"); json.Unmarshal([]byte(out), &report) != nil || len(report.Certificates) != 0 {
		t.Errorf("cert check:\n%s", out)
	}
	runCert(t, 0, file, "rm", "autoconfig.example.com")
	runCert(t, 1, file, "rm", "autoconfig.example.com")
	runCert(t, 1, file, "rm", "..")
	runCert(t, 1, file, "get", "www.example.com")
	if out, _ = runCert(t, 0, file, "list"); strings.Contains(out, "autoconfig.") {
		t.Errorf("cert list after rm:\n%s", out)
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
	res, err := (&http.Client{Transport: transport, Timeout: 30 * time.Second}).Get("https://" + name + path)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

// Where a name leads, and whether that is here.
func TestWhereabouts(t *testing.T) {
	zone := zoneOf{"here": "198.51.100.1", "there": "192.0.2.1", "setup": "203.0.113.1", "balanced": "203.0.113.1", "silent": ""}
	private := func() ([]net.Addr, error) { return []net.Addr{addr("127.0.0.1/8"), addr("10.0.0.1/8")}, nil }
	public := func() ([]net.Addr, error) { return []net.Addr{addr("127.0.0.1/8"), addr("198.51.100.1/24")}, nil }
	broken := func() ([]net.Addr, error) { return nil, errors.New("no") }
	for _, test := range []struct {
		own       string
		addresses func() ([]net.Addr, error)
		name      string
		good      bool
	}{
		{"", public, "here", true},
		{"", public, "there", false},
		{"", private, "there", true}, // nobody knows
		{"", broken, "there", true},
		{"setup", private, "there", false},
		{"setup", private, "balanced", true},
		{"setup", public, "balanced", true},
		{"setup", public, "setup", true},
		{"setup", private, "setup", true},
		{"silent", public, "there", true}, // our own name cannot be looked up
		{"setup", public, "nowhere", false},
		{"", public, "silent", false},
	} {
		w := &whereabouts{own: test.own, hosts: zone, addresses: test.addresses}
		if err := w.check(t.Context(), test.name); (err == nil) != test.good {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

type addr string

func (addr) Network() string  { return "ip+net" }
func (a addr) String() string { return string(a) }
