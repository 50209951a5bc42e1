package replica

import (
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"mailhint/domains"
	"mailhint/settings"
)

const (
	// maxResolved is how many records with values of their own are kept as settings. Each needs about 2 KB; the documents made of the settings
	// are kept elsewhere (edge.Documents).
	maxResolved = 8192
	// maxTemplates is how many outlines of records are kept, and the templates of those that more than one record has. Each needs about 10 KB.
	maxTemplates = 1024
)

// cache keeps what records with values of their own answer: it is made when a client asks for it, and dropped when nobody has for long. The
// settings stay the same as long as the record does, so that the documents made of them can be kept too.
//
// The records of a hoster mostly differ in a few texts only. What they have in common is made once.
type cache struct {
	kept      *lru.Cache[string, resolved]
	templates *lru.Cache[templateKey, func() *domains.Template]
}

// resolved is what a record answers, and what it was made of.
type resolved struct {
	*domains.Resolved
	base    *domains.Base
	profile string
	text    string
}

type templateKey struct {
	base             *domains.Base
	profile, outline string
}

func newCache() cache {
	kept, _ := lru.New[string, resolved](maxResolved) // fails for a size below 1 only
	templates, _ := lru.New[templateKey, func() *domains.Template](maxTemplates)
	return cache{kept, templates}
}

// forget drops everything, because it was made of a configuration that nothing inherits from any more.
func (c cache) forget() {
	c.kept.Purge()
	c.templates.Purge()
}

// of returns what a record answers.
func (c cache) of(f found) *domains.Resolved {
	if f.class.plain {
		return f.class.shared
	}
	name := f.name()
	if k, ok := c.kept.Get(name); ok && k.base == f.class.base && k.profile == f.class.profile && k.text == string(f.text) {
		return k.Resolved
	}
	text := string(f.text) // what is kept must not refer to a whole shard
	r := c.fill(name, text, f.class)
	if r == nil {
		r = f.resolved()
	}
	if r != nil {
		c.kept.Add(name, resolved{r, f.class.base, f.class.profile, text})
	}
	return r
}

// fill makes what a record answers of a template; nil if there is none.
func (c cache) fill(name, text string, of *class) *domains.Resolved {
	outline, ok := domains.NewOutline(text)
	if !ok {
		return nil
	}
	key := templateKey{of.base, of.profile, outline.JSON}
	template, known := c.templates.Get(key)
	if !known {
		template = sync.OnceValue(key.template)
		if earlier, ok, _ := c.templates.PeekOrAdd(key, template); ok {
			template = earlier
		}
	}
	if t := template(); t != nil {
		return t.Fill(name, outline)
	}
	return nil
}

// template makes the template of an outline; nil if there is none.
func (k templateKey) template() *domains.Template {
	values, err := valuesOf(k.profile, []byte(k.outline))
	if err != nil {
		return nil
	}
	return k.base.Template(values)
}

func (c cache) explain(s *settings.Settings) []domains.Origin {
	for _, name := range c.kept.Keys() {
		k, ok := c.kept.Peek(name)
		if !ok || !k.Answers(s) {
			continue
		}
		if list := k.Explain(s); list != nil {
			return list
		}
		values, err := valuesOf(k.profile, []byte(k.text))
		if err != nil { // it has been read before
			return nil
		}
		if r, _ := k.base.Resolve(name, values); r != nil { // its settings are others, but say the same
			return r.Explain(r.Settings())
		}
	}
	return nil
}
