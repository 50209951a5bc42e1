package probe

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestHostileCertificate reports a certificate with names that would fill a terminal and send it control characters.
func TestHostileCertificate(t *testing.T) {
	name := "\x1b[2J\u009b2J\u202e" + strings.Repeat("x", 10_000)
	leaf := &x509.Certificate{Issuer: pkix.Name{CommonName: name}, NotAfter: time.Now()}
	for range 1000 {
		leaf.DNSNames = append(leaf.DNSNames, name)
	}
	text, err := json.Marshal(Look{TLS: &TLS{Chain: []*x509.Certificate{leaf}}}.report(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 30_000 || strings.ContainsAny(string(text), "\x1b\u009b\u202e") || strings.Contains(string(text), `\u001b`) {
		t.Errorf("%d octets: %.300s", len(text), text)
	}
}
