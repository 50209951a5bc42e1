package keypairs

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// Files name the PEM files of a certificate chain and its key.
type Files struct {
	Cert, Key string
}

// readPair reads a certificate and its key. Errors name the file and say what to do.
func readPair(files Files) (*tls.Certificate, error) {
	cert, err := readFile("certificate", files.Cert)
	if err != nil {
		return nil, err
	}
	key, err := readFile("key", files.Key)
	if err != nil {
		return nil, err
	}
	if strings.Contains(string(key), "ENCRYPTED") {
		return nil, fmt.Errorf("the key %s has a password; write one without: openssl pkey -in %s -out new.pem", files.Key, files.Key)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("the certificate %s and the key %s cannot be used: %s; %s", files.Cert, files.Key,
			strings.TrimPrefix(err.Error(), "tls: "), pairAdvice(err.Error()))
	}
	return &pair, nil
}

// pairAdvice says what to do about an error of tls.X509KeyPair, which exports no errors to compare with.
func pairAdvice(fault string) string {
	switch {
	case strings.Contains(fault, "does not match"):
		return "use the key that the certificate was made with, and put the server's own certificate first in its file"
	case strings.Contains(fault, "found a certificate rather than a key"), strings.Contains(fault, "PEM inputs may have been switched"):
		return "are the certificate and the key swapped?"
	}
	return `use PEM files, with lines such as "-----BEGIN CERTIFICATE-----"`
}

// maxPEM limits a certificate or key file, in octets; chains have a few thousand.
const maxPEM = 1 << 20

func readFile(what, name string) ([]byte, error) {
	info, err := os.Stat(name) // before opening, which would block on a named pipe until somebody writes to it
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxPEM) {
		return nil, fmt.Errorf("the %s file %s is a directory, a device or larger than %d KB; use a PEM file", what, name, maxPEM>>10)
	}
	text, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("the %s file %s does not exist; correct its path in [server]", what, name)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("the user that mailhint runs as cannot read the %s file %s; allow it, for example through a group", what, name)
	case err != nil:
		return nil, fmt.Errorf("the %s file: %w", what, err)
	}
	return text, nil
}

// stamp shows whether the files of a pair have been changed or replaced.
type stamp struct{ cert, key fileStamp }

type fileStamp struct {
	size     int64
	modified time.Time
}

func stampOf(files Files) stamp {
	return stamp{fileStampOf(files.Cert), fileStampOf(files.Key)}
}

// fileStampOf follows symbolic links: certbot and Kubernetes replace those. A file that cannot be examined has the zero stamp.
func fileStampOf(name string) fileStamp {
	info, err := os.Stat(name)
	if err != nil {
		return fileStamp{}
	}
	return fileStamp{info.Size(), info.ModTime()}
}
