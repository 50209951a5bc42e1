package mobileconfig

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/smallstep/pkcs7"
)

// Signer returns the certificate that signs what is answered under a host name, with key and intermediates. It is asked for each
// profile, so that a renewed certificate is used at once. The certificate the server itself shows under that name will do: a
// device says "Verified" if it trusts it.
type Signer func(host string) (*tls.Certificate, error)

// sign wraps a profile into a CMS message (RFC 5652 section 5): SignedData in DER, the profile inside, a SHA-256 digest, and the
// intermediates, which devices do not fetch.
//
// A certificate that is not valid now signs nothing. The device would call the profile unsigned as well, but as if something had
// been done to it. One that ends later does no harm: the account goes on working.
func sign(document []byte, certificate *tls.Certificate, now time.Time) ([]byte, error) {
	chain, err := chainOf(certificate)
	if err != nil {
		return nil, err
	}
	leaf := chain[0]
	switch {
	case now.After(leaf.NotAfter):
		return nil, fmt.Errorf("the certificate for %q has expired on %s", leaf.DNSNames, leaf.NotAfter.UTC().Format(time.DateOnly))
	case now.Before(leaf.NotBefore):
		return nil, fmt.Errorf("the certificate for %q is not valid before %s", leaf.DNSNames, leaf.NotBefore.UTC().Format(time.DateOnly))
	}
	key, ok := certificate.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("the certificate has no key that can sign")
	}
	message, err := pkcs7.NewSignedData(document)
	if err != nil {
		return nil, err
	}
	message.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	// Not AddSignerChain, which checks the signatures of the chain each time.
	if err := message.AddSigner(leaf, key, pkcs7.SignerInfoConfig{}); err != nil {
		return nil, err
	}
	for _, intermediate := range chain[1:] {
		message.AddCertificate(intermediate)
	}
	return message.Finish()
}

// chainOf returns the certificates, the signing one first.
func chainOf(c *tls.Certificate) ([]*x509.Certificate, error) {
	if c == nil || len(c.Certificate) == 0 {
		return nil, errors.New("there is no certificate")
	}
	chain := make([]*x509.Certificate, len(c.Certificate))
	for i, der := range c.Certificate {
		if i == 0 && c.Leaf != nil {
			chain[i] = c.Leaf
			continue
		}
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		chain[i] = parsed
	}
	return chain, nil
}
