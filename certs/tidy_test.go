package certs

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"mailhint/keypairs/keypairtest"
)

// What is no longer needed is removed; what is served, or may be needed again, stays.
func TestTidy(t *testing.T) {
	t.Parallel()
	clock := newManualClock()
	dir := t.TempDir()
	config := (&testCA{directory: "https://127.0.0.1:1/dir"}).config(dir)
	config.Clock = clock
	config.Allowed = func(name string) bool { return name != "removed.test" }
	config.Listed = func(name string) bool { return name == "kept.test" }
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, name := range []string{"kept.test", "removed.test", "wild.test"} { // all expire in a day
		storeCertificate(t, c, name, keypairtest.New(t, keypairtest.Options{Valid: 24 * time.Hour}))
		c.failures.add(t.Context(), name, errors.New("x"), clock.Now(), 0, false)
	}
	store := func(key string, old bool) {
		if err := c.storage.Store(t.Context(), key, []byte("x")); err != nil {
			t.Fatal(err)
		}
		if at := time.Now().Add(-2 * leftoverAge); old {
			if err := os.Chtimes(filepath.Join(dir, key), at, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, key := range []string{"locks/a.lock", "check-1", "orders/ca/123", "acme/ca/challenge_tokens/a.json", "failures/123"} {
		store(key, true)
		store(key+".lock", false)
	}
	store("acme/ca/users/x/x.json", true) // the account
	if err := c.scan(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.tidy(t.Context())
	if n := len(maps.Collect(c.known.all())); n != 3 {
		t.Errorf("%d certificates left before they expire", n)
	}
	clock.advance(3 * day)
	c.tidy(t.Context())
	keys, err := c.storage.List(t.Context(), "", true)
	if err != nil {
		t.Fatal(err)
	}
	keys = slices.DeleteFunc(keys, func(key string) bool {
		info, err := c.storage.Stat(t.Context(), key)
		return err == nil && !info.IsTerminal
	})
	issuer := c.cas[0].key
	want := []string{"acme/ca/challenge_tokens/a.json.lock", "acme/ca/users/x/x.json",
		"certificates/" + issuer + "/kept.test/kept.test.crt", "certificates/" + issuer + "/kept.test/kept.test.key",
		"check-1.lock", "failures/123.lock", "failures/kept.test.json", "failures/wild.test.json", "locks/a.lock.lock", "orders/ca/123.lock"}
	if slices.Sort(keys); !slices.Equal(keys, want) {
		t.Errorf("left  %s\nwant %s", keys, want)
	}
}
