package edge

import (
	"sync"

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
	kept    *lru.Cache[*settings.Settings, func() (T, error)]
}

// NewDocuments returns an empty cache of what prepare returns. Prepare depends on nothing but its argument: its errors are kept too.
func NewDocuments[T any](prepare func(*settings.Settings) (T, error)) *Documents[T] {
	kept, _ := lru.New[*settings.Settings, func() (T, error)](maxDocuments) // fails for a size below 1 only
	return &Documents[T]{prepare, kept}
}

// Of returns what is prepared for a set of settings. Requests that need it at the same time wait for one preparation.
func (d *Documents[T]) Of(s *settings.Settings) (T, error) {
	once, ok := d.kept.Get(s)
	if !ok {
		once = sync.OnceValues(func() (T, error) { return d.prepare(s) })
		if earlier, ok, _ := d.kept.PeekOrAdd(s, once); ok {
			once = earlier
		}
	}
	return once()
}
