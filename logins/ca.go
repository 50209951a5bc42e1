package logins

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxCA is how large a file with the certificates of CAs may be, in octets.
const maxCA = 1 << 20

// ReadCA reads the certificates of CAs from a PEM file; nil, for those that the system trusts, if the name is empty.
func ReadCA(name string) (*x509.CertPool, error) {
	if name == "" {
		return nil, nil
	}
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() { // before opening, which would wait for a writer of a named pipe
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxCA))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New(name + " contains no certificate in PEM")
	}
	return pool, nil
}
