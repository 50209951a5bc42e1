package domains

import (
	"maps"
	"strings"

	"mailhint/settings"
)

// StorePlace is the file of positions in tables that are in a database.
const StorePlace = "store"

// Base is what tables that are kept in a database inherit from: [defaults] and the profiles, of the files and of the database. It never changes.
type Base struct {
	defaults *layer
	profiles map[string]*profile
	logos    map[string]readLogo
	lookups  map[string]*LoginLookup
}

// base returns the Base of a configuration that has been read.
func (l *loader) base() *Base {
	b := &Base{defaults: l.defaults, profiles: make(map[string]*profile, len(l.profiles)), logos: l.logos, lookups: l.lookups}
	l.readLogoOf(l.defaults)
	for name, p := range l.profiles {
		b.profiles[name] = &profile{layer: p.layer, at: p.table.at()} // without the table, which has the positions of a whole file
		l.readLogoOf(p.layer)
	}
	return b
}

// readLogoOf reads the logo of a layer that no domain of the files may use.
func (l *loader) readLogoOf(stack *layer) {
	file := stack.values.logo
	if _, known := l.logos[file]; known || file == "" {
		return
	}
	l.watch.look(file)
	var r readLogo
	r.logo, r.err = l.readLogo(file)
	l.logos[file] = r
}

// Base returns what tables that are kept in a database inherit from, without the profiles of the database.
func (s *Snapshot) Base() *Base { return s.base }

// ProfileAt returns where the files have a profile; the zero Position if they do not.
func (s *Snapshot) ProfileAt(name string) Position {
	if p := s.base.profiles[name]; p != nil {
		return p.at
	}
	return Position{}
}

// HasProfile reports whether there is a profile with a name.
func (b *Base) HasProfile(name string) bool { return b.profiles[name] != nil }

// With returns a Base with other profiles that are kept in a database: it has each of the given ones instead of one with the same name, and lacks
// those whose values are nil. A profile with a mistake stays as it is in b, and its problems are returned under its name.
func (b *Base) With(profiles map[string]map[string]any) (*Base, map[string]Problems) {
	next := *b
	next.profiles = maps.Clone(b.profiles)
	failed := make(map[string]Problems)
	for name, values := range profiles {
		if values == nil {
			delete(next.profiles, name)
			continue
		}
		p, problems := b.profile(name, values)
		if problems != nil {
			failed[name] = problems
			continue
		}
		next.profiles[name] = p
	}
	return &next, failed
}

// profile reads a profile that is kept in a database.
func (b *Base) profile(name string, values map[string]any) (*profile, Problems) {
	l, t := b.tableOf(ProfileRecord, name, values)
	p := &profile{layer: t.readLayer().over(b.defaults)}
	refuseFile(t, "logo")
	for _, key := range []string{"domains", "domains_file"} {
		if _, there := t.value(key); there {
			t.fail(key, "is for profiles in files; write profile = %q in each domain", name)
		}
	}
	t.done()
	if len(l.problems) > 0 {
		return nil, l.problems.sorted()
	}
	return p, nil
}

// tableOf returns a table that is not in a file, and a loader for it.
func (b *Base) tableOf(kind RecordKind, name string, values map[string]any) (*loader, *table) {
	l := &loader{
		defaults: b.defaults, profiles: b.profiles, logos: b.logos, lookups: b.lookups, usedLookups: make(map[string]bool),
		missing: make(map[string]string), origins: make(map[*settings.Settings][]Origin), used: make(map[string]bool), warned: make(map[Problem]bool),
	}
	src := &source{file: StorePlace, problems: &l.problems, warnings: &l.warnings, hint: unknownKey}
	return l, src.table([]string{tableOf[kind], name}, values)
}

// refuseFile notes a key that names a file: what is in a database is the same for all replicas, whose files may differ.
func refuseFile(t *table, key string) (refused bool) {
	if t.has(key) {
		t.fail(key, "names a file, which a database does not have; write it in a profile, or a domain, of domains.toml")
		return true
	}
	return false
}

// Resolved is what the table of a domain answers, with all that it inherits.
type Resolved struct {
	entry
	origins map[*settings.Settings][]Origin
	aliases []settings.Domain
	shape   string
}

