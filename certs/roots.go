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

// NoSystemRoots says what to do if this machine has no root certificates, so that no other server's certificate can be checked, as in a
// container that is made from nothing; empty if it has some.
func NoSystemRoots() string {
	if pool, err := x509.SystemCertPool(); err == nil && !pool.Equal(x509.NewCertPool()) {
		return ""
	}
	return "this machine has no root certificates, so no server's certificate can be checked: install the package ca-certificates, " +
		"or name a file with them in the environment variable SSL_CERT_FILE"
}
