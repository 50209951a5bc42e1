package probe

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"
)

// authority is a certificate and its key, for signing others.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

var validFrom = testTime.Add(-time.Hour)

// newAuthority makes a test CA; with a parent it is an intermediate one.
func newAuthority(t testing.TB, name string, parent *authority) *authority {
	t.Helper()
	template := &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a := &authority{key: newKey(t)}
	if parent == nil {
		parent = &authority{template, a.key}
	}
	a.certificate = sign(t, template, a.key, parent)
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, template *x509.Certificate, key *ecdsa.PrivateKey, by *authority) *x509.Certificate {
	t.Helper()
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotBefore.IsZero() {
		template.NotBefore = validFrom
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = validFrom.Add(90 * 24 * time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.certificate, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// issue makes a server's certificate for some names. It is valid for 90 days.
func (a *authority) issue(t testing.TB, until time.Time, names ...string) tls.Certificate {
	t.Helper()
	if until.IsZero() {
		return a.issueFor(t, time.Time{}, time.Time{}, names...)
	}
	return a.issueFor(t, until.AddDate(0, 0, -90), until, names...)
}

func (a *authority) issueFor(t testing.TB, from, until time.Time, names ...string) tls.Certificate {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{DNSNames: names, NotBefore: from, NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	c := sign(t, template, key, a)
	return tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}
