//go:build linux

package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// authority is a certificate authority with one intermediate, as public ones have.
type authority struct {
	dir                string // where it puts files
	root, intermediate *signer
}

// signer is a certificate and its key.
type signer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// pair names the files of a certificate with its chain, and of its key.
type pair struct{ cert, key string }

const day = 24 * time.Hour

// newAuthority makes one. Its root is in the file roots.pem.
func newAuthority(t testing.TB, dir string) *authority {
	t.Helper()
	a := &authority{dir: dir}
	a.root = sign(t, nil, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Lab Root"}, NotAfter: time.Now().Add(365 * day), KeyUsage: x509.KeyUsageCertSign,
		IsCA: true, BasicConstraintsValid: true,
	})
	a.intermediate = sign(t, a.root, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Lab Intermediate"}, NotAfter: time.Now().Add(300 * day), KeyUsage: x509.KeyUsageCertSign,
		IsCA: true, BasicConstraintsValid: true,
	})
	writePEM(t, a.roots(), "CERTIFICATE", a.root.cert.Raw)
	return a
}

// roots is the file that programs must trust.
func (a *authority) roots() string { return filepath.Join(a.dir, "roots.pem") }

// flaws are what can be wrong with a certificate.
var flaws = []string{"expired", "not-yet-valid", "ends-soon", "short-lived", "wrong-name", "self-signed", "no-intermediate"}

// issue makes a certificate for names with a flaw, or with none if that is "". The files are called after name.
func (a *authority) issue(t testing.TB, name, flaw string, names ...string) pair {
	t.Helper()
	template := &x509.Certificate{
		DNSNames: names, NotBefore: time.Now().Add(-60 * day), NotAfter: time.Now().Add(60 * day),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	issuer, chain := a.intermediate, [][]byte{a.intermediate.cert.Raw}
	switch flaw {
	case "":
	case "expired":
		template.NotAfter = time.Now().Add(-day)
	case "not-yet-valid":
		template.NotBefore = time.Now().Add(day)
	case "short-lived": // Let's Encrypt's profile "shortlived", a day after it was issued
		template.NotBefore, template.NotAfter = time.Now().Add(-day), time.Now().Add(160*time.Hour-day)
	case "ends-soon":
		template.NotAfter = time.Now().Add(5*day + time.Hour)
	case "wrong-name":
		template.DNSNames = []string{"www.elsewhere.example"}
	case "self-signed":
		issuer, chain = nil, nil
	case "no-intermediate":
		chain = nil
	default:
		t.Fatalf("no certificate can be %q; it can be one of %q", flaw, flaws)
	}
	s := sign(t, issuer, template)
	p := pair{filepath.Join(a.dir, name+".pem"), filepath.Join(a.dir, name+".key")}
	writePEM(t, p.cert, "CERTIFICATE", slices.Insert(chain, 0, s.cert.Raw)...)
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, p.key, "PRIVATE KEY", der)
	return p
}

// sign makes a certificate; without an issuer it signs itself.
func sign(t testing.TB, issuer *signer, template *x509.Certificate) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		t.Fatal(err)
	}
	if template.Subject.CommonName == "" {
		template.Subject.CommonName = fmt.Sprint("lab ", template.SerialNumber)
	}
	if template.NotBefore.IsZero() {
		template.NotBefore = time.Now().Add(-90 * day)
	}
	if issuer == nil {
		issuer = &signer{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.cert, key.Public(), issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{cert, key}
}

func writePEM(t testing.TB, file, kind string, blocks ...[]byte) {
	t.Helper()
	var text []byte
	for _, block := range blocks {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: block})...)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
