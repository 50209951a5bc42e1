package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"

	"mailhint/certs/pebbletest"
)

// Renewals go first, then what somebody waits for; each name is worked on once.
func TestQueue(t *testing.T) {
	t.Parallel()
	q := newQueue()
	later := q.add("later", forLater)
	q.add("b", forLater)
	q.add("handshake", forHandshake)
	q.add("renewal", forRenewal)
	if q.add("b", forHandshake) == nil || q.add("later", forLater) != later {
		t.Error("a name is queued twice")
	}
	var got []string
	for j := q.next(); j != nil; j = q.next() {
		if q.add(j.name, forRenewal) != j {
			t.Errorf("%s is queued again while it is worked on", j.name)
		}
		got = append(got, j.name)
		if j.name == "handshake" && !slices.Contains(got[:len(got)-1], "handshake") {
			q.again(j)
			continue
		}
		q.finish(j, nil)
	}
	if want := []string{"renewal", "handshake", "handshake", "b", "later"}; !slices.Equal(got, want) {
		t.Errorf("order %s, want %s", got, want)
	}
	if waiting, running := q.lengths(); waiting != 0 || running != 0 || len(q.jobs) != 0 {
		t.Errorf("%d waiting, %d running, %d left", waiting, running, len(q.jobs))
	}
	for i := range queueRoom[forLater] {
		q.add(fmt.Sprint(i), forLater)
	}
	if q.add("one too many", forLater) != nil {
		t.Error("the queue has no end")
	}
	if q.add("urgent", forRenewal) == nil {
		t.Error("a full line holds up renewals")
	}
}

// Two processes share a budget, a restart does not renew it, and a clock set back does not use it up for longer than an hour.
func TestBudget(t *testing.T) {
	t.Parallel()
	storage := &certmagic.FileStorage{Path: t.TempDir()}
	here, there := &budget{key: "ca", perHour: 3, storage: storage}, &budget{key: "ca", perHour: 3, storage: storage}
	now := time.Now()
	take := func(b *budget, at time.Time, want error) place {
		t.Helper()
		p, err := b.take(t.Context(), at)
		if !errors.Is(err, want) {
			t.Errorf("at %s: %v, want %v", at.Sub(now), err, want)
		}
		return p
	}
	take(here, now, nil)
	take(there, now.Add(time.Minute), nil)
	last := take(here, now.Add(2*time.Minute), nil)
	take(there, now.Add(3*time.Minute), errBudgetSpent)
	if wait := there.wait(now.Add(3 * time.Minute)); wait != 57*time.Minute {
		t.Errorf("waits %s for the next place", wait)
	}
	here.giveBack(t.Context(), last)
	take(there, now.Add(4*time.Minute), nil)
	take(here, now.Add(time.Hour-time.Second), errBudgetSpent)
	take(here, now.Add(time.Hour+time.Second), nil)
	take(here, now.Add(time.Hour+2*time.Second), errBudgetSpent)

	// What another process is writing is left alone.
	unfinished := here.prefix() + "/765403805"
	if err := storage.Store(t.Context(), unfinished, nil); err != nil {
		t.Fatal(err)
	}
	if places, err := here.read(t.Context(), now.Add(time.Hour+2*time.Second)); err != nil || len(places) != 3 || !storage.Exists(t.Context(), unfinished) {
		t.Errorf("an unfinished file: %v, %d orders", err, len(places))
	}

	back := now.Add(-1000 * time.Hour)
	take(here, back, errBudgetSpent)
	take(here, back.Add(time.Hour+time.Second), nil)
}

// What the answers of a CA mean for the name, and for the CA.
func TestOutcome(t *testing.T) {
	t.Parallel()
	problem := func(status int, kind, detail string) error {
		return fmt.Errorf("somewhere: %w", acme.Problem{Status: status, Type: "urn:ietf:params:acme:error:" + kind, Detail: detail})
	}
	for _, test := range []struct {
		err    error
		status int
		want   outcome
	}{
		{nil, 200, ordered},
		{problem(400, "connection", "timeout"), 400, refused},
		{problem(403, "unauthorized", "404"), 403, refused},
		{problem(403, "caa", "forbidden"), 403, declined},
		{problem(400, "rejectedIdentifier", "high risk"), 400, declined},
		{problem(429, "rateLimited", "too many new orders (300) from this account in the last 3h"), 429, held},
		{problem(503, "rateLimited", "Service busy; retry later."), 503, held},
		{problem(429, "rateLimited", `too many certificates (50) already issued for "example.com" in the last 168h`), 429, limited},
		{problem(429, "rateLimited", `too many certificates (50) already issued for "ample.com" in the last 168h`), 429, held},
		{problem(500, "serverInternal", "oops"), 500, away},
		{errors.New("HTTP 502: <html>"), 502, away},
		{errors.New("HTTP 403: <html>"), 403, away},
		{fmt.Errorf("%w: not JSON", errDirectory), 200, away},
		{&url.Error{Op: "Get", URL: "https://ca.example/", Err: errors.New("EOF")}, 0, away},
		{fmt.Errorf("x: %w", &net.OpError{Op: "dial", Err: errors.New("refused")}), 0, away},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), 0, away},
		{errors.New("disk full"), 200, refused},
	} {
		if got := outcomeOf("autoconfig.example.com", test.err, test.status); got != test.want {
			t.Errorf("%v: %d, want %d", test.err, got, test.want)
		}
	}
}

