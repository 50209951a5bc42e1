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

// Signer returns the certificate that signs profiles under a host name, with its key and intermediates. It is called for each profile, so
// that a renewed certificate is used at once. The certificate that the server itself uses under that name is suitable: a device says
// "Verified" if it trusts it.
type Signer func(host string) (*tls.Certificate, error)

// sign wraps a profile in a CMS message (RFC 5652 section 5): SignedData in DER with the profile inside, a SHA-256 digest, and the
// intermediates, which devices do not fetch.
//
// A certificate that is not valid now is not used: the device would treat the profile as tampered with, which is worse than unsigned. If the
// certificate expires later, the account keeps working.
func sign(document []byte, certificate *tls.Certificate, now time.Time) ([]byte, error) {
	chain, err := chainOf(certificate)
	if err != nil {
		return nil, err
	}
	leaf := chain[0]
	switch {
	case now.After(leaf.NotAfter):
		return nil, fmt.Errorf("the certificate for %q expired on %s", leaf.DNSNames, leaf.NotAfter.UTC().Format(time.DateOnly))
	case now.Before(leaf.NotBefore):
		return nil, fmt.Errorf("the certificate for %q is not valid before %s", leaf.DNSNames, leaf.NotBefore.UTC().Format(time.DateOnly))
	}
	key, ok := certificate.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("the private key of the certificate cannot sign")
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

// chainOf returns the certificates in order, beginning with the one that signs.
func chainOf(c *tls.Certificate) ([]*x509.Certificate, error) {
	if c == nil || len(c.Certificate) == 0 {
		return nil, errors.New("no certificate")
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
