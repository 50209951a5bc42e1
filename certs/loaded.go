package certs

import (
	"crypto/tls"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"
)

// loaded holds certificates in memory, by name. When there are too many, the least recently requested one is dropped.
type loaded struct {
	byName *lru.Cache[string, *loadedCertificate]
}

type loadedCertificate struct {
	cert      *tls.Certificate
	requested atomic.Bool // by a client, since it was loaded
	recently  atomic.Bool // by a client, since takeRecent
}

// newLoaded makes room for max certificates, which must be positive.
func newLoaded(max int) *loaded {
	byName, _ := lru.New[string, *loadedCertificate](max) // fails for a size below 1 only
	return &loaded{byName}
}

func (l *loaded) get(name string) *tls.Certificate {
	found, ok := l.byName.Get(name)
	if !ok {
		return nil
	}
	if !found.requested.Load() { // a write would cost every processor its copy
		found.requested.Store(true)
	}
	if !found.recently.Load() {
		found.recently.Store(true)
	}
	return found.cert
}

// requested reports whether a client has asked for a certificate since it was loaded.
func (l *loaded) requested(name string) bool {
	found, ok := l.byName.Peek(name)
	return ok && found.requested.Load()
}

// takeRecent reports whether a client has asked for a certificate since the last call.
func (l *loaded) takeRecent(name string) bool {
	found, ok := l.byName.Peek(name)
	return ok && found.recently.Swap(false)
}

func (l *loaded) put(name string, cert *tls.Certificate) {
	l.byName.Add(name, &loadedCertificate{cert: cert})
}

func (l *loaded) remove(name string) { l.byName.Remove(name) }

func (l *loaded) len() int { return l.byName.Len() }
