// Package keypairtest makes certificates for tests.
package keypairtest

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Options say what a certificate is like. The zero value is one with an ECDSA key for https at 127.0.0.1.
type Options struct {
	Names   []string      // DNS names; the first is also the common name
	Valid   time.Duration // from now on; 0 for 90 days
	Expired bool          // a day ago
	RSA     bool
}

// New makes a self-signed certificate that can also be trusted as a root.
func New(t testing.TB, o Options) tls.Certificate {
	t.Helper()
	key := newKey(t, o.RSA)
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), DNSNames: o.Names, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(cmp.Or(o.Valid, 90*24*time.Hour)), IsCA: true, BasicConstraintsValid: true,
	}
	if len(o.Names) > 0 {
		template.Subject = pkix.Name{CommonName: o.Names[0]}
	}
	if o.Expired {
		template.NotAfter = now.Add(-24 * time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func newKey(t testing.TB, useRSA bool) crypto.Signer {
	t.Helper()
	var key crypto.Signer
	var err error
	if useRSA {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// PEM returns a certificate and its key as files have them.
func PEM(t testing.TB, pair tls.Certificate) (cert, key []byte) {
	t.Helper()
	for _, der := range pair.Certificate {
		cert = append(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// Write writes a certificate and its key to files that are named after the certificate's first name or, if base is not empty, after that.
func Write(t testing.TB, dir, base string, pair tls.Certificate) (certFile, keyFile string) {
	t.Helper()
	if base == "" {
		base = strings.ReplaceAll(pair.Leaf.Subject.CommonName, "*", "wildcard")
	}
	cert, key := PEM(t, pair)
	certFile, keyFile = filepath.Join(dir, base+".pem"), filepath.Join(dir, base+".key")
	for name, text := range map[string][]byte{certFile: cert, keyFile: key} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}
