package certs

import (
	"context"
	"sync"
	"time"
)

// A certificate that has been received while the storage is full has cost an order: it is served from memory, and saved when there is
// room again. While one waits nothing is ordered, so that there are never more of them than orders in progress.

// unsaved holds certificates that could not be saved yet, by name.
type unsaved struct {
	mu     sync.Mutex
	byName map[string]unsavedCertificate
}

type unsavedCertificate struct {
	stored *stored
	issued *issued
}

// saveTime bounds the last attempt to save, when the process ends.
const saveTime = 5 * time.Second

func (u *unsaved) put(name string, cert unsavedCertificate) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.byName == nil {
		u.byName = make(map[string]unsavedCertificate)
	}
	u.byName[name] = cert
}

func (u *unsaved) get(name string) *stored {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.byName[name].stored
}

func (u *unsaved) remove(name string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.byName, name)
}

func (u *unsaved) len() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.byName)
}

func (u *unsaved) all() map[string]unsavedCertificate {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := make(map[string]unsavedCertificate, len(u.byName))
	for name, cert := range u.byName {
		all[name] = cert
	}
	return all
}

// keepUnsaved serves a new certificate from memory, because of an error when it was to be saved.
func (c *Certificates) keepUnsaved(issuer, name string, cert *issued, err error) error {
	files, filesErr := filesOf(name, cert)
	if filesErr != nil {
		return filesErr
	}
	s, filesErr := c.parse(issuer, name, files)
	if filesErr != nil {
		return filesErr
	}
	c.unsaved.put(name, unsavedCertificate{s, cert})
	signal(c.health.suspect)
	c.log.Error("a new certificate cannot be saved; serving it from memory until it can", "name", name, "error", clip(err))
	return nil
}

// saveUnsaved saves the certificates that could not be saved before.
func (c *Certificates) saveUnsaved(ctx context.Context) {
	for name, cert := range c.unsaved.all() {
		if ctx.Err() != nil || c.write(ctx, cert.stored.issuer, name, cert.issued) != nil {
			return // it is tried again
		}
		c.unsaved.remove(name)
		c.resume()
		c.log.Info("a certificate has been saved that could not be saved before", "name", name)
	}
}
