package edge

import (
	"sync"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"

	"mailhint/settings"
)

// maxDocuments is how many sets of settings each format keeps documents for. All formats together need about 10 KB for one set (IMAP and
// submission in both TLS modes).
const maxDocuments = 4096

// Documents keeps what a format prepares for a set of settings: it is prepared when it is first needed, and dropped when it has not been
// needed for long. Settings are immutable, so the pointer is the key; those of an earlier configuration are no longer asked for and are
// dropped in time. It may be used by several goroutines at once.
type Documents[T any] struct {
	prepare func(*settings.Settings) (T, error)
	kept    *lru.Cache[*settings.Settings, *document[T]]
	// last is the document of the request before. Most often it is the one that the next request needs, which then takes no lock.
	last atomic.Pointer[document[T]]
}

// document is what is prepared for a set of settings, or will be.
type document[T any] struct {
	settings *settings.Settings
	prepare  func() (T, error) // at its first call
}

// NewDocuments returns an empty cache of what prepare returns. Prepare depends on nothing but its argument: its errors are kept too.
func NewDocuments[T any](prepare func(*settings.Settings) (T, error)) *Documents[T] {
	kept, _ := lru.New[*settings.Settings, *document[T]](maxDocuments) // fails for a size below 1 only
	return &Documents[T]{prepare: prepare, kept: kept}
}

// Of returns what is prepared for a set of settings. Requests that need it at the same time wait for one preparation.
func (d *Documents[T]) Of(s *settings.Settings) (T, error) {
	last := d.last.Load()
	if last == nil || last.settings != s {
		last = d.find(s)
		d.last.Store(last)
	}
	return last.prepare()
}

func (d *Documents[T]) find(s *settings.Settings) *document[T] {
	if found, ok := d.kept.Get(s); ok {
		return found
	}
	added := &document[T]{s, sync.OnceValues(func() (T, error) { return d.prepare(s) })}
	if earlier, ok, _ := d.kept.PeekOrAdd(s, added); ok {
		return earlier
	}
	return added
}
