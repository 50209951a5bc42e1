//go:build linux

package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"testing"
)

// TestSteadyRenewal has 200 new TLS connections a second made while certificates that end after 20 seconds are renewed. The program finds
// by DNS that the names lead to it, and Pebble asks it back at the true ports.
func TestSteadyRenewal(t *testing.T) {
	const program = "MAILHINT_TEST_PROGRAM"
	pebble, dns := acmeTool(t, "pebble"), acmeTool(t, "pebble-challtestsrv")
	if os.Getenv(program) == "" {
		inNamespace(t, program+"="+buildProgram(t))
		return
	}
	inNamespace(t) // it is
	s := &setup{dir: t.TempDir()}
	startTool(t, dns, "-dnsserver", "127.0.0.1:53", "-management", freeAddress(t), "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
		"-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "")
	https := writeLoopbackPair(t, s.path("cert.pem"), s.path("key.pem"))
	directory, management := freeAddress(t), freeAddress(t)
	write(t, s.path("pebble.json"), s.fill(`{"pebble": {"listenAddress": "DIRECTORY", "managementListenAddress": "MANAGEMENT",
		"certificate": "DIR/cert.pem", "privateKey": "DIR/key.pem", "httpPort": 80, "tlsPort": 443,
		"profiles": {"short": {"description": "short-lived", "validityPeriod": 20}}}}`,
		"DIRECTORY", directory, "MANAGEMENT", management))
	startTool(t, pebble, "-config", s.path("pebble.json"), "-dnsserver", "127.0.0.1:53")
	roots := fetchRoots(t, https, "https://"+management+"/roots/0")

	write(t, s.path("resolv.conf"), "nameserver 127.0.0.1\n")
	write(t, s.path("domains.toml"), s.fill(`[server]
tls = "acme"
acme_ca = ["https://DIRECTORY/dir"]
acme_root = "cert.pem"
state_dir = "state"
`+benchDomain, "DIRECTORY", directory))
	startCommand(t, s, []string{"unshare", "--mount", "sh", "-c",
		"mount --bind resolv.conf /etc/resolv.conf && exec \"$" + program + "\" serve --config domains.toml"}, "127.0.0.1:443")

	_, body := ask(t, "127.0.0.1:80", visited, path)
	first := newVisitor("http/1.1", roots, []byte(body))
	eventually(t, "there is a certificate", func() bool { return first.visit("127.0.0.1:443", nil) == nil })
	tr := startTraffic(t, "127.0.0.1:443", roots, []byte(body))
	eventually(t, "it is renewed", func() bool {
		_, certificates := tr.seen()
		return certificates == 2
	})
	tr.more(t)
	tr.end(t)
}

// fetchRoots returns what the certificates of a Pebble come from.
func fetchRoots(t *testing.T, https *x509.CertPool, from string) *x509.CertPool {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: https}}}
	t.Cleanup(client.CloseIdleConnections)
	roots := x509.NewCertPool()
	eventually(t, "Pebble tells its root", func() bool {
		response, err := client.Get(from)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		return err == nil && roots.AppendCertsFromPEM(text)
	})
	return roots
}