// When a certificate is renewed: by its own time, or as its CA wishes, within reason.
func TestRenewalTime(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	never := time.Duration(-1 << 62)
	for _, test := range []struct{ life, wish, want time.Duration }{
		{90 * day, never, 60 * day},
		{6 * day, never, 3 * day},
		{90 * day, 50 * day, 50 * day},
		{90 * day, 7 * time.Hour, 7 * time.Hour}, // as when the CA has to revoke it
		{90 * day, -1000 * day, 6 * time.Hour},   // its clock is wrong; there would be orders without end
		{6 * day, 1000 * day, 6 * day * 9 / 10},  // too late
		{time.Minute, -time.Second, 6 * time.Second},
	} {
		s := stored{entry: entry{notBefore: begin, notAfter: begin.Add(test.life)}}
		if test.wish != never {
			s.ari = &acme.RenewalInfo{SelectedTime: begin.Add(test.wish)}
		}
		if s.setRenewal(); s.renewAt.Sub(begin) != test.want {
			t.Errorf("%s, wish %s: renewed after %s, want %s", test.life, test.wish, s.renewAt.Sub(begin), test.want)
		}
	}
}

// A name must not name a folder outside the storage, or all of it.
func TestRemoveKeepsToItsName(t *testing.T) {
	t.Parallel()
	c, err := New((&testCA{directory: "https://127.0.0.1:1/dir"}).config(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	storeCertificate(t, c, "autoconfig.a.test", pebbletest.SelfSigned(t))
	for _, name := range []string{"", ".", "..", "../x", "./autoconfig.a.test", "*.test", "a b.test", "autoconfig.b.test"} {
		if err := c.Remove(t.Context(), name); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %v", name, err)
		}
		if err := c.remove(t.Context(), name); err == nil && name != "autoconfig.b.test" {
			t.Errorf("%q was removed", name)
		}
	}
	if cert, err := c.Stored(t.Context(), "autoconfig.a.test"); cert == nil || err != nil {
		t.Fatalf("the certificate is gone: %v", err)
	}
	if err := c.Remove(t.Context(), "Autoconfig.A.test."); err != nil {
		t.Error(err)
	}
	if cert, err := c.Stored(t.Context(), "autoconfig.a.test"); cert != nil || err != nil {
		t.Errorf("the certificate is still there: %v", err)
	}
}

// storeCertificate writes a certificate for name as certmagic does.
func storeCertificate(t testing.TB, c *Certificates, name string, cert tls.Certificate) {
	t.Helper()
	dir := t.TempDir()
	pebbletest.WritePair(t, dir, cert)
	for key, file := range map[string]string{
		certmagic.StorageKeys.SiteCert(c.cas[0].key, name): "cert.pem", certmagic.StorageKeys.SitePrivateKey(c.cas[0].key, name): "key.pem",
	} {
		text, err := (&certmagic.FileStorage{Path: dir}).Load(t.Context(), filepath.Base(file))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.storage.Store(t.Context(), key, text); err != nil {
			t.Fatal(err)
		}
	}
}

// The memory that certificates take does not grow beyond what is allowed; those that had to go are read again.
func TestLoadedIsBounded(t *testing.T) {
	t.Parallel()
	config := (&testCA{directory: "https://127.0.0.1:1/dir"}).config(t.TempDir())
	config.Loaded = 10
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cert := pebbletest.SelfSigned(t)
	for round := range 2 {
		for _, name := range names(30) {
			if round == 0 {
				storeCertificate(t, c, name, cert)
			}
			got, err := c.Stored(t.Context(), name)
			if err != nil || got == nil || !bytes.Equal(got.Certificate[0], cert.Certificate[0]) {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if n := c.Status().Loaded; n != 10 {
			t.Errorf("%d in memory", n)
		}
	}
}

// BenchmarkLoadedMemory measures the memory of a loaded certificate, with everything that is known of it.
func BenchmarkLoadedMemory(b *testing.B) {
	config := (&testCA{directory: "https://127.0.0.1:1/dir"}).config(b.TempDir())
	c, err := New(config)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	const n = 1000
	for _, name := range names(n) {
		storeCertificate(b, c, name, pebbletest.SelfSigned(b))
	}
	for b.Loop() {
		for _, name := range names(n) {
			c.forget(name)
		}
		before := heap()
		for _, name := range names(n) {
			if cert, err := c.Stored(b.Context(), name); err != nil || cert == nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before)/n, "B/certificate")
	}
	runtime.KeepAlive(c)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkGetCertificate measures what a handshake for a known name costs besides cryptography.
func BenchmarkGetCertificate(b *testing.B) {
	c, err := New((&testCA{directory: "https://127.0.0.1:1/dir"}).config(b.TempDir()))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	storeCertificate(b, c, "autoconfig.a.test", pebbletest.SelfSigned(b))
	if _, err := c.Stored(b.Context(), "autoconfig.a.test"); err != nil {
		b.Fatal(err)
	}
	hello := &tls.ClientHelloInfo{ServerName: "autoconfig.a.test", SupportedProtos: []string{"h2", "http/1.1"}}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if cert, err := c.GetCertificate(hello); cert == nil || err != nil {
				b.Fatal("no certificate")
			}
		}
	})
}
