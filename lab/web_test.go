//go:build linux

package lab

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"strconv"
	"strings"
	"testing"
)

// webFault is a line of the sections "setup" and "site" of a case. It is one of
//
//	STATUS PATH       requests for paths that begin with PATH are answered with this status: 200 is a web page, 401 asks for a password
//	rewritten PATH    a byte of the answer is changed on the way
//	plain             mailhint gets all requests over plain http, also those that came over https
//	cert FLAW         the certificate is bad
type webFault struct {
	status    int
	rewritten bool
	path      string
}

// webSite is a web server with its own address.
type webSite struct {
	behind *httputil.ReverseProxy // nil if it answers by itself
	faults []webFault
	flaw   string // of the certificate
	plain  bool   // passes on requests over plain http
}

// newWebSite reads the lines of a section.
func newWebSite(lines []string) (*webSite, error) {
	site := new(webSite)
	for _, line := range lines {
		what, path, _ := strings.Cut(line, " ")
		if what == "cert" {
			site.flaw = path
			continue
		}
		if line == "plain" {
			site.plain = true
			continue
		}
		status, err := strconv.Atoi(what)
		if !strings.HasPrefix(path, "/") || err != nil && what != "rewritten" {
			return nil, fmt.Errorf("%q: write \"STATUS PATH\", \"rewritten PATH\", \"plain\" or \"cert FLAW\"", line)
		}
		site.faults = append(site.faults, webFault{status, what == "rewritten", path})
	}
	return site, nil
}

// front turns the site into a proxy before mailhint.
func (s *webSite) front(authority *authority, t testing.TB) {
	s.behind = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", setupV4, r.In.Host
			if r.In.TLS != nil && !s.plain {
				r.Out.URL.Scheme = "https"
			}
		},
		Transport: &http.Transport{
			TLSClientConfig:    &tls.Config{RootCAs: authority.pool(t), ServerName: setupHost},
			DisableCompression: true, // pass on exactly what is asked for
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
}

func (a *authority) pool(t testing.TB) *x509.CertPool {
	t.Helper()
	roots, err := os.ReadFile(a.roots())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(roots)
	return pool
}

func (s *webSite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, f := range s.faults {
		if !strings.HasPrefix(strings.ToLower(r.URL.Path), strings.ToLower(f.path)) {
			continue
		}
		if f.rewritten {
			recorded := &recorder{header: make(http.Header), status: http.StatusOK}
			r.Header.Del("Accept-Encoding")
			s.behind.ServeHTTP(recorded, r)
			for name, values := range recorded.header {
				w.Header()[name] = values
			}
			w.WriteHeader(recorded.status)
			w.Write(bytes.Replace(recorded.body.Bytes(), []byte("mail."), []byte("Mail."), 1))
			return
		}
		page(w, f.status)
		return
	}
	switch {
	case s.behind != nil:
		s.behind.ServeHTTP(w, r)
	case r.URL.Path == "/":
		page(w, http.StatusOK)
	default:
		page(w, http.StatusNotFound)
	}
}

// recorder holds an answer back.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

// page answers as web sites do.
func page(w http.ResponseWriter, status int) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="Members"`)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<!doctype html><title>Site</title><p>This is a web site. %s", http.StatusText(status))
}

// serveWeb serves a handler at an address, with and without TLS, until the program ends.
func serveWeb(t testing.TB, address string, p pair, h http.Handler) {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		t.Fatal(err)
	}
	for _, port := range []string{"80", "443"} {
		l, err := net.Listen("tcp", net.JoinHostPort(address, port))
		if err != nil {
			t.Fatal(err)
		}
		if port == "443" {
			l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}})
		}
		go (&http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}).Serve(l)
	}
}
