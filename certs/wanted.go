package certs

import (
	"context"
	"iter"
	"time"
)

const (
	// betweenLooks is the time after which the wanted names are looked through again: DNS may point here by then.
	betweenLooks = time.Hour
	// betweenNames spares the name servers of an admin with a million domains.
	betweenNames = 10 * time.Millisecond
)

// Want has certificates ordered in the background for names, as far as they are allowed. The names replace those of the previous
// call. The sequence is gone through now and from time to time.
func (c *Certificates) Want(names iter.Seq[string]) {
	c.wanted.Store(&names)
	signal(c.wantedNow)
}

func (c *Certificates) orderWanted(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wantedNow:
		case <-c.clock.After(betweenLooks):
		}
		names := c.wanted.Load()
		if names == nil {
			continue
		}
		for name := range *names {
			name = c.certificateFor(name)
			if ctx.Err() != nil {
				return
			}
			if c.wanted.Load() != names { // there are new ones, which do not wait for the end of these
				break
			}
			if c.allowed(name) && c.known.get(name) == nil && c.failures.wait(name, c.clock.Now()) <= 0 && !c.health.holds(name, c.clock.Now()) {
				c.enqueueWanted(ctx, name)
			}
		}
	}
}

// enqueueWanted puts a name into the queue, as soon as there is room, and pauses a little. It gives up when Want is called.
func (c *Certificates) enqueueWanted(ctx context.Context, name string) {
	if c.queue.has(name) {
		return
	}
	for c.enqueue(name, forLater) == nil {
		select {
		case <-ctx.Done():
			return
		case <-c.wantedNow:
			signal(c.wantedNow)
			return
		case <-c.queue.room:
		}
	}
	select {
	case <-ctx.Done():
	case <-time.After(betweenNames):
	}
}

// serves reports whether a name may have a certificate, or be served with a wildcard.
func (c *Certificates) serves(name string) bool {
	return name != "" && len(name) <= maxName && c.config.Allowed(name)
}

// certificateFor returns the name of the certificate that serves a name.
func (c *Certificates) certificateFor(name string) string {
	if c.config.CertificateFor == nil || isWildcard(name) || !c.serves(name) {
		return name
	}
	return c.config.CertificateFor(name)
}

// allowed reports whether there may be a certificate of this name: it is not enough that the name may be served.
func (c *Certificates) allowed(name string) bool {
	return c.serves(name) && c.certificateFor(name) == name
}
