package replica

import (
	"iter"
	"strings"

	"mailhint/domains"
	"mailhint/settings"
)

// view is one state of all records. It never changes.
type view struct {
	exact, wildcards *table // wildcards by what follows "*."
	classes          []*class
	complete         bool
}

// found is a record in a view.
type found struct {
	base     string // the name of the record, not of an alias, without the "*." of a wildcard
	wildcard bool
	text     []byte
	class    *class
}

// name returns the name of the record.
func (f found) name() string {
	if f.wildcard {
		return "*." + f.base
	}
	return f.base
}

// find returns the record with a name or alias.
func (v *view) find(name string) (found, bool) {
	value, ok := v.exact.find(name)
	if ok && value.isAlias() {
		name = string(value.text)
		value, ok = v.exact.find(name)
	}
	return v.found(name, false, value, ok)
}

func (v *view) findWildcard(name string) (found, bool) {
	value, ok := v.wildcards.find(name)
	return v.found(name, true, value, ok)
}

func (v *view) found(base string, wildcard bool, value value, ok bool) (found, bool) {
	if !ok {
		return found{}, false
	}
	c := v.classes[value.class]
	return found{base, wildcard, value.text, c}, c.good()
}

// resolved makes what a record answers.
func (f found) resolved() *domains.Resolved {
	if f.class.plain {
		return f.class.shared
	}
	values, err := valuesOf(f.class.profile, f.text)
	if err != nil {
		return nil
	}
	r, _ := f.class.base.Resolve(f.name(), values) // it was good when it was taken
	return r
}

// The methods of domains.Records.

// Find returns what the record with this name, or with this alias, answers; nil if there is none.
func (r *Replica) Find(name settings.Domain) *domains.Resolved {
	f, ok := r.view.Load().find(string(name))
	if !ok {
		return nil
	}
	return r.resolved.of(f)
}

// FindWildcard returns what the record "*." before this name answers; nil if there is none.
func (r *Replica) FindWildcard(name settings.Domain) *domains.Resolved {
	f, ok := r.view.Load().findWildcard(string(name))
	if !ok {
		return nil
	}
	return r.resolved.of(f)
}

// HasWildcards reports whether FindWildcard can find anything.
func (r *Replica) HasWildcards() bool { return r.view.Load().wildcards.names > 0 }

// Has reports whether Find finds a record, and whether that is enabled.
func (r *Replica) Has(name settings.Domain) (known, enabled bool) {
	f, ok := r.view.Load().find(string(name))
	return ok, ok && f.class.enabled
}

// Len is the number of names, with aliases and wildcards.
func (r *Replica) Len() int {
	v := r.view.Load()
	return v.exact.names + v.wildcards.names
}

// Complete reports whether the records are known: from the database, or from the copy in state_dir.
func (r *Replica) Complete() bool { return r.view.Load().complete }

// Names yields all names and aliases, without wildcards, and whether their records are enabled.
func (r *Replica) Names() iter.Seq2[settings.Domain, bool] {
	return func(yield func(settings.Domain, bool) bool) {
		v := r.view.Load()
		for name, value := range v.exact.all() {
			c := v.classes[value.class]
			if value.isAlias() {
				f, ok := v.find(string(value.text))
				if !ok {
					continue
				}
				c = f.class
			}
			if c.good() && !yield(settings.Domain(name), c.enabled) {
				return
			}
		}
	}
}

// All yields every record, by its name or "*." and its name, and what it answers.
func (r *Replica) All() iter.Seq2[string, *domains.Resolved] {
	return func(yield func(string, *domains.Resolved) bool) {
		v := r.view.Load()
		for name, f := range v.all() {
			if !f.class.good() {
				continue
			}
			if resolved := f.resolved(); resolved != nil && !yield(name, resolved) {
				return
			}
		}
	}
}

// all yields every record by its name, also those that cannot be answered.
func (v *view) all() iter.Seq2[string, found] {
	return func(yield func(string, found) bool) {
		for name, value := range v.exact.all() {
			if !value.isAlias() && !yield(string(name), found{string(name), false, value.text, v.classes[value.class]}) {
				return
			}
		}
		for base, value := range v.wildcards.all() {
			f := found{string(base), true, value.text, v.classes[value.class]}
			if !yield(f.name(), f) {
				return
			}
		}
	}
}

// Explain says where the values of settings were written that have been returned lately.
func (r *Replica) Explain(s *settings.Settings) []domains.Origin {
	for _, c := range r.view.Load().classes {
		if c != nil && c.shared != nil {
			if list := c.shared.Explain(s); list != nil {
				return list
			}
		}
	}
	return r.resolved.explain(s)
}

// tableOf returns whether a name is that of a wildcard, and what follows the "*." of one.
func tableOf(name string) (isWildcard bool, base string) {
	base, isWildcard = strings.CutPrefix(name, "*.")
	return isWildcard, base
}
