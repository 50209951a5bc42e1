//go:build linux

package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/certmagic"

	"mailhint/lab/visit"
)

// BenchmarkLoadedCertificates measures how much memory the process needs for each certificate that it has read and served. The target is
// 10 KB.
func BenchmarkLoadedCertificates(b *testing.B) {
	const domains = 1000
	program, dir := buildProgram(b), b.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePair(b, cert, key)
	entries, names := benchDomain, []string(nil)
	for i := range domains {
		domain := fmt.Sprintf("d%d.example", i)
		entries += strings.ReplaceAll(benchDomain, "example.com", domain)
		for _, name := range visit.Names() {
			names = append(names, strings.Replace(name, "example.com", domain, 1))
		}
	}
	config := writeConfig(b, benchServer+"https = [\"127.0.0.1:0\"]\n"+stateWith(b, cert, key, append(names, visit.Names()...)...)+entries)
	for b.Loop() {
		c, stop := startChild(b, program, config)
		visitMany(b, visit.New("http/1.1", nil, c.body(b)), c.secure, len(names)) // the memory that connections and one certificate need
		before := c.resident(b)
		for _, name := range names {
			conn, err := tls.Dial("tcp", c.secure, &tls.Config{ServerName: name, InsecureSkipVerify: true})
			if err != nil {
				b.Fatalf("%s: %v", name, err)
			}
			conn.Close() // nothing was asked
		}
		b.ReportMetric((c.resident(b)-before)/float64(len(names)), "B/certificate")
		stop()
	}
}

// unusedCA is the address of a CA that is never contacted.
const unusedCA = "https://127.0.0.1:1/dir"

// stateWith returns the lines of [server] for a state directory in which all of these names have this certificate.
func stateWith(b *testing.B, cert, key string, names ...string) string {
	b.Helper()
	dir := b.TempDir()
	storage := &certmagic.FileStorage{Path: filepath.Join(dir, "acme")}
	issuer := (&certmagic.ACMEIssuer{CA: unusedCA}).IssuerKey()
	for _, name := range names {
		for to, from := range map[string]string{
			certmagic.StorageKeys.SiteCert(issuer, name): cert, certmagic.StorageKeys.SitePrivateKey(issuer, name): key,
		} {
			text, err := os.ReadFile(from)
			if err == nil {
				err = storage.Store(b.Context(), to, text)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	return fmt.Sprintf("tls = \"acme\"\nacme_ca = [%q]\nstate_dir = %q\n", unusedCA, dir)
}
