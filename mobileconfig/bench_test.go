package mobileconfig

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"howett.net/plist"

	"mailhint/edge/edgetest"
	"mailhint/settings"
	"mailhint/texts"
)

// BenchmarkProfile measures what the edge adds to the unavoidable work: writing the property list and, for signed profiles, the signature
// itself. Both run in turn within each round, so that they run under the same conditions. The ratio is the median over rounds of the
// unavoidable work's time divided by ours; 1 means no cost at all.
func BenchmarkProfile(b *testing.B) {
	b.Run("unsigned", func(b *testing.B) { benchmark(b, nil) })
	b.Run("ecdsa", func(b *testing.B) { benchmark(b, ecdsaCertificate()) })
	b.Run("rsa", func(b *testing.B) { benchmark(b, rsaCertificate()) })
}

func benchmark(b *testing.B, certificate *tls.Certificate) {
	var signer Signer
	if certificate != nil {
		signer = func(string) (*tls.Certificate, error) { return certificate, nil }
	}
	h := New(edgetest.Load(b).Lookup, signer, slog.New(slog.DiscardHandler))
	p, err := newProfile(edgetest.Find(b, edgetest.Load(b).Lookup, "example.com"),
		settings.Address{Local: "fred", Domain: "example.com"}, texts.For(texts.English))
	if err != nil {
		b.Fatal(err)
	}
	bare := func() {
		document, err := plist.MarshalIndent(p, plist.XMLFormat, "  ")
		if err != nil {
			b.Fatal(err)
		}
		if certificate == nil {
			return
		}
		digest := sha256.Sum256(document)
		if _, err := certificate.PrivateKey.(crypto.Signer).Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
			b.Fatal(err)
		}
	}
	whole := func() {
		if w := ask(h, http.MethodGet, "https", "autoconfig.example.com", "/mobileconfig?emailaddress=fred%40example.com", ""); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
	const perRound = 20
	timed := func(f func()) time.Duration {
		start := time.Now()
		for range perRound {
			f()
		}
		return time.Since(start)
	}
	var ratios []float64
	var ours time.Duration
	round := func() {
		was, is := timed(bare), timed(whole)
		ratios = append(ratios, float64(was)/float64(is))
		ours += is
	}
	round() // warm up
	ratios, ours = nil, 0
	for b.Loop() {
		round()
	}
	for len(ratios) < 15 {
		round()
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "ratio")
	b.ReportMetric(float64(ours.Microseconds())/float64(len(ratios)*perRound), "µs/profile")
	b.ReportMetric(0, "ns/op") // the time of a round is meaningless
}

// BenchmarkCode measures the QR code as PNG and as SVG.
func BenchmarkCode(b *testing.B) {
	h := New(edgetest.Load(b).Lookup, nil, slog.New(slog.DiscardHandler))
	for _, name := range []string{"qr.png", "qr.svg"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if w := ask(h, http.MethodGet, "https", "autoconfig.example.com", "/mobileconfig/"+name+"?emailaddress=fred%40example.com", ""); w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
