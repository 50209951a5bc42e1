package certs

import (
	"bytes"
	"iter"
	"slices"
	"sync"
	"time"
)

// entry is what is known of a stored certificate without reading it again. It does not change.
type entry struct {
	issuer              string // the CA's name in the storage
	notBefore, notAfter time.Time
	renewAt             time.Time
	askAgain            time.Time // when to ask the CA again about the renewal
}

// known holds an entry for every certificate in the storage, by name. It is gone through several times a minute, without a copy.
type known struct{ byName sync.Map }

func (k *known) get(name string) *entry {
	e, _ := k.byName.Load(name)
	found, _ := e.(*entry)
	return found
}

func (k *known) put(name string, e *entry) { k.byName.Store(name, e) }

func (k *known) remove(name string) { k.byName.Delete(name) }

func (k *known) all() iter.Seq2[string, *entry] {
	return func(yield func(string, *entry) bool) {
		k.byName.Range(func(name, e any) bool { return yield(name.(string), e.(*entry)) })
	}
}

// chains holds the parts that certificates of a CA have in common.
type chains struct {
	mu    sync.Mutex
	parts [][]byte
}

// maxChainParts bounds how many parts are remembered; CAs have a handful each.
const maxChainParts = 64

// share lets all certificates of a CA use the same copy of the CA's part, which is the larger one, and drops spare room.
func (c *chains) share(chain [][]byte) [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	chain[0] = slices.Clone(chain[0])
	for i := 1; i < len(chain); i++ {
		at := slices.IndexFunc(c.parts, func(der []byte) bool { return bytes.Equal(der, chain[i]) })
		if at < 0 && len(c.parts) < maxChainParts {
			at, c.parts = len(c.parts), append(c.parts, slices.Clone(chain[i]))
		}
		if at >= 0 {
			chain[i] = c.parts[at]
		}
	}
	return slices.Clip(chain)
}
