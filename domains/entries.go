package domains

import (
	"cmp"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"mailhint/settings"
)

// Kind says which names an Entry answers for.
type Kind uint8

// The kinds, in the order in which Entries lists them.
const (
	Single   Kind = iota + 1 // a domain and its aliases
	List                     // names that share settings, each on its own
	Wildcard                 // all names below one
	Fallback                 // all names that are not configured
)

// Entry is what one entry of the configuration answers, with all inherited values filled in.
type Entry struct {
	Kind Kind
	// Names are the domain before its aliases, the names of a list in the order of the file, or what follows a wildcard's "*.".
	Names    []settings.Domain
	Disabled bool // answered like a name that is not configured; there is no Choice
	Choice        // without a rule that matches
	Rules    []Rule
	// MX are the hosts to one of which a name's mail must go for a Fallback to answer; nil if it answers for every name.
	MX []settings.Domain
}

// Choice is settings, and what clients outside of certain networks get instead.
type Choice struct {
	Settings *settings.Settings
	// Networks are the only ones that get servers without encryption. It is nil if there are no such servers.
	Networks settings.Networks
	// Outside is what clients in none of the networks get; nil for nothing at all.
	Outside *settings.Settings
}

// Rule is a Choice for some addresses or networks. The first rule that matches wins.
type Rule struct {
	HasUsers bool
	Users    []string          // addresses and patterns, sorted; without HasUsers the rule is for all
	From     settings.Networks // nil for all
	Choice
}

// Public returns the settings for a client whose network is not known; nil for nothing.
func (c Choice) Public() *settings.Settings {
	return choice{c.Settings, c.Outside, c.Networks}.forClient(netip.Addr{})
}

// Entries returns every entry, in the order of their kinds and then of the files; those that are kept in a database follow in the order of
// their names.
func (s *Snapshot) Entries() []Entry { return s.listed(s.recordedEntries()) }

// listed returns the entries of the files, and among them, by their kinds, others.
func (s *Snapshot) listed(others []Entry) []Entry {
	names := s.namesOf()
	numbers := slices.SortedFunc(maps.Keys(names), func(a, b uint32) int { return compareClaims(names[a][0], names[b][0]) })
	var entries []Entry
	for _, kind := range []Kind{Single, List, Wildcard} {
		for _, n := range numbers {
			if e := s.exported(n, names[n]); e.Kind == kind {
				entries = append(entries, e)
			}
		}
		for _, e := range others {
			if e.Kind == kind {
				entries = append(entries, e)
			}
		}
	}
	if s.fallback != nil {
		entries = append(entries, Entry{Kind: Fallback, Choice: s.fallback.choice.exported(), MX: s.fallback.mx})
	}
	return entries
}