// Enabled is false for a domain that is treated as not configured.
func (r *Resolved) Enabled() bool { return !r.entry.disabled }

// Aliases are the other names that the table has.
func (r *Resolved) Aliases() []settings.Domain { return r.aliases }

// Shape is what decides whether the table is complete and safe with what it inherits: two tables with the same profile and the same shape are
// both so, or both not, in every Base.
func (r *Resolved) Shape() string { return r.shape }

// Settings are what clients get whose address and network no rule is for.
func (r *Resolved) Settings() *settings.Settings { return r.entry.settings }

// Shared returns the same without a name of its own, for many names that have the same values: each is then its own %EMAILDOMAIN%.
func (r *Resolved) Shared() *Resolved {
	shared := *r
	shared.primary = ""
	return &shared
}

// Suits reports whether Resolve would accept a table that says the same as this one under another name, as far as that can be seen from the name. False means
// only that it has to be tried.
func (r *Resolved) Suits(name string) bool {
	if strings.HasPrefix(name, "*") || r.entry.settings != nil && r.entry.settings.AutodiscoverRedirect != "" {
		return false
	}
	d, err := settings.ParseDomain(name)
	return err == nil && string(d) == name
}

// Resolve reads the table of a domain that is kept in a database. The name is a domain in lower case and A-labels, or "*." and such a domain.
// It is checked like a table in a file, except for what other tables claim: that its names are free is for the caller to know.
func (b *Base) Resolve(name string, values map[string]any) (*Resolved, Problems) {
	l, t := b.tableOf(DomainRecord, name, values)
	r := &Resolved{origins: l.origins}
	base, isWildcard := strings.CutPrefix(name, "*.")
	d, err := parseDomain(base)
	switch {
	case err != nil:
		t.fail("", "%v", err)
	case string(d) != base:
		t.fail("", "must be spelled %q", d)
	case isWildcard && isPublicSuffix(d):
		t.fail("", "%q is a public suffix, below which anyone can register domains; write the full domain, such as \"*.example.%s\"", base, d)
	case !isWildcard:
		r.primary = d
	}
	own := t.readLayer()
	if refuseFile(t, "logo") {
		own.values.logo = ""
	}
	v := domainDefaults
	at := readKeys(t, domainKeys, &v)
	r.disabled = !v.enabled
	low := l.defaults
	if p, ok := l.profileOf(t, at, v.profile); ok {
		low = p.layer
	}
	stack := own.over(low)
	r.aliases = l.ownAliases(t, isWildcard, d, v.aliases)
	shape := newShape(own, v)
	if t.has("rules") {
		r.rules = l.ownRules(t, stack, shape, l.ownNames(t, r.primary, v.aliases))
	}
	t.done()
	if !r.disabled {
		r.choice = l.choice(stack, t)
		l.checkRedirect(stack, t)
	}
	if len(l.problems) > 0 {
		return nil, l.problems.sorted()
	}
	r.shape = shape.text()
	return r, nil
}

// ownAliases reads the aliases of a table.
func (l *loader) ownAliases(t *table, isWildcard bool, primary settings.Domain, list []string) []settings.Domain {
	if isWildcard && len(list) > 0 {
		t.fail("aliases", "a wildcard cannot have aliases; give each name a table with the same profile")
		return nil
	}
	var aliases []settings.Domain
	seen := map[settings.Domain]bool{primary: true}
	for i, text := range list {
		d, err := parseDomain(text)
		switch {
		case err != nil:
			t.failElement("aliases", i, "%v", err)
		case seen[d]:
			t.failElement("aliases", i, "%s is already a name of this domain; remove one of them", d)
		default:
			seen[d] = true
			aliases = append(aliases, d)
		}
	}
	return aliases
}

// ownRules reads the rules of a table.
func (l *loader) ownRules(t *table, stack *layer, shape *shape, isOwn func(string) bool) []rule {
	for _, rt := range t.tables("rules") {
		if logo, users := refuseFile(rt, "logo"), refuseFile(rt, "users_file"); logo || users {
			return nil
		}
		profile, _ := rt.text("profile")
		shape.add(rt.readLayer(), profile)
	}
	var rules []rule
	for _, r := range l.readRules(t, stack, isOwn) {
		rules = append(rules, r.rule)
	}
	return rules
}
