package domains

import (
	"cmp"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"mailhint/settings"
)

// Source is a configuration together with what its files say, for programs that change it: the texts of the files, and each domain and
// profile with its own values and where they are written. It needs far more memory than a Snapshot and is not meant to be kept.
type Source struct {
	// Snapshot is what a server would serve; nil if there are mistakes, or if the Source has not been checked. It does not refer to the rest
	// of the Source.
	Snapshot *Snapshot
	// Files are the files that were read, the main file first, each once.
	Files []Text

	l       *loader
	records map[recordKey]*table
}

// Text is a file of a configuration.
type Text struct {
	// Name is the file's path as positions have it: as the admin named it, or relative to the directory of the file that names it.
	Name string
	Role Role
	// Content is the whole file, with its byte order mark if it has one.
	Content string
	// Profile is the profile whose domains_file it is; empty for other files.
	Profile string
}

// Role says what a file of a configuration is.
type Role string

// The roles of files.
const (
	MainFile     Role = "main"
	IncludedFile Role = "included"
	DomainsFile  Role = "domains_file"
	UsersFile    Role = "users_file"
	LogoFile     Role = "logo" // an image, not a text
)

// RecordKind says what a Record is.
type RecordKind string

// The kinds of records.
const (
	DomainRecord  RecordKind = "domain"
	ProfileRecord RecordKind = "profile"
)

// Record is a table [domains."…"] or [profiles.…], or a domain that is only in a profile's list.
type Record struct {
	Kind RecordKind
	// Name is a domain in lower case and A-labels, "*." and such a domain, or the name of a profile.
	Name string
	// Path is the path of the table as the file spells it, such as domains and Bücher.example; nil for a domain that is only in a list.
	Path []string
	// Values are the table's own keys and their values, without anything inherited: string, bool, int64, float64, time.Time, []any, and
	// map[string]any for tables. Lists of tables are []any as well. They must not be changed. nil for a domain that is only in a list.
	Values map[string]any
	// Position is that of the table, or of the domain in the list.
	Position
	// Enabled is false for a domain that is treated as not configured.
	Enabled bool
	// Profile is the profile that a domain inherits from: the one that its table names, else that of the list it is in. Empty for none.
	Profile string
	// Listed is the place where a list of a profile has the domain; nil if none has. A table for such a domain is an exception.
	Listed *Listing
	// LeftOver is true for the table of a domain without settings, which is in no list any more, so that it is skipped. It is known only if
	// the Source has been checked.
	LeftOver bool
	// Aliases are the domains that the table's aliases claim. Those that are not valid are left out.
	Aliases []settings.Domain
}

// Listing is where a list of a profile has a domain.
type Listing struct {
	Profile string
	// Position is the line of the domain in the domains_file, or in the key domains of the profile.
	Position
	// Inline is true for the key domains.
	Inline bool
}

type recordKey struct {
	kind RecordKind
	name string
}

// Read is Load that returns a Source. texts replace what is on disk, by the names that Files has, so that a change can be checked before it
// is saved; nil reads everything from disk.
//
// Mistakes are returned as Problems together with a Source that has what could be read, so that a change can fix them: a file that is not
// valid TOML has no records, but its text. The Source is never nil.
//
// The check is that of Load: what a server refuses. The program's check command also fails for lines of lists that are skipped
// (Snapshot.Skipped), and for what keeps a server from starting on this machine (package server's CheckStart).
func Read(file string, texts map[string][]byte) (*Source, error) {
	given := make(map[string]string, len(texts))
	for name, text := range texts {
		given[name] = string(text)
	}
	return read(file, given, nil, false)
}

// ReadUnchecked is Read for programs that only look for records, in half the time: of the mistakes it finds those that keep a file from being
// read, and names that are not valid or that two tables claim. It does not read the files that settings and rules name.
func ReadUnchecked(file string) (*Source, error) { return read(file, nil, nil, true) }

// Unread returns a file of domains that the configuration names and that could not be read; "" if there is none. Then domains may be missing.
func (s *Source) Unread() string { return s.l.unread }

