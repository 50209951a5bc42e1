package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
)

// stored is a certificate that has been read.
type stored struct {
	entry
	name string
	cert *tls.Certificate // without Leaf, which takes more memory than all the rest and is not needed to serve
	leaf *x509.Certificate
	ari  *acme.RenewalInfo // nil if the CA gives none
}

// errDamaged means that what is stored for a name is not a certificate with its key.
var errDamaged = errors.New("the stored files are not a certificate with its key")

const certificatesPrefix = "certificates"

// issuers are the CAs whose certificates are stored, including those that are no longer configured.
func (c *Certificates) issuers(ctx context.Context) ([]string, error) {
	var keys []string
	for _, ca := range c.cas {
		keys = append(keys, ca.key)
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

// read reads a name's certificate; of several, the one that expires last. The error is fs.ErrNotExist if there is none.
func (c *Certificates) read(ctx context.Context, name string) (*stored, error) {
	if s := c.unsaved.get(name); s != nil {
		return s, nil
	}
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
	var f files
	var err error
	if f.chain, err = c.storage.Load(ctx, keys.SiteCert(issuer, name)); err != nil {
		return nil, err
	}
	if f.key, err = c.storage.Load(ctx, keys.SitePrivateKey(issuer, name)); err != nil {
		return nil, err
	}
	if f.meta, err = c.storage.Load(ctx, keys.SiteMeta(issuer, name)); err != nil {
		f.meta = nil // it is good without
	}
	return c.parse(issuer, name, f)
}

// files are what is stored of a certificate.
type files struct{ key, chain, meta []byte }

func (c *Certificates) parse(issuer, name string, f files) (*stored, error) {
	cert, err := tls.X509KeyPair(f.chain, f.key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	s := &stored{name: name, cert: &cert, leaf: cert.Leaf}
	s.issuer, s.notBefore, s.notAfter = issuer, cert.Leaf.NotBefore, cert.Leaf.NotAfter
	cert.Leaf = nil
	cert.Certificate = c.chains.share(cert.Certificate)
	if f.meta != nil {
		s.ari = renewalInfo(f.meta)
	}
	s.setRenewal()
	return s, nil
}

// write stores what a CA has issued, in certmagic's layout. It is finished even if ctx is done: the certificate has cost an order.
func (c *Certificates) write(ctx context.Context, issuer, name string, cert *issued) error {
	f, err := filesOf(name, cert)
	if err != nil {
		return err
	}
	keys := certmagic.StorageKeys
	err = storeAll(context.WithoutCancel(ctx), c.storage, []value{
		{keys.SitePrivateKey(issuer, name), f.key}, {keys.SiteCert(issuer, name), f.chain}, {keys.SiteMeta(issuer, name), f.meta}})
	if err != nil {
		return fmt.Errorf("saving the new certificate of %s: %w", name, err)
	}
	return nil
}

// filesOf returns what is stored of a new certificate.
func filesOf(name string, cert *issued) (f files, err error) {
	if f.key, err = certmagic.PEMEncodePrivateKey(cert.key); err != nil {
		return f, err
	}
	data, err := json.Marshal(cert.chain)
	if err != nil {
		return f, err
	}
	f.chain = cert.chain.ChainPEM
	f.meta, err = json.MarshalIndent(certmagic.CertificateResource{SANs: []string{name}, IssuerData: data}, "", "\t")
	return f, err
}

// value is a value for the storage, and its key.
type value struct {
	key  string
	text []byte
}

// storeAll stores values that belong together. If one cannot be stored, those before it are put back as they were.
func storeAll(ctx context.Context, storage certmagic.Storage, values []value) error {
	var before []value
	for _, v := range values {
		old, err := storage.Load(ctx, v.key)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := storage.Store(ctx, v.key, v.text); err != nil {
			for _, b := range before {
				if b.text == nil {
					storage.Delete(ctx, b.key)
				} else {
					storage.Store(ctx, b.key, b.text)
				}
			}
			return err
		}
		before = append(before, value{v.key, old})
	}
	return nil
}

// keep makes a certificate the one that is served.
func (c *Certificates) keep(s *stored) {
	e := s.entry // without the rest
	c.known.put(s.name, &e)
	c.loaded.put(s.name, s.cert)
}

// isKey reports whether a name is a folder of its own in the storage. "." would be the folder of all names, and what certmagic changes
// in a key could be another name.
func isKey(name string) bool {
	return name != "" && name != "." && name == nameOfFolder(certmagic.StorageKeys.Safe(name))
}

const wildcardFolder = "wildcard_." // what certmagic's keys have for "*."

// nameOfFolder returns the name whose folder or file in the storage has this name.
func nameOfFolder(folder string) string {
	if base, ok := strings.CutPrefix(folder, wildcardFolder); ok {
		return "*." + base
	}
	return folder
}

// isWildcard reports whether a certificate is for all names directly below a domain.
func isWildcard(name string) bool { return strings.HasPrefix(name, "*.") }

// remove deletes a name's certificates, of all CAs.
func (c *Certificates) remove(ctx context.Context, name string) error {
	if !isKey(name) {
		return fmt.Errorf("%q is not a valid name", name)
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
	c.unsaved.remove(name)
	c.known.remove(name)
	c.loaded.remove(name)
}
