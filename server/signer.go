package server

import (
	"context"
	"crypto/tls"
	"errors"

	"mailhint/certs"
	"mailhint/keypairs"
	"mailhint/mobileconfig"
)

// newSigner returns what signs Apple profiles: the pair configured for it, or else the certificate of the name that was asked for; nil if
// there is neither.
func newSigner(signing *keypairs.Pairs, acme *certs.Certificates, files *keypairs.Pairs) mobileconfig.Signer {
	switch {
	case signing != nil:
		return pairSigner(signing)
	case acme != nil && files != nil:
		fromFile, stored := pairSigner(files), storedSigner(acme)
		return func(host string) (*tls.Certificate, error) {
			if files.Covers(host) {
				return fromFile(host)
			}
			return stored(host)
		}
	case acme != nil:
		return storedSigner(acme)
	case files != nil:
		return pairSigner(files)
	}
	return nil
}

func pairSigner(p *keypairs.Pairs) mobileconfig.Signer {
	return func(host string) (*tls.Certificate, error) {
		return p.GetCertificate(&tls.ClientHelloInfo{ServerName: host})
	}
}

// storedSigner signs with the certificate of the name that was asked for, if there is one. No certificate is ordered for a profile.
func storedSigner(acme *certs.Certificates) mobileconfig.Signer {
	return func(host string) (*tls.Certificate, error) {
		cert, err := acme.Stored(context.Background(), host)
		if err == nil && cert == nil {
			err = errors.New("there is no certificate yet for the name that was asked for")
		}
		return cert, err
	}
}
