package mobileconfig

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"
)

// authority is a test certificate authority, with an intermediate as public ones have.
type authority struct {
	root, intermediate *x509.Certificate
	key                crypto.Signer // the intermediate's
}

var testAuthority = sync.OnceValue(func() *authority {
	a := &authority{key: newECDSA()}
	rootKey := newECDSA()
	a.root = issue(&x509.Certificate{Subject: pkix.Name{CommonName: "Test root"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}, nil, rootKey.Public(), rootKey)
	a.intermediate = issue(&x509.Certificate{Subject: pkix.Name{CommonName: "Test intermediate"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}, a.root, a.key.Public(), rootKey)
	return a
})

var serial atomic.Int64

func issue(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	if parent == nil {
		parent = template
	}

	template.SerialNumber = big.NewInt(serial.Add(1))
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		panic(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return c
}

// certificate issues a certificate as servers have for TLS: a chain without the root.
func (a *authority) certificate(key crypto.Signer, begin, end time.Time) *tls.Certificate {
	leaf := issue(&x509.Certificate{Subject: pkix.Name{CommonName: "autoconfig.example.com"}, DNSNames: []string{"autoconfig.example.com"},
		NotBefore: begin, NotAfter: end, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}},
		a.intermediate, key.Public(), a.key)
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw, a.intermediate.Raw}, PrivateKey: key, Leaf: leaf}
}

func newECDSA() crypto.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

var (
	ecdsaCertificate = sync.OnceValue(func() *tls.Certificate { return testAuthority().certificate(newECDSA(), yesterday, tomorrow) })
	rsaCertificate   = sync.OnceValue(func() *tls.Certificate {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return testAuthority().certificate(key, yesterday, tomorrow)
	})
	yesterday, tomorrow = time.Now().Add(-24 * time.Hour), time.Now().Add(24 * time.Hour)
)

// opaqueKey is a key that cannot be read, as in a hardware module.
type opaqueKey struct{ crypto.Signer }

// TestSigned verifies signatures with OpenSSL, which knows only the root, and compares what was signed.
func TestSigned(t *testing.T) {
	openssl := program(t, "openssl", "openssl")
	withoutLeaf := *ecdsaCertificate()
	withoutLeaf.Leaf = nil // as before Go 1.23
	opaque := *rsaCertificate()
	opaque.PrivateKey = opaqueKey{opaque.PrivateKey.(crypto.Signer)}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name        string
		certificate *tls.Certificate
	}{
		{"ECDSA", ecdsaCertificate()},
		{"ECDSA P-384", testAuthority().certificate(p384, yesterday, tomorrow)},
		{"RSA", rsaCertificate()},
		{"RSA in hardware", &opaque},
		{"not parsed", &withoutLeaf},
	} {
		t.Run(c.name, func(t *testing.T) {
			document := answer(t, recommended(), "fred@example.com")
			signed, err := sign(document, c.certificate, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if content, err := verify(t, openssl, signed); err != nil || !bytes.Equal(content, document) {
				t.Errorf("openssl: %v; it takes out\n%s\nwant\n%s", err, content, document)
			}
			message, err := pkcs7.Parse(signed)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(message.Certificates); n != 2 {
				t.Errorf("%d certificates inside, want the leaf and the intermediate", n)
			}
			if oid := message.Signers[0].DigestAlgorithm.Algorithm; !oid.Equal(pkcs7.OIDDigestAlgorithmSHA256) {
				t.Errorf("the digest algorithm is %v", oid)
			}
			changed := bytes.Replace(signed, []byte("imap.example.com"), []byte("imap.example.org"), 1)
			if _, err := verify(t, openssl, changed); err == nil {
				t.Error("openssl does not notice another server in the profile")
			}
		})
	}
}

// verify verifies a signed profile with only the root trusted, and returns its content.
func verify(t *testing.T, openssl string, signed []byte) ([]byte, error) {
	t.Helper()
	dir := t.TempDir()
	message, root, content := filepath.Join(dir, "signed"), filepath.Join(dir, "root.pem"), filepath.Join(dir, "content")
	for name, data := range map[string][]byte{
		message: signed,
		root:    pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: testAuthority().root.Raw}),
	} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// A server's certificate is for servers; by default, OpenSSL expects one for mail.
	out, err := exec.Command(openssl, "cms", "-verify", "-inform", "DER", "-binary", "-in", message, "-CAfile", root, "-purpose", "any", "-out", content).CombinedOutput()
	if err != nil {
		t.Logf("openssl: %s", out)
		return nil, err
	}
	data, err := os.ReadFile(content)
	if err != nil {
		t.Fatal(err)
	}
	return data, nil
}

func TestUnsignable(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := ecdsaCertificate()
	for _, c := range []struct {
		name        string
		certificate *tls.Certificate
		want        string
	}{
		{"expired", testAuthority().certificate(newECDSA(), yesterday.Add(-time.Hour), yesterday), "expired on " + yesterday.UTC().Format(time.DateOnly)},
		{"not valid yet", testAuthority().certificate(newECDSA(), tomorrow, tomorrow.Add(time.Hour)), "is not valid before " + tomorrow.UTC().Format(time.DateOnly)},
		{"none", nil, "no certificate"},
		{"empty", &tls.Certificate{}, "no certificate"},
		{"no key", &tls.Certificate{Certificate: good.Certificate, Leaf: good.Leaf}, "private key of the certificate cannot sign"},
		{"no certificate inside", &tls.Certificate{Certificate: [][]byte{{1, 2, 3}}, PrivateKey: good.PrivateKey}, "malformed"},
		{"broken chain", &tls.Certificate{Certificate: [][]byte{good.Leaf.Raw, {1, 2, 3}}, PrivateKey: good.PrivateKey}, "malformed"},
		{"Ed25519", testAuthority().certificate(ed, yesterday, tomorrow), "unknown private key type"},
	} {
		signed, err := sign([]byte("profile"), c.certificate, time.Now())
		if err == nil || !strings.Contains(err.Error(), c.want) || signed != nil {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// Unsigned leaves everything as it is that is not signed, such as an unsigned profile or the page of another server.
func TestUnsignedAsItIs(t *testing.T) {
	for _, text := range []string{"", "<html>", string(answer(t, recommended(), "fred@example.com"))} {
		if got := Unsigned([]byte(text)); string(got) != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
}