// Check returns the Source as Read returns it. It reads the same texts, and from disk only what has not been read.
func (s *Source) Check() (*Source, error) {
	if !s.l.namesOnly {
		return s, s.l.err(s.l.main)
	}
	return read(s.l.main, s.given(), s.l.blocks, false)
}

// With reads the configuration again with other texts in place of some of its files. What is not in texts is as it was read before, not as it
// is on disk now; files that are named for the first time are read from disk. A domain that a server would skip because it lacks servers is a
// mistake here, unless it was so before: no change should leave a half-finished domain behind.
func (s *Source) With(texts map[string][]byte) (*Source, error) {
	given := s.given()
	for name, text := range texts {
		given[name] = string(text)
	}
	next, err := read(s.l.main, given, s.l.blocks, false)
	if problems := next.newlyIncomplete(s); err == nil && problems != nil {
		next.Snapshot, err = nil, problems
	}
	return next, err
}

// given returns the texts that were read.
func (s *Source) given() map[string]string {
	given := make(map[string]string, len(s.Files))
	for _, f := range s.Files {
		given[f.Name] = f.Content
	}
	return given
}

// newlyIncomplete returns the domains that would be skipped because they lack servers, and were not before.
func (s *Source) newlyIncomplete(before *Source) Problems {
	if len(s.l.incomplete) == 0 {
		return nil
	}
	before, _ = before.Check() // mistakes of the other kind do not matter
	var problems Problems
	for _, p := range s.l.incomplete {
		if !slices.ContainsFunc(before.l.incomplete, func(b Problem) bool { return b.Key == p.Key }) {
			problems = append(problems, p)
		}
	}
	return problems.sorted()
}

// Again reads the configuration from disk again, with the check if this one has been checked. If nothing has changed, it returns the same
// Source, and the same error as before.
func (s *Source) Again() (*Source, error) {
	if s.isOnDisk() {
		return s, s.l.err(s.l.main)
	}
	return read(s.l.main, nil, s.l.blocks, s.l.namesOnly)
}

// isOnDisk reports whether the files on disk are those that were read.
func (s *Source) isOnDisk() bool {
	for name := range s.l.watch.seen {
		if _, read := s.l.textAt[name]; !read { // it was missing, or it could not be used
			return false
		}
	}
	for _, pattern := range s.l.watch.globs {
		files, _ := filepath.Glob(pattern) // a bad pattern is a mistake, which is reported again
		if slices.ContainsFunc(files, func(file string) bool { _, read := s.l.textAt[file]; return !read }) {
			return false
		}
	}
	return !slices.ContainsFunc(s.Files, func(f Text) bool {
		content, err := readText(f.Name, int64(len(f.Content)))
		return err != nil || content != f.Content
	})
}

func read(file string, given map[string]string, before map[string]decoded, namesOnly bool) (*Source, error) {
	l := newLoader()
	l.given, l.before, l.namesOnly = given, before, namesOnly
	l.source = true
	snapshot := l.load(file)
	s := &Source{Files: l.texts, l: l, records: make(map[recordKey]*table)}
	for _, p := range l.profiles {
		s.records[recordKey{ProfileRecord, p.table.name()}] = p.table
	}
	for _, t := range slices.Backward(l.domains) { // the first of several wins
		s.records[recordKey{DomainRecord, domainName(t)}] = t
	}
	err := l.err(file)
	if err == nil && !namesOnly {
		s.Snapshot = snapshot
	}
	return s, err
}

// domainName returns the name of a domain's table in lower case and A-labels, or as it is spelled if it is not valid.
func domainName(t *table) string {
	star, base := "", t.name()
	if rest, isWildcard := strings.CutPrefix(base, "*."); isWildcard {
		star, base = "*.", rest
	}
	if d, err := settings.ParseDomain(base); err == nil {
		return star + string(d)
	}
	return t.name()
}

// File returns a file by its name.
func (s *Source) File(name string) (Text, bool) {
	i, ok := s.l.textAt[name]
	if !ok {
		return Text{}, false
	}
	return s.Files[i], true
}

