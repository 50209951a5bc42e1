package domains

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"mailhint/settings"
)

// Records are the tables of domains that are kept in a database. A name that the files have as well is answered from the files; otherwise it
// makes no difference where a table is. Records may change between two calls, but what they return does not. All methods may be called by several goroutines
// at once, and none waits.
type Records interface {
	// Find returns what the table with this name, or with this alias, answers; nil if there is none.
	Find(name settings.Domain) *Resolved
	// FindWildcard returns what the table "*." before this name answers; nil if there is none.
	FindWildcard(name settings.Domain) *Resolved
	// Has reports whether Find finds a table, and whether that is enabled.
	Has(name settings.Domain) (found, enabled bool)
	HasWildcards() bool
	// Names yields all names and aliases, without wildcards, and whether their tables are enabled, in no particular order.
	Names() iter.Seq2[settings.Domain, bool]
	// All yields every table, by its name or "*." and its name, and what it answers, in no particular order.
	All() iter.Seq2[string, *Resolved]
	// Len is the number of names, with aliases and wildcards.
	Len() int
	// Complete is false as long as there may be tables that are not known here. Then names that are not found cannot be answered.
	Complete() bool
	// Explain says where the values of settings were written that one of the others has returned.
	Explain(*settings.Settings) []Origin
}

// With returns the configuration together with tables that are kept in a database, which inherit from Base.
func (s *Snapshot) With(records Records) *Snapshot {
	both := *s
	both.records = records
	return &both
}

// Claimed returns where the files have a name, or a wildcard "*." and a name.
func (s *Snapshot) Claimed(name string) (Position, bool) {
	names, d := s.names, settings.Domain(name)
	if base, isWildcard := strings.CutPrefix(name, "*."); isWildcard {
		names, d = s.wildcards, settings.Domain(base)
	}
	c, ok := names[d]
	if !ok {
		return Position{}, false
	}
	return Position{s.files[c.file], int(c.line)}, true
}

// ClaimedNames yields the names that the files have, and the wildcards with their "*.", in no particular order.
func (s *Snapshot) ClaimedNames() iter.Seq[string] {
	return func(yield func(string) bool) {
		for d := range s.names {
			if !yield(string(d)) {
				return
			}
		}
		for d := range s.wildcards {
			if !yield("*." + string(d)) {
				return
			}
		}
	}
}

// Complete reports whether every name is known. Otherwise the server should not get requests yet.
func (s *Snapshot) Complete() bool { return s.isComplete() }

// isComplete reports whether every name is known.
func (x *index) isComplete() bool { return x.records == nil || x.records.Complete() }

// recorded returns the entry of a name that is not in the files.
func (x *index) recorded(d settings.Domain) *entry {
	if x.records == nil {
		return nil
	}
	r := x.records.Find(d)
	if r == nil || x.isTakenOver(r, d) {
		return nil
	}
	return &r.entry
}

// isTakenOver reports whether the files have the name of a table that was found by one of its aliases.
func (x *index) isTakenOver(r *Resolved, d settings.Domain) bool {
	if r.primary == "" || r.primary == d {
		return false
	}
	_, taken := x.names[r.primary]
	return taken
}

// Names reports whether a domain is configured by name, or is an alias: then no wildcard answers for it.
func (x *index) Names(d settings.Domain) bool {
	found, _ := x.has(d)
	return found
}

// has reports whether a name is configured other than by a wildcard, and whether it is enabled.
func (x *index) has(d settings.Domain) (found, enabled bool) {
	if c, ok := x.names[d]; ok {
		return true, !x.entries[c.entry].disabled
	}
	if x.records == nil {
		return false, false
	}
	return x.records.Has(d)
}

// allNames yields all names except wildcards, and whether they are enabled.
func (x *index) allNames() iter.Seq2[settings.Domain, bool] {
	return func(yield func(settings.Domain, bool) bool) {
		for d, c := range x.names {
			if !yield(d, !x.entries[c.entry].disabled) {
				return
			}
		}
		if x.records == nil {
			return
		}
		for d, enabled := range x.records.Names() {
			if _, taken := x.names[d]; !taken && !yield(d, enabled) {
				return
			}
		}
	}
}

// RecordSet is a few Records, all of which are known.
type RecordSet struct {
	tables           map[string]*Resolved // by name, with the "*." of wildcards
	names, wildcards map[settings.Domain]*Resolved
}

// NewRecordSet returns Records of tables, by their names. Where two have the same name, one of them has it.
func NewRecordSet(tables map[string]*Resolved) *RecordSet {
	s := &RecordSet{tables, make(map[settings.Domain]*Resolved), make(map[settings.Domain]*Resolved)}
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		r := tables[name]
		if base, isWildcard := strings.CutPrefix(name, "*."); isWildcard {
			s.wildcards[settings.Domain(base)] = r
			continue
		}
		for _, alias := range r.aliases {
			s.names[alias] = r
		}
		s.names[settings.Domain(name)] = r
	}
	return s
}

func (s *RecordSet) Find(name settings.Domain) *Resolved         { return s.names[name] }
func (s *RecordSet) FindWildcard(name settings.Domain) *Resolved { return s.wildcards[name] }
func (s *RecordSet) HasWildcards() bool                          { return len(s.wildcards) > 0 }
func (s *RecordSet) Len() int                                    { return len(s.names) + len(s.wildcards) }
func (s *RecordSet) Complete() bool                              { return true }
func (s *RecordSet) All() iter.Seq2[string, *Resolved]           { return maps.All(s.tables) }

func (s *RecordSet) Has(name settings.Domain) (found, enabled bool) {
	r := s.names[name]
	return r != nil, r != nil && r.Enabled()
}

func (s *RecordSet) Names() iter.Seq2[settings.Domain, bool] {
	return func(yield func(settings.Domain, bool) bool) {
		for d, r := range s.names {
			if !yield(d, r.Enabled()) {
				return
			}
		}
	}
}

func (s *RecordSet) Explain(found *settings.Settings) []Origin {
	for _, r := range s.tables {
		if list := r.Explain(found); list != nil {
			return list
		}
	}
	return nil
}

// Answers reports whether the table answers with settings.
func (r *Resolved) Answers(with *settings.Settings) bool {
	return !r.all(func(s *settings.Settings) bool { return s != with })
}

// Explain says where the values of settings that the table answers with were written; nil if it does not answer with them, or was made of a Template.
func (r *Resolved) Explain(found *settings.Settings) []Origin { return r.origins[found] }