// EntriesFor returns only the entries that answer for the given names, each once. A list is reduced to these names; what a wildcard or
// the fallback answers for a name becomes an entry of its own.
func (s *Snapshot) EntriesFor(only []settings.Domain) ([]Entry, error) {
	all := s.listed(nil)
	owner := make(map[settings.Domain]int)
	for i, e := range all {
		if e.Kind == Single || e.Kind == List {
			for _, d := range e.Names {
				owner[d] = i
			}
		}
	}
	chosen := make(map[int][]settings.Domain)
	var entries []Entry
	for _, d := range only {
		if i, ok := owner[d]; ok {
			if !slices.Contains(chosen[i], d) {
				chosen[i] = append(chosen[i], d)
			}
			continue
		}
		if e, ok := s.recordedEntry(d); ok {
			if !slices.ContainsFunc(entries, func(other Entry) bool { return other.Names[0] == e.Names[0] }) {
				entries = append(entries, e)
			}
			continue
		}
		e, ok := s.find(d, netip.Addr{})
		if !ok || slices.ContainsFunc(entries, func(e Entry) bool { return e.Names[0] == d }) {
			if !ok {
				return nil, s.notConfigured(d)
			}
			continue
		}
		entries = append(entries, Entry{Kind: Single, Names: []settings.Domain{d}, Disabled: e.disabled, Choice: e.choice.exported(), Rules: exportRules(e.rules)})
	}
	for _, i := range slices.Sorted(maps.Keys(chosen)) {
		e := all[i]
		if e.Kind == List {
			e.Names = chosen[i]
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// EntryOf returns the entry that has exactly this name, which is a domain, an alias or "*." and what a wildcard is for. Its Names have only the domain that
// placeholders stand for, or what follows "*.".
func (s *Snapshot) EntryOf(name string) (Entry, bool) {
	base, isWildcard := strings.CutPrefix(name, "*.")
	d := settings.Domain(base)
	c, ok := s.names[d]
	if isWildcard {
		c, ok = s.wildcards[d]
	}
	switch {
	case ok:
		return s.entryOf(d, isWildcard, &s.entries[c.entry]), true
	case s.records == nil:
		return Entry{}, false
	}
	r := s.records.Find(d)
	if isWildcard {
		r = s.records.FindWildcard(d)
	}
	if r == nil || s.isTakenOver(r, d) {
		return Entry{}, false
	}
	return s.entryOf(d, isWildcard, &r.entry), true
}

func (s *Snapshot) entryOf(d settings.Domain, isWildcard bool, from *entry) Entry {
	e := Entry{Kind: List, Names: []settings.Domain{cmp.Or(from.primary, d)}, Disabled: from.disabled, Choice: from.choice.exported(), Rules: exportRules(from.rules)}
	switch {
	case isWildcard:
		e.Kind, e.Names[0] = Wildcard, d
	case from.primary != "":
		e.Kind = Single
	}
	return e
}

// EachEntry yields what EntryOf returns for each name, in no particular order. It needs little memory, however many there are.
func (s *Snapshot) EachEntry() iter.Seq2[string, Entry] {
	return func(yield func(string, Entry) bool) {
		for name := range s.ClaimedNames() {
			if e, _ := s.EntryOf(name); !yield(name, e) {
				return
			}
		}
		if s.records == nil {
			return
		}
		for name, r := range s.records.All() {
			if _, taken := s.Claimed(name); taken {
				continue
			}
			base, isWildcard := strings.CutPrefix(name, "*.")
			if !yield(name, s.entryOf(settings.Domain(base), isWildcard, &r.entry)) {
				return
			}
			for _, alias := range r.aliases {
				if _, taken := s.names[alias]; !taken && !yield(string(alias), s.entryOf(alias, false, &r.entry)) {
					return
				}
			}
		}
	}
}

// HasRecords reports whether some of the names are kept in a database.
func (s *Snapshot) HasRecords() bool { return s.records != nil }

// claimed is a name and who claims it.
type claimed struct {
	name settings.Domain
	claim
	wildcard bool
}

func compareClaims(a, b claimed) int {
	return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line), cmp.Compare(a.name, b.name))
}

// namesOf returns the names of each entry in the order of the files.
func (x *index) namesOf() map[uint32][]claimed {
	names := make(map[uint32][]claimed)
	for d, c := range x.names {
		names[c.entry] = append(names[c.entry], claimed{d, c, false})
	}
	for d, c := range x.wildcards {
		names[c.entry] = append(names[c.entry], claimed{d, c, true})
	}
	for _, of := range names {
		slices.SortFunc(of, compareClaims)
	}
	return names
}

func (x *index) exported(number uint32, names []claimed) Entry {
	from := x.entries[number]
	e := Entry{Kind: List, Disabled: from.disabled, Choice: from.choice.exported(), Rules: exportRules(from.rules)}
	switch {
	case names[0].wildcard:
		e.Kind = Wildcard
	case from.primary != "":
		e.Kind = Single
		e.Names = append(e.Names, from.primary)
	}
	for _, n := range names {
		if n.name != from.primary {
			e.Names = append(e.Names, n.name)
		}
	}
	return e
}

// recordedEntries returns the entries that are kept in a database, in the order of their names.
func (s *Snapshot) recordedEntries() []Entry {
	if s.records == nil {
		return nil
	}
	var entries []Entry
	for name, r := range s.records.All() {
		if _, taken := s.Claimed(name); !taken {
			entries = append(entries, s.recordedAs(name, r))
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Names[0], b.Names[0]) })
	return entries
}

// recordedEntry returns the entry of a name, or an alias, that is kept in a database.
func (s *Snapshot) recordedEntry(d settings.Domain) (Entry, bool) {
	if _, taken := s.names[d]; taken || s.records == nil {
		return Entry{}, false
	}
	r := s.records.Find(d)
	if r == nil || s.isTakenOver(r, d) {
		return Entry{}, false
	}
	return s.recordedAs(string(cmp.Or(r.primary, d)), r), true
}

func (s *Snapshot) recordedAs(name string, r *Resolved) Entry {
	e := Entry{Kind: Single, Disabled: r.disabled, Choice: r.choice.exported(), Rules: exportRules(r.rules)}
	base, isWildcard := strings.CutPrefix(name, "*.")
	if isWildcard {
		e.Kind = Wildcard
	}
	e.Names = []settings.Domain{settings.Domain(base)}
	for _, alias := range r.aliases {
		if _, taken := s.names[alias]; !taken {
			e.Names = append(e.Names, alias)
		}
	}
	return e
}

func (c choice) exported() Choice { return Choice{c.settings, c.networks, c.outside} }

func exportRules(rules []rule) []Rule {
	var exported []Rule
	for _, r := range rules {
		e := Rule{From: r.from, Choice: r.choice.exported()}
		if r.users != nil {
			e.HasUsers = true
			e.Users = append(slices.Collect(maps.Keys(r.users.exact)), r.users.patterns.all...)
			slices.Sort(e.Users)
		}
		exported = append(exported, e)
	}
	return exported
}

// NamedDomains lists the enabled domains that are configured by name: not those that only a wildcard or the fallback answers for.
func (s *Snapshot) NamedDomains() []settings.Domain {
	var named []settings.Domain
	for _, e := range s.Entries() {
		if !e.Disabled && (e.Kind == Single || e.Kind == List) {
			named = append(named, e.Names...)
		}
	}
	return named
}
