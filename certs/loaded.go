package certs

import (
	"container/list"
	"crypto/tls"
	"sync"
)

// loaded holds the certificates in memory, by name. When there are too many, the one goes that nobody has asked for longest.
type loaded struct {
	max int

	mu     sync.Mutex
	byName map[string]*list.Element
	recent list.List // of *pair, the last asked for first
}

type pair struct {
	name  string
	cert  *tls.Certificate
	asked bool // for, since it is here
}

func newLoaded(most int) *loaded {
	return &loaded{max: most, byName: make(map[string]*list.Element)}
}

func (l *loaded) get(name string) *tls.Certificate {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.byName[name]
	if e == nil {
		return nil
	}
	l.recent.MoveToFront(e)
	e.Value.(*pair).asked = true
	return e.Value.(*pair).cert
}

// asked reports whether anybody has asked for a certificate since it is here.
func (l *loaded) asked(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.byName[name]
	return e != nil && e.Value.(*pair).asked
}

func (l *loaded) put(name string, cert *tls.Certificate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.byName[name]; e != nil {
		*e.Value.(*pair) = pair{name: name, cert: cert}
		l.recent.MoveToFront(e)
		return
	}
	l.byName[name] = l.recent.PushFront(&pair{name: name, cert: cert})
	for len(l.byName) > l.max {
		l.drop(l.recent.Back())
	}
}

func (l *loaded) remove(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.byName[name]; e != nil {
		l.drop(e)
	}
}

func (l *loaded) drop(e *list.Element) {
	delete(l.byName, l.recent.Remove(e).(*pair).name)
}

func (l *loaded) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.byName)
}
