package domains

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"mailhint/settings"
)

// readDomain reads a table [domains."…"].
func (l *loader) readDomain(t *table) {
	if l.isUnquoted(t) {
		return
	}
	own := t.readLayer()
	var e entry
	if enabled, ok := t.flag("enabled"); ok {
		e.disabled = !enabled
	}
	stack := own.over(l.defaults)
	if p, ok := l.profileOf(t); ok {
		stack = own.over(p.layer).over(l.defaults)
	}
	stack = stack.over(builtIn)
	if admins, ok := t.texts("admins"); ok && slices.Contains(admins, "") {
		t.fail("admins", "an empty name is no admin; remove it")
	}
	number := l.claimDomain(t, &e)
	e.rules = l.readRules(t, stack)
	t.done()
	if !e.disabled {
		e.choice = l.choice(stack, t)
		l.checkRedirect(stack, t)
	}
	l.index.entries[number] = e
}

// isUnquoted notes tables such as [domains.example.com], which TOML takes for table "com" in table "example" in table "domains".
func (l *loader) isUnquoted(t *table) bool {
	if strings.Contains(t.name(), ".") {
		return false
	}
	unquoted := false
	for _, key := range sortedKeys(t.values) {
		if isTable(t.values[key]) && !isSettingKey(key) {
			unquoted = true
			below, _ := t.table(key)
			l.noteUnquoted(below)
		}
	}
	return unquoted
}

func (l *loader) noteUnquoted(t *table) {
	deeper := false
	for _, key := range sortedKeys(t.values) {
		if isTable(t.values[key]) && !isSettingKey(key) {
			deeper = true
			below, _ := t.table(key)
			l.noteUnquoted(below)
		}
	}
	if !deeper {
		t.fail("", "without quotes TOML reads this as %d nested tables; write [domains.%q]", len(t.path), strings.Join(t.path[1:], "."))
	}
}

// checkRedirect refuses a redirect of Autodiscover to the very name that is asked.
func (l *loader) checkRedirect(stack layer, t *table) {
	u, err := url.Parse(stack.autodiscover.value)
	if err != nil { // ParseURL has read it before
		return
	}
	if host := strings.ToLower(u.Hostname()); host != "" && (host == t.name() || host == "autodiscover."+t.name()) {
		l.note(stack.autodiscover.at, keyIn(t, "autodiscover"), "it leads to %s, where the same question comes here again; leave it out to answer here, or name the other server", host)
	}
}

// isSettingKey reports whether a key of a domain may hold a table of its own.
func isSettingKey(key string) bool {
	return slices.Contains([]string{"imap", "pop3", "smtp", "sieve", "login", "oauth2", "rules"}, key)
}

// claimDomain claims the name of a domain's table and its aliases for a new entry, and returns the entry's number.
func (l *loader) claimDomain(t *table, e *entry) uint32 {
	number := uint32(len(l.index.entries))
	l.index.entries = append(l.index.entries, entry{})
	name, names := t.name(), l.names()
	base, isWildcard := strings.CutPrefix(name, "*.")
	if isWildcard {
		name, names = base, l.index.wildcards
	}
	d, err := parseDomain(name)
	switch {
	case name == "*":
		err = errors.New("it would be for every name in the world; write [fallback] with profile = \"…\"")
	case err == nil:
		if err = l.claim(names, d, l.claimOf(t.at(), number)); err != nil && isWildcard {
			err = fmt.Errorf("*.%w", err)
		}
	}
	if err != nil {
		t.fail("", "%v", err)
	}
	if !isWildcard {
		e.primary = d
	}
	aliases, _ := t.texts("aliases")
	if isWildcard && len(aliases) > 0 {
		t.fail("aliases", "a wildcard has no aliases; give each name a table with the same profile")
	}
	for i, text := range aliases {
		d, err := parseDomain(text)
		if err == nil {
			err = l.claim(l.names(), d, l.claimOf(t.at("aliases", element(i)), number))
		}
		if err != nil {
			t.failElement("aliases", i, "%v", err)
			continue
		}
		l.aliases = append(l.aliases, alias{d, t, i})
	}
	return number
}

