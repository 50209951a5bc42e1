package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
)

// TestSavedAccount: the account of a CA and e-mail address is found where the server saves it, and nothing is created.
func TestSavedAccount(t *testing.T) {
	const ca, email, location = "https://ca.example/directory", "Hostmaster@Hoster.example", "https://ca.example/acct/7"
	dir := t.TempDir()
	a, err := newAuthority(ca, Config{Email: email}, &certmagic.FileStorage{Path: dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.saveAccount(t.Context(), acme.Account{Location: location, PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing")
	for _, test := range []struct{ dir, ca, email, want string }{
		{dir, ca, email, location},
		{dir, ca, "other@hoster.example", ""},
		{dir, "https://other.example/directory", email, ""},
		{dir, "::", email, ""},
		{missing, ca, email, ""},
	} {
		if got := SavedAccount(t.Context(), test.dir, test.ca, test.email); got != test.want {
			t.Errorf("%+v: got %q", test, got)
		}
	}
	if _, err := os.Stat(missing); !os.IsNotExist(err) {
		t.Errorf("looking for an account created %s: %v", missing, err)
	}
}
