//go:build linux

package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailhint/certs/pebbletest"
)

// TestSteadyRenewal has 200 new TLS connections a second made while a certificate that ends after a minute is renewed, as its CA wishes,
// when it is a few seconds old. The program finds by DNS that the names lead to it, and Pebble asks it back at the true ports.
func TestSteadyRenewal(t *testing.T) {
	const program = "MAILHINT_TEST_PROGRAM"
	dns := acmeTool(t, "pebble-challtestsrv")
	if os.Getenv(program) == "" {
		inNamespace(t, program+"="+buildProgram(t))
		return
	}
	inNamespace(t) // it is
	s := &setup{dir: t.TempDir()}
	startTool(t, dns, "-dnsserver", "127.0.0.1:53", "-management", freeAddress(t), "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
		"-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "")
	pebble := pebbletest.Start(t, 80, 443, time.Minute)
	directory, roots := wishingFront(t, pebble, 6*time.Second), pebble.Issuing

	write(t, s.path("resolv.conf"), "nameserver 127.0.0.1\n")
	write(t, s.path("domains.toml"), s.fill(`[server]
tls = "acme"
acme_ca = ["https://DIRECTORY/dir"]
acme_root = "ROOT"
state_dir = "state"
`+benchDomain, "DIRECTORY", directory, "ROOT", pebble.RootFile))
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

// wishingFront stands in front of a Pebble and wishes for renewal when a certificate has such an age. By itself Pebble wishes for anything
// up to the last moment, when a renewal would have to be faster than a busy machine is.
func wishingFront(t *testing.T, pebble *pebbletest.CA, age time.Duration) (address string) {
	t.Helper()
	front := httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "https", Host: pebble.Address})
			r.Out.Host = r.In.Host // in which Pebble names its addresses
		},
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pebble.Roots}},
		ModifyResponse: func(r *http.Response) error {
			if !strings.Contains(r.Request.URL.Path, "/renewalInfo/") {
				return nil
			}
			r.Body.Close()
			start := time.Now().Add(age)
			wish, err := json.Marshal(map[string]any{"suggestedWindow": map[string]time.Time{"start": start, "end": start.Add(3 * time.Second)}})
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(wish)), int64(len(wish))
			r.Header.Set("Content-Length", strconv.Itoa(len(wish)))
			return err
		},
	})
	front.TLS = &tls.Config{Certificates: []tls.Certificate{pebble.Root}}
	front.StartTLS()
	t.Cleanup(front.Close)
	return front.Listener.Addr().String()
}