func (l *loader) names() map[settings.Domain]claim {
	if l.index.names == nil {
		l.index.names = make(map[settings.Domain]claim)
	}
	return l.index.names
}

// checkAliases refuses aliases that a wildcard covers: matching goes by exact name, wildcard, alias, so they would not be reached.
func (l *loader) checkAliases() {
	for _, a := range l.aliases {
		if c, ok := l.index.wildcard(a.domain); ok {
			a.table.failElement("aliases", a.number, "%s is covered by the wildcard in %s, which goes before an alias; write a table [domains.%q] instead", a.domain, l.place(c), string(a.domain))
		}
	}
}

// claim gives a name to an entry, or says who has it already.
func (l *loader) claim(names map[settings.Domain]claim, d settings.Domain, c claim) error {
	if first, taken := names[d]; taken {
		return fmt.Errorf("%s is claimed by %s already; remove one of them", d, l.place(first))
	}
	names[d] = c
	return nil
}

func (l *loader) claimOf(at Position, number uint32) claim {
	return claim{number, l.fileNumber(at.File), uint32(at.Line)}
}

func (l *loader) place(c claim) Position { return Position{l.index.files[c.file], int(c.line)} }

func (l *loader) fileNumber(file string) uint32 {
	i := slices.Index(l.index.files, file)
	if i < 0 {
		i = len(l.index.files)
		l.index.files = append(l.index.files, file)
	}
	return uint32(i)
}

// choice resolves a stack of layers.
func (l *loader) choice(stack layer, owner *table) choice {
	s := l.resolve(stack, owner)
	c := choice{settings: s, outside: s}
	if safe := withoutPlaintext(s); safe != s {
		c.outside, c.networks = safe, stack.allowPlaintext.value
		if safe != nil {
			l.origins[safe] = l.origins[s]
		}
	}
	return c
}

// readRules reads the rules of a domain, of which the first that fits wins. A rule with a profile stands on that profile alone,
// because it is for people whose mail is elsewhere; one without changes single values of the domain.
func (l *loader) readRules(t *table, domain layer) []rule {
	var rules []rule
	for _, rt := range t.tables("rules") {
		own := rt.readLayer()
		stack := own.over(domain)
		if p, ok := l.profileOf(rt); ok {
			stack = own.over(p.layer).over(l.defaults).over(builtIn)
		}
		r := rule{users: l.readUsersFile(rt)}
		r.from, _ = rt.networks("from")
		_, hasUsers := rt.values["users_file"]
		list, hasFrom := rt.values["from"]
		if empty, ok := list.([]any); ok && len(empty) == 0 {
			rt.fail("from", "it is empty, so the rule would fit nobody; write from = [\"192.0.2.0/24\"], or remove it")
		}
		if !hasUsers && !hasFrom {
			rt.fail("", "it fits everybody; add users_file = \"…\" or from = [\"192.0.2.0/24\"], or write its values into the domain")
		}
		rt.done()
		r.choice = l.choice(stack, rt)
		rules = append(rules, r)
	}
	return rules
}

// readProfileNames reads the names listed in a profile, all of which share one entry.
func (l *loader) readProfileNames(p *profile) {
	t := p.table
	listed, hasList := t.texts("domains")
	_, hasFile := t.values["domains_file"]
	if hasList || hasFile {
		number := uint32(len(l.index.entries))
		l.index.entries = append(l.index.entries, entry{choice: l.choice(p.layer.over(l.defaults).over(builtIn), t)})
		l.readDomainsFile(t, number)
		for i, text := range listed {
			d, err := parseDomain(text)
			if err == nil {
				err = l.claim(l.names(), d, l.claimOf(t.at("domains", element(i)), number))
			}
			if err != nil {
				t.failElement("domains", i, "%v", err)
			}
		}
	}
	t.value("domains_file")
	t.done()
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
