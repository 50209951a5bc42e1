package certs

import (
	"crypto/ecdsa"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

// testdata/certmagic was written by mailhint when it still ordered through certmagic v0.25.6, with two accounts.
const (
	oldDirectory = "https://127.0.0.1:41571/dir"
	oldIssuer    = "127.0.0.1-41571-dir"
)

// A folder that certmagic has written is used as it is: certificates, renewal times, accounts, failures and the count of orders.
func TestFolderOfCertmagic(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "certmagic"))); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 29, 19, 20, 0, 0, time.UTC) // minutes after it was written
	clock := &manualClock{now: now}
	for _, test := range []struct {
		email, location string
	}{
		{"Post.Master@Example.com", "https://127.0.0.1:41571/my-account/4ae01d1f09d7c4be"},
		{"", "https://127.0.0.1:41571/my-account/6259e3ebe4786d21"},
	} {
		config := (&testCA{directory: oldDirectory}).config(dir)
		config.Clock, config.Email = clock, test.email
		c, err := New(config)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		account, err := c.cas[0].loadAccount(t.Context())
		if _, ok := account.PrivateKey.(*ecdsa.PrivateKey); err != nil || !ok || account.Location != test.location || account.Status != "valid" {
			t.Errorf("the account of %q: %+v, %v", test.email, account, err)
		}
		report, err := c.Report(t.Context(), func(func(string) bool) {})
		if err != nil {
			t.Fatal(err)
		}
		if a := report.Accounts[0]; a.Orders != 3 || a.CA != oldIssuer {
			t.Errorf("%+v, want 3 orders", a)
		}
		want := []struct {
			name    string
			state   State
			renewAt time.Time
		}{
			{"autoconfig.a.test", Valid, time.Date(2027, 1, 28, 12, 0, 22, 0, time.UTC)},
			{"autoconfig.failed.test", Missing, time.Time{}},
			{"ua-auto-config.c.test", Valid, time.Date(2027, 1, 28, 3, 17, 35, 0, time.UTC)},
		}
		for i, got := range report.Certificates {
			if i >= len(want) || got.Name != want[i].name || got.State != want[i].state || !got.RenewAt.Equal(want[i].renewAt) {
				t.Errorf("certificate %d: %+v, want %+v", i, got, want)
			}
		}
		if failure := report.Certificates[1].Failure; failure == nil || failure.Times != 1 {
			t.Errorf("failure %+v", failure)
		}
		for _, name := range []string{"autoconfig.a.test", "ua-auto-config.c.test"} {
			if cert, err := c.Stored(t.Context(), name); err != nil || cert == nil || len(cert.Certificate) != 2 {
				t.Errorf("%s: %v", name, err)
			}
			if err := c.Get(t.Context(), name); err != nil { // not from the CA, which is not there
				t.Errorf("%s need not be renewed: %v", name, err)
			}
		}
	}
}

// What is written can be read by certmagic, at the same places, so that one can go back, and share a storage for the time of an update.
func TestReadableByCertmagic(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	httpPort, tlsPort := f.ports()
	ca := startCA(t, httpPort, tlsPort, 90*day)
	config := ca.config(t.TempDir())
	config.Email = "postmaster@example.com"
	c, _ := f.serve(t, config)
	const name = "autoconfig.a.test"
	leaf, err := f.handshake(name, ca.issuing)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	all, err := c.storage.List(t.Context(), "", true)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range all {
		if info, err := c.storage.Stat(t.Context(), key); err == nil && info.IsTerminal {
			keys = append(keys, regexp.MustCompile(`\d+-[0-9a-f]{8}$`).ReplaceAllString(key, "TIME-RANDOM"))
		}
	}
	issuer := c.cas[0].key
	want := []string{
		"acme/" + issuer + "/users/postmaster@example.com/postmaster.json", "acme/" + issuer + "/users/postmaster@example.com/postmaster.key",
		"certificates/" + issuer + "/" + name + "/" + name + ".crt", "certificates/" + issuer + "/" + name + "/" + name + ".json",
		"certificates/" + issuer + "/" + name + "/" + name + ".key", "orders/" + issuer + "/TIME-RANDOM",
	}
	keys = slices.Compact(slices.DeleteFunc(keys, func(key string) bool { return filepath.Dir(key) == "locks" }))
	if !slices.Equal(keys, want) {
		t.Errorf("keys %s\nwant %s", keys, want)
	}

	var magic *certmagic.Config
	cache := certmagic.NewCache(certmagic.CacheOptions{GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return magic, nil }})
	defer cache.Stop()
	magic = certmagic.New(cache, certmagic.Config{Storage: c.storage, OCSP: certmagic.OCSPConfig{DisableStapling: true}})
	acmeIssuer := certmagic.NewACMEIssuer(magic, certmagic.ACMEIssuer{CA: ca.directory, Email: "postmaster@example.com"})
	magic.Issuers = []certmagic.Issuer{acmeIssuer}
	cert, err := magic.CacheManagedCertificate(t.Context(), name)
	if err != nil || cert.Leaf.SerialNumber.Cmp(leaf.SerialNumber) != 0 {
		t.Errorf("certmagic reads another certificate: %v", err)
	}
	ours, err := c.cas[0].loadAccount(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, keyFile := c.cas[0].accountKeys()
	keyPEM, err := c.storage.Load(t.Context(), keyFile)
	if err != nil {
		t.Fatal(err)
	}
	if account, err := acmeIssuer.GetAccount(t.Context(), keyPEM); err != nil || account.Location != ours.Location {
		t.Errorf("certmagic reads the account %q, want %q: %v", account.Location, ours.Location, err)
	}
}
