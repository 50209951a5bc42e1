package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
)

// entry is what is known of a stored certificate without reading it again.
type entry struct {
	issuer              string // the CA's name in the storage
	notBefore, notAfter time.Time
	renewAt             time.Time
	askAgain            time.Time // when to ask the CA again about the renewal
}

// stored is a certificate that has been read.
type stored struct {
	entry
	name string
	cert *tls.Certificate // without Leaf, which takes more memory than all the rest and is not needed to serve
	leaf *x509.Certificate
	ari  *acme.RenewalInfo // nil if the CA gives none
}

// errBroken means that what is stored for a name is no certificate.
var errBroken = errors.New("what is stored is no certificate with its key")

// prepareDir makes the directory, or sees to it that nobody else can read what is in it.
func prepareDir(dir string, log *slog.Logger) error {
	if dir == "" {
		return errors.New("certificates: there is no directory to keep them in; write state_dir in [server]")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("certificates cannot be kept: %w; make the directory, or correct state_dir in [server]", err)
	}
	loose := 0
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() && !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) { // another process has just removed it
			return nil
		}
		if err != nil || info.Mode().Perm()&0o077 == 0 || filepath.Base(filepath.Dir(name)) == "locks" { // locks hold times only
			return err
		}
		loose++
		return os.Chmod(name, info.Mode().Perm()&0o700)
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("certificates cannot be kept in %s: %w; it must belong to the user mailhint runs as", dir, err)
	}
	if loose > 0 {
		log.Warn("others could read files with keys; that is mended, but consider the keys known", "directory", dir, "files", loose)
	}
	return nil
}

const certificatesPrefix = "certificates"

// issuers are the CAs that certificates are stored from: also those that are not in the configuration any more.
func (c *Certificates) issuers(ctx context.Context) ([]string, error) {
	var keys []string
	for _, ca := range c.cas {
		keys = append(keys, certmagic.StorageKeys.Safe(ca.key))
	}
	found, err := c.storage.List(ctx, certificatesPrefix, false)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing certificates: %w", err)
	}
	for _, key := range found {
		if key = path.Base(key); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// read reads a name's certificate, of several the one that ends last. The error is fs.ErrNotExist if there is none.
func (c *Certificates) read(ctx context.Context, name string) (*stored, error) {
	issuers, err := c.issuers(ctx)
	if err != nil {
		return nil, err
	}
	var best *stored
	err = fs.ErrNotExist
	for _, issuer := range issuers {
		s, e := c.readFrom(ctx, issuer, name)
		switch {
		case e == nil && (best == nil || s.notAfter.After(best.notAfter)):
			best = s
		case e != nil && !errors.Is(e, fs.ErrNotExist):
			err = e
		}
	}
	if best != nil {
		return best, nil
	}
	return nil, err
}

func (c *Certificates) readFrom(ctx context.Context, issuer, name string) (*stored, error) {
	keys := certmagic.StorageKeys
	chain, err := c.storage.Load(ctx, keys.SiteCert(issuer, name))
	if err != nil {
		return nil, err
	}
	key, err := c.storage.Load(ctx, keys.SitePrivateKey(issuer, name))
	if err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBroken, err)
	}
	s := &stored{name: name, cert: &cert, leaf: cert.Leaf}
	s.issuer, s.notBefore, s.notAfter = issuer, cert.Leaf.NotBefore, cert.Leaf.NotAfter
	cert.Leaf = nil
	cert.Certificate = c.shared(cert.Certificate)
	if meta, err := c.storage.Load(ctx, keys.SiteMeta(issuer, name)); err == nil {
		s.ari = renewalInfo(meta)
	}
	s.setRenewal()
	return s, nil
}

// shared makes the chains of all certificates share the CA's part, which is the larger one, and drops spare room.
func (c *Certificates) shared(chain [][]byte) [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	chain[0] = slices.Clone(chain[0])
	for i := 1; i < len(chain); i++ {
		at := slices.IndexFunc(c.chains, func(der []byte) bool { return bytes.Equal(der, chain[i]) })
		if at < 0 && len(c.chains) < 64 {
			at, c.chains = len(c.chains), append(c.chains, slices.Clone(chain[i]))
		}
		if at >= 0 {
			chain[i] = c.chains[at]
		}
	}
	return slices.Clip(chain)
}

// renewalInfo returns what certmagic has noted with a certificate of the CA's wishes (ARI, RFC 9773); nil if nothing.
func renewalInfo(meta []byte) *acme.RenewalInfo {
	var resource certmagic.CertificateResource
	var certificate acme.Certificate
	if json.Unmarshal(meta, &resource) != nil || json.Unmarshal(resource.IssuerData, &certificate) != nil {
		return nil
	}
	return certificate.RenewalInfo
}

// maxEarly is how long a certificate is kept at least, or a tenth of its time: a CA whose wishes lie in the past always, as when
// its clock is wrong, would get orders without end. CAs date certificates back by an hour.
const maxEarly = 6 * time.Hour

// setRenewal says when to renew: at the moment the CA wishes, if it has one; else when a third of the time is left, or half for
// certificates of a few days, which is what Let's Encrypt advises. Whatever the CA wishes, the last tenth is too late.
func (s *stored) setRenewal() {
	life := s.notAfter.Sub(s.notBefore)
	left := life / 3
	if life < 10*24*time.Hour {
		left = life / 2
	}
	s.renewAt = s.notAfter.Add(-left)
	s.askAgain = s.notBefore // that is, soon
	if s.ari == nil || s.ari.SelectedTime.IsZero() {
		return
	}
	early, late := s.notBefore.Add(min(life/10, maxEarly)), s.notAfter.Add(-life/10)
	s.renewAt = s.ari.SelectedTime
	if s.renewAt.Before(early) {
		s.renewAt = early
	}
	if s.renewAt.After(late) {
		s.renewAt = late
	}
	if s.ari.RetryAfter != nil {
		s.askAgain = *s.ari.RetryAfter
	}
}

// keep makes a certificate the one that is served.
func (c *Certificates) keep(s *stored) {
	c.mu.Lock()
	e := s.entry
	c.known[s.name] = &e
	c.mu.Unlock()
	c.loaded.put(s.name, s.cert)
}

// entry returns what is known of a name's certificate, or nil. It does not change.
func (c *Certificates) entry(name string) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[name]
}

// isKey reports whether the storage takes a name as it is. It makes ".." nothing at all, which would be the directory itself.
func isKey(name string) bool { return name != "" && name == certmagic.StorageKeys.Safe(name) }

// remove deletes a name's certificates, of all CAs.
func (c *Certificates) remove(ctx context.Context, name string) error {
	if !isKey(name) {
		return fmt.Errorf("%q is no name of a certificate", name)
	}
	issuers, err := c.issuers(ctx)
	if err != nil {
		return err
	}
	for _, issuer := range issuers {
		err := c.storage.Delete(ctx, certmagic.StorageKeys.CertsSitePrefix(issuer, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing the certificate of %s: %w", name, err)
		}
	}
	c.forget(name)
	return nil
}

func (c *Certificates) forget(name string) {
	c.mu.Lock()
	delete(c.known, name)
	c.mu.Unlock()
	c.loaded.remove(name)
}
