package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mailhint/domains"
)

// certificates are the pairs of files named in domains.toml. They are read again when the files change; a pair that is broken
// then, or half written, goes on being served as it was.
type certificates struct {
	files  []domains.KeyPair
	log    *slog.Logger
	choice atomic.Pointer[choice]

	reading sync.Mutex // guards what follows: one reload at a time
	pairs   []*tls.Certificate
	stamps  []stamp  // of the files when pairs were read
	faults  []string // of each pair; empty for a good one
}

// readCertificates reads all pairs for the first time, when every mistake is fatal.
func readCertificates(files []domains.KeyPair, log *slog.Logger) (*certificates, error) {
	if len(files) == 0 {
		return nil, errors.New(`[server] tls = "files" needs cert and key: write cert = "fullchain.pem" and key = "privkey.pem"`)
	}
	c := &certificates{
		files: files, log: log,
		pairs: make([]*tls.Certificate, len(files)), stamps: make([]stamp, len(files)), faults: make([]string, len(files)),
	}
	if err := c.reload(true); err != nil {
		return nil, err
	}
	return c, nil
}

// reload reads the pairs again whose files look changed, or all of them. It logs faults only in the first case, when nobody asked
// for it.
func (c *certificates) reload(all bool) error {
	c.reading.Lock()
	defer c.reading.Unlock()
	var errs []error
	for i, files := range c.files {
		now := stampOf(files) // before reading, so that a later change is seen next time
		if !all && c.faults[i] == "" && now == c.stamps[i] {
			continue
		}
		pair, err := readPair(files)
		if err != nil {
			if errs = append(errs, err); !all && c.faults[i] != err.Error() { // else the caller knows, or it has been logged
				c.log.Warn("a changed certificate cannot be used; the one before it goes on serving", "error", err)
			}
			c.faults[i] = err.Error()
			continue
		}
		c.pairs[i], c.stamps[i], c.faults[i] = pair, now, ""
		c.logLoaded(files, pair)
	}
	if !slices.Contains(c.pairs, nil) { // as at the start, when there is nothing to go back to
		c.choice.Store(newChoice(c.pairs))
	}
	return errors.Join(errs...)
}

func (c *certificates) logLoaded(files domains.KeyPair, pair *tls.Certificate) {
	leaf := pair.Leaf
	c.log.Info("certificate loaded", "file", files.Cert, "names", firstOf(leaf.DNSNames), "ends", leaf.NotAfter)
	switch now := time.Now(); {
	case now.After(leaf.NotAfter):
		c.log.Warn("this certificate has expired and programs will refuse it; renew it, the new files are read by themselves",
			"file", files.Cert, "ended", leaf.NotAfter)
	case now.Before(leaf.NotBefore):
		c.log.Warn("this certificate is not valid yet; is the clock of this machine right?", "file", files.Cert, "begins", leaf.NotBefore)
	}
}

// mostNames is how many names of a certificate a log line tells. Some have hundreds.
const mostNames = 5

// firstOf spells the first names of a certificate, which nobody has checked, and counts the others.
func firstOf(names []string) string {
	var b strings.Builder
	for i, name := range names {
		if i == mostNames {
			fmt.Fprintf(&b, " and %d more", len(names)-i)
			break
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%.253s", name) // longer ones are no host names
	}
	return b.String()
}

// troubles are the faults of the pairs that are served as they were before.
func (c *certificates) troubles() []string {
	c.reading.Lock()
	defer c.reading.Unlock()
	var troubles []string
	for _, fault := range c.faults {
		if fault != "" {
			troubles = append(troubles, fault)
		}
	}
	return troubles
}

// firstEnd returns when the first of the certificates ends.
func (c *certificates) firstEnd() time.Time {
	c.reading.Lock()
	defer c.reading.Unlock()
	end := c.pairs[0].Leaf.NotAfter
	for _, pair := range c.pairs[1:] {
		if pair.Leaf.NotAfter.Before(end) {
			end = pair.Leaf.NotAfter
		}
	}
	return end
}

// readPair reads a certificate and its key. Errors name the file and say what to do.
func readPair(files domains.KeyPair) (*tls.Certificate, error) {
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

// pairAdvice says what to do about an error of tls.X509KeyPair, which has no exported errors to tell them by.
func pairAdvice(fault string) string {
	switch {
	case strings.Contains(fault, "does not match"):
		return "give the key the certificate was made with, the server's own certificate first in its file"
	case strings.Contains(fault, "found a certificate rather than a key"), strings.Contains(fault, "PEM inputs may have been switched"):
		return "are cert and key exchanged?"
	}
	return `give PEM files, with lines such as "-----BEGIN CERTIFICATE-----"`
}

// maxPEM bounds a certificate or key file, in octets; chains have a few thousand.
const maxPEM = 1 << 20

func readFile(what, name string) ([]byte, error) {
	info, err := os.Stat(name) // before opening, which would wait until somebody writes to a named pipe
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxPEM) {
		return nil, fmt.Errorf("the %s file %s is a directory, a device or larger than %d KB; give a PEM file", what, name, maxPEM>>10)
	}
	text, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("the %s file %s does not exist; correct cert and key in [server]", what, name)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("the %s file %s may not be read by the user mailhint runs as; allow it, for example through a group", what, name)
	case err != nil:
		return nil, fmt.Errorf("the %s file: %w", what, err)
	}
	return text, nil
}

// stamp tells whether the files of a pair have been changed or replaced.
type stamp struct{ cert, key fileStamp }

type fileStamp struct {
	size    int64
	changed time.Time
}

func stampOf(files domains.KeyPair) stamp {
	return stamp{fileStampOf(files.Cert), fileStampOf(files.Key)}
}

// fileStampOf follows symbolic links: certbot and Kubernetes replace those. A file that cannot be looked at has the zero stamp.
func fileStampOf(name string) fileStamp {
	info, err := os.Stat(name)
	if err != nil {
		return fileStamp{}
	}
	return fileStamp{info.Size(), info.ModTime()}
}

// choice finds the certificate for a name. It is immutable.
type choice struct {
	first  *tls.Certificate
	byName map[string][]*tls.Certificate // also "*.example.com"
}

func newChoice(pairs []*tls.Certificate) *choice {
	c := &choice{first: pairs[0], byName: make(map[string][]*tls.Certificate)}
	for _, pair := range pairs {
		for _, name := range pair.Leaf.DNSNames {
			name = lower(name)
			c.byName[name] = append(c.byName[name], pair)
		}
	}
	return c
}

// covering returns the pairs whose certificates cover a host name in lower case.
func (c *choice) covering(name string) []*tls.Certificate {
	if fit := c.byName[name]; fit != nil {
		return fit
	}
	if dot := strings.IndexByte(name, '.'); dot >= 0 {
		return c.byName["*"+name[dot:]]
	}
	return nil
}

// GetCertificate is for tls.Config. A name none covers gets the first pair: some programs can be told to trust it, and an alert
// would help nobody.
func (c *certificates) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	choice := c.choice.Load()
	fit := choice.covering(lower(strings.TrimSuffix(hello.ServerName, ".")))
	switch len(fit) {
	case 0:
		return choice.first, nil
	case 1:
		return fit[0], nil
	}
	for _, pair := range fit { // RSA and ECDSA for the same name
		if hello.SupportsCertificate(pair) == nil {
			return pair, nil
		}
	}
	return fit[0], nil
}
