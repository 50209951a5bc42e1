package main

import (
	"crypto/x509"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailhint/certs/pebbletest"
	"mailhint/dnsupdate/knottest"
	"mailhint/keypairs/keypairtest"
)

// The whole program orders one wildcard for a zone that asks for it, by DNS from a CA that cannot reach it, and nothing for names that a
// certificate from a file covers. That is served, signs profiles, and counts for the metric of the first expiry.
func TestACMEByDNSBesideFiles(t *testing.T) {
	httpAddress, httpsAddress, unused := pebbletest.FreeAddress(t), pebbletest.FreeAddress(t), pebbletest.FreeAddress(t)
	key := knottest.NewKey("mailhint")
	k := knottest.Start(t, knottest.Zone{Name: "example.com", Keys: []knottest.Key{key}}, knottest.Zone{Name: "test", Records: "any.test. A 127.0.0.1\n"})
	ca := pebbletest.StartWithDNS(t, k.Address, portOf(t, unused), portOf(t, unused), 90*24*time.Hour)
	own := keypairtest.New(t, keypairtest.Options{Names: []string{"*.example.org", "setup.example.com"}, Valid: 240 * time.Hour})
	certFile, keyFile := keypairtest.Write(t, t.TempDir(), "own", own)
	ownRoots := x509.NewCertPool()
	ownRoots.AddCert(own.Leaf)
	config := fmt.Sprintf(`
[server]
name = "setup.example.com"
http = [%q]
https = [%q]
admin = "127.0.0.1:0"
tls = "acme"
cert = %q
key = %q
acme_ca = [%q]
acme_root = %q
state_dir = %q
[dns]
server = %q
key_file = %q
zones = [{ name = "example.com", wildcard = true }]
[domains."example.com"]
imap = "imap.example.com"
smtp = "smtp.example.com"
[domains."example.org"]
imap = "imap.example.org"
smtp = "smtp.example.org"
`, httpAddress, httpsAddress, certFile, keyFile, ca.Directory(), ca.RootFile, t.TempDir(), k.Address, key.Write(t))
	p := startProgramIn(t, network{resolver: zoneOf{"autoconfig.example.org": "127.0.0.1"}}, config)
	admin := p.server.Addrs().Admin.String()
	eventually(t, "readyz counts the wildcard", func() bool {
		_, text := ask(t, admin, "localhost", "/-/readyz")
		return strings.Contains(text, "certificates: 1 valid; 0 waiting to be ordered")
	})
	for _, name := range []string{"autoconfig.example.com", "autodiscover.example.com", "ua-auto-config.example.com"} {
		if _, err := askTLS(httpsAddress, name, "/", ca.Issuing); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"autoconfig.example.org", "ua-auto-config.example.org", "setup.example.com"} {
		if _, err := askTLS(httpsAddress, name, "/", ownRoots); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := askTLS(httpsAddress, "www.example.com", "/", ca.Issuing); err == nil {
		t.Error("www.example.com is served with the wildcard, although it is not ours")
	}
	profile, err := askTLS(httpsAddress, "autoconfig.example.org", "/email.mobileconfig?email=jo@example.org", ownRoots)
	if err != nil || strings.HasPrefix(profile, "<?xml") || !strings.Contains(profile, "<?xml") {
		t.Errorf("the profile is not signed: %v %.100q", err, profile)
	}
	_, text := ask(t, admin, "localhost", "/-/metrics")
	if !strings.Contains(text, "mailhint_acme_orders_total{result=\"ok\"} 1\n") ||
		!strings.Contains(text, "mailhint_certificate_expiry_timestamp_seconds "+strconv.FormatFloat(float64(own.Leaf.NotAfter.Unix()), 'g', -1, 64)+"\n") {
		t.Errorf("metrics: %s", text)
	}
	if got, err := k.Transfer("example.com"); err != nil || len(got) > 0 {
		t.Errorf("records of the challenge are left: %v\n%s", err, strings.Join(got, "\n"))
	}
	out, _ := runCert(t, 0, p.config, "list")
	if !strings.Contains(out, "*.example.com  valid  89 ") || !strings.Contains(out, certFile+"  valid  ") || strings.Contains(out, "autoconfig.example.org") || strings.Contains(out, "autoconfig.example.com") {
		t.Errorf("cert list:\n%s", out)
	}
	if out, _ := runCert(t, 0, p.config, "get", "autodiscover.example.com"); out != "autodiscover.example.com has a certificate\n" {
		t.Errorf("cert get: %s", out)
	}
	runCert(t, 1, p.config, "get", "autoconfig.example.org")
	runCert(t, 0, p.config, "check")
	expired, expiredKey := keypairtest.Write(t, t.TempDir(), "expired", keypairtest.New(t, keypairtest.Options{Names: []string{"*.example.org", "setup.example.com"}, Expired: true}))
	moved := filepath.Join(t.TempDir(), "domains.toml")
	write(t, moved, strings.NewReplacer(certFile, expired, keyFile, expiredKey).Replace(config))
	if out, _ := runCert(t, 1, moved, "check"); !strings.Contains(out, expired+"  expired  ") || strings.Contains(out, "*.example.com") {
		t.Errorf("cert check of an expired file:\n%s", out)
	}
	if text := p.log.String(); strings.Contains(text, key.Secret) {
		t.Error("the key is in the log")
	}
}