// Record returns a domain or profile that has a table, or is in a list, by its name in lower case and A-labels.
func (s *Source) Record(kind RecordKind, name string) (Record, bool) {
	if t, ok := s.records[recordKey{kind, name}]; ok {
		return s.record(kind, name, t), true
	}
	if kind == DomainRecord {
		if listed, ok := s.listing(settings.Domain(name)); ok {
			return listedRecord(settings.Domain(name), listed), true
		}
	}
	return Record{}, false
}

// Records yields all profiles and domains that have a table, in the order of their kinds and names.
func (s *Source) Records() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		keys := slices.SortedFunc(maps.Keys(s.records), func(a, b recordKey) int {
			return cmp.Or(cmp.Compare(b.kind, a.kind), cmp.Compare(a.name, b.name))
		})
		for _, k := range keys {
			if !yield(s.record(k.kind, k.name, s.records[k])) {
				return
			}
		}
	}
}

// Listed yields the domains that only a list has, in no particular order. There may be a million.
func (s *Source) Listed() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		for d, c := range s.l.index.names {
			p := s.l.lists[c.entry]
			if p == nil {
				continue
			}
			if !yield(listedRecord(d, s.l.listingOf(p, c))) {
				return
			}
		}
	}
}

func listedRecord(d settings.Domain, listed Listing) Record {
	return Record{Kind: DomainRecord, Name: string(d), Position: listed.Position, Enabled: true, Profile: listed.Profile, Listed: &listed}
}

// listing returns where a list has a domain.
func (s *Source) listing(d settings.Domain) (Listing, bool) {
	if listed, ok := s.l.exceptions[d]; ok {
		return listed, true
	}
	c, ok := s.l.index.names[d]
	if !ok || s.l.lists[c.entry] == nil {
		return Listing{}, false
	}
	return s.l.listingOf(s.l.lists[c.entry], c), true
}

func (s *Source) record(kind RecordKind, name string, t *table) Record {
	r := Record{Kind: kind, Name: name, Path: t.path, Values: listsAsAny(t.values), Position: t.at(), Enabled: true}
	if kind == ProfileRecord {
		return r
	}
	r.Enabled, r.LeftOver = t.values["enabled"] != false, t.leftOver
	if listed, ok := s.listing(settings.Domain(name)); ok {
		r.Listed, r.Profile = &listed, listed.Profile
	}
	if profile, ok := t.values["profile"].(string); ok {
		r.Profile = profile
	}
	aliases, _ := t.values["aliases"].([]any)
	if one, ok := t.values["aliases"].(string); ok {
		aliases = []any{one}
	}
	for _, v := range aliases {
		text, _ := v.(string)
		if d, err := settings.ParseDomain(text); err == nil {
			r.Aliases = append(r.Aliases, d)
		}
	}
	return r
}

// listsAsAny returns the values with lists of tables as []any.
func listsAsAny(values map[string]any) map[string]any {
	if !hasTables(values) {
		return values
	}
	plain := make(map[string]any, len(values))
	for key, v := range values {
		plain[key] = valueAsAny(v)
	}
	return plain
}

// hasTables reports whether a value has a list of tables anywhere in it.
func hasTables(v any) bool {
	switch v := v.(type) {
	case []map[string]any:
		return true
	case map[string]any:
		for _, below := range v {
			if hasTables(below) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, hasTables)
	}
	return false
}

func valueAsAny(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return listsAsAny(v)
	case []map[string]any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = listsAsAny(v[i])
		}
		return list
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = valueAsAny(v[i])
		}
		return list
	}
	return v
}

// ofProfile notes whose domains_file a file is.
func (l *loader) ofProfile(file, profile string) {
	if i, ok := l.textAt[file]; ok && l.texts[i].Role == DomainsFile && l.texts[i].Profile == "" {
		l.texts[i].Profile = profile
	}
}

// listingOf is for a name that the list of a profile claims.
func (l *loader) listingOf(p *profile, c claim) Listing {
	at := l.place(c)
	return Listing{Profile: p.table.name(), Position: at, Inline: at.File == p.table.src.file}
}
