package certs

import (
	"bytes"
	"crypto/tls"
	"runtime"
	"testing"

	"github.com/caddyserver/certmagic"

	"mailhint/keypairs/keypairtest"
)

// storeCertificate stores a certificate for name where certmagic does.
func storeCertificate(t testing.TB, c *Certificates, name string, cert tls.Certificate) {
	t.Helper()
	certPEM, keyPEM := keypairtest.PEM(t, cert)
	for key, text := range map[string][]byte{
		certmagic.StorageKeys.SiteCert(c.cas[0].key, name): certPEM, certmagic.StorageKeys.SitePrivateKey(c.cas[0].key, name): keyPEM,
	} {
		if err := c.storage.Store(t.Context(), key, text); err != nil {
			t.Fatal(err)
		}
	}
}

// No more certificates are kept in memory than allowed; the others are read again.
func TestLoadedIsBounded(t *testing.T) {
	t.Parallel()
	config := (&testCA{directory: "https://127.0.0.1:1/dir"}).config(t.TempDir())
	config.Loaded = 10
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cert := keypairtest.New(t, keypairtest.Options{})
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

// BenchmarkLoadedMemory measures the memory that a loaded certificate takes, with everything that is known of it.
func BenchmarkLoadedMemory(b *testing.B) {
	config := (&testCA{directory: "https://127.0.0.1:1/dir"}).config(b.TempDir())
	c, err := New(config)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	const n = 1000
	for _, name := range names(n) {
		storeCertificate(b, c, name, keypairtest.New(b, keypairtest.Options{}))
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
	storeCertificate(b, c, "autoconfig.a.test", keypairtest.New(b, keypairtest.Options{}))
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
