package certs

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"

	"mailhint/keypairs/keypairtest"
)

// Whatever is in the stored files, as after a crash or a careless copy: nothing panics, what is served is a certificate with its key,
// and waits are bounded.
func FuzzStoredFiles(f *testing.F) {
	const name = "autoconfig.a.test"
	seed := newMemoryStorage()
	c := openOn(f, seed)
	storeCertificate(f, c, name, keypairtest.New(f, keypairtest.Options{}))
	load := func(key string) []byte {
		text, err := seed.Load(f.Context(), key)
		if err != nil {
			f.Fatal(err)
		}
		return text
	}
	keys := certmagic.StorageKeys
	chain, key := load(keys.SiteCert(c.cas[0].key, name)), load(keys.SitePrivateKey(c.cas[0].key, name))
	meta := []byte(`{"sans":["autoconfig.a.test"],"issuer_data":{"url":"https://ca.example/1","renewal_info":{"suggestedWindow":` +
		`{"start":"2026-01-01T00:00:00Z","end":"2026-01-02T00:00:00Z"},"_selectedTime":"2026-01-01T12:00:00Z"}}}`)
	failure, err := json.Marshal(Failure{Error: "x", Times: 3, Last: time.Now(), Next: time.Now().Add(time.Hour)})
	if err != nil {
		f.Fatal(err)
	}
	account := []byte(`{"status":"valid","termsOfServiceAgreed":true,"location":"https://ca.example/acct/1"}`)
	challenge, err := json.Marshal(acme.Challenge{Type: acme.ChallengeTypeHTTP01, Token: "t", Identifier: acme.Identifier{Type: "dns", Value: name}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(chain, key, meta, failure, account, challenge, []byte("1790000000"), "1790000000000000000-0badcafe-a.test")
	f.Add(chain[:len(chain)/2], key, meta[:20], failure[:10], account[:5], challenge[:5], []byte("x"), "1790000000000000000")
	f.Add([]byte(nil), []byte(nil), []byte("null"), []byte(`{"times":-1,"next":"9999-01-01T00:00:00Z"}`), []byte("[]"), []byte("{}"), []byte("-1"), "-9-")

	f.Fuzz(func(t *testing.T, chain, key, meta, failure, account, challenge, asked []byte, order string) {
		storage := newMemoryStorage()
		c := openOn(t, storage)
		issuer := c.cas[0].key
		registration, accountKey := c.cas[0].accountKeys()
		for _, v := range []value{
			{keys.SiteCert(issuer, name), chain}, {keys.SitePrivateKey(issuer, name), key}, {keys.SiteMeta(issuer, name), meta},
			{failureFile(name), failure}, {registration, account}, {accountKey, key}, {challengeKey(issuer, name), challenge},
			{askedKey(name), asked}, {c.cas[0].budget.prefix() + "/" + order, nil},
		} {
			if err := storage.Store(t.Context(), v.key, v.text); err != nil {
				t.Fatal(err)
			}
		}
		c = openOn(t, storage) // reads the failures
		now := c.clock.Now()
		cert, err := c.Stored(t.Context(), name)
		if err != nil {
			t.Errorf("damaged files are an error of the storage: %v", err)
		}
		if cert != nil && (len(cert.Certificate) == 0 || cert.PrivateKey == nil) {
			t.Error("half a certificate is served")
		}
		if wait := c.failures.wait(name, now); wait > maxRetryAfter+time.Minute {
			t.Errorf("the name waits %s", wait)
		}
		if _, err := c.failures.begin(t.Context(), name, now); err != nil {
			t.Errorf("noting another order: %v", err)
		}
		c.scan(t.Context())
		c.followAsked(t.Context())
		c.countUnlisted(t.Context())
		c.renewDue()
		if wait := c.untilRenewal(); wait < time.Second || wait > betweenScans {
			t.Errorf("looks again in %s", wait)
		}
		if s, err := c.read(t.Context(), name); err == nil && (s.renewAt.Before(s.notBefore) || s.renewAt.After(s.notAfter)) && s.notAfter.After(s.notBefore) {
			t.Errorf("renewed at %s, valid from %s to %s", s.renewAt, s.notBefore, s.notAfter)
		}
		if _, err := c.cas[0].loadAccount(t.Context()); err == nil && len(key) == 0 {
			t.Error("an account without a key is used")
		}
		if ch, err := c.challenge(t.Context(), name, acme.ChallengeTypeHTTP01); err == nil && ch.Identifier.Value != name {
			t.Errorf("the challenge of %q is answered", ch.Identifier.Value)
		}
		places, err := c.cas[0].budget.read(t.Context(), now)
		if err != nil || len(places) > 1 {
			t.Errorf("%d orders counted: %v", len(places), err)
		}
		if wait := c.cas[0].budget.wait(now); wait > time.Hour {
			t.Errorf("the next order in %s", wait)
		}
		report, err := c.Report(t.Context(), slices.Values([]string{name}))
		if err != nil {
			t.Errorf("report: %v", err)
		}
		if _, err := json.Marshal(report); err != nil {
			t.Errorf("the report cannot be printed as JSON: %v", err)
		}
	})
}

// openOn opens certificates of a CA that does not exist, on a storage. One order an hour is allowed.
func openOn(t testing.TB, storage certmagic.Storage) *Certificates {
	t.Helper()
	config := (&testCA{directory: "https://127.0.0.1:1/dir"}).config("")
	config.Storage, config.PerHour = storage, 1
	config.Listed = func(string) bool { return false }
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
