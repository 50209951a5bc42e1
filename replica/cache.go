package replica

import (
	lru "github.com/hashicorp/golang-lru/v2"

	"mailhint/domains"
	"mailhint/settings"
)

// maxResolved is how many records with values of their own are kept as settings. Each needs about 4 KB; the documents made of the settings
// are kept elsewhere (edge.Documents).
const maxResolved = 8192

// cache keeps what records with values of their own answer: it is made when a client asks for it, and dropped when nobody has for long. The
// settings stay the same as long as the record does, so that the documents made of them can be kept too.
type cache struct {
	kept *lru.Cache[string, resolved]
}

// resolved is what a record answers, and what it was made of.
type resolved struct {
	*domains.Resolved
	base    *domains.Base
	profile string
	text    string
}

func newCache() cache {
	kept, _ := lru.New[string, resolved](maxResolved) // fails for a size below 1 only
	return cache{kept}
}

// of returns what a record answers.
func (c cache) of(f found) *domains.Resolved {
	if f.class.plain {
		return f.class.shared
	}
	if k, ok := c.kept.Get(f.name()); ok && k.base == f.class.base && k.profile == f.class.profile && k.text == string(f.text) {
		return k.Resolved
	}
	r := f.resolved()
	if r != nil {
		c.kept.Add(f.name(), resolved{r, f.class.base, f.class.profile, string(f.text)})
	}
	return r
}

func (c cache) explain(s *settings.Settings) []domains.Origin {
	for _, k := range c.kept.Values() {
		if list := k.Explain(s); list != nil {
			return list
		}
	}
	return nil
}
