package certs

import (
	"crypto/x509"
	"fmt"
	"os"
)

// ReadRoots reads the certificates that a CA's own https server is checked against, from the PEM file that acme_root names. An empty
// name means those of the system, and returns nil.
func ReadRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%w; correct its path in [server]", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s contains no certificate; give a PEM file", file)
	}
	return roots, nil
}
