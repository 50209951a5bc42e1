//go:build linux

package lab

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
	"syscall"
	"testing"
	"time"

	"mailhint/certs/pebbletest"
	"mailhint/lab/visit"
)

// A certificate that is valid for three minutes is renewed when its CA wishes it, early on, while 200 new TLS connections a second are
// made. The program finds out by DNS that the names point to it, and Pebble asks back at ports 80 and 443.
func TestSteadyRenewal(t *testing.T) {
	if !alone(t) {
		return
	}
	s := &setup{dir: t.TempDir()}
	s.start(t, "names", []string{find(t, "pebble-challtestsrv", ""), "-dnsserver", "127.0.0.1:53", "-management", "127.0.0.1:8055", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
		"-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", ""}, "127.0.0.1:53")
	pebble := pebbletest.Start(t, 80, 443, 3*time.Minute)
	directory, roots := renewalProxy(t, pebble, 18*time.Second), pebble.Issuing

	write(t, s.path("resolv.conf"), "nameserver 127.0.0.1\n")
	write(t, s.path("domains.toml"), s.fill(`[server]
tls = "acme"
acme_ca = ["https://DIRECTORY/dir"]
acme_root = "ROOT"
state_dir = "state"
`+exampleDomain, "DIRECTORY", directory, "ROOT", pebble.RootFile))
	if err := syscall.Mount(s.path("resolv.conf"), "/etc/resolv.conf", "", syscall.MS_BIND, ""); err != nil { // in this namespace only
		t.Fatal(err)
	}
	s.start(t, "mailhint", []string{os.Getenv(insideProgram), "serve", "--config", "domains.toml"}, "127.0.0.1:443")

	_, body := get(t, "127.0.0.1:80", visit.Host, path)
	first := visit.New("http/1.1", roots, []byte(body))
	eventually(t, "there is a certificate", func() bool { return first.Ask("127.0.0.1:443", nil) == nil })
	tr := startTraffic(t, "127.0.0.1:443", roots, []byte(body))
	eventually(t, "it is renewed", func() bool {
		_, certificates := tr.seen()
		return certificates >= 2
	})
	tr.more(t)
	tr.end(t)
}

// renewalProxy is a proxy in front of a Pebble that makes it wish for renewal when a certificate has reached an age, so that a busy machine
// has time for it. Pebble's own wishes go up to the last moment.
func renewalProxy(t *testing.T, pebble *pebbletest.CA, age time.Duration) (address string) {
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
