package domains

import (
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"mailhint/settings"
)

// domainValues are the values of domainKeys.
type domainValues struct {
	profile         string
	enabled         bool
	aliases, admins []string
}

var domainDefaults, _ = defaultsOf(domainKeys)

// readDomain reads a table [domains."…"].
func (l *loader) readDomain(t *table) {
	if l.isUnquoted(t) {
		return
	}
	own := t.readLayer()
	v := domainDefaults
	at := readKeys(t, domainKeys, &v)
	e := entry{disabled: !v.enabled}
	low := l.defaults
	number, list, listed := l.claimDomain(t, v.aliases, &e)
	if p, ok := l.profileOf(t, at, v.profile); ok {
		low, list = p.layer, nil
	} else if list != nil {
		low = list.layer
	}
	domain := own.over(low)
	rules := l.readRules(t, domain, l.ownNames(t, e.primary, v.aliases))
	for _, r := range rules {
		e.rules = append(e.rules, r.rule)
	}
	t.done()
	if !e.disabled {
		e.choice = l.choice(domain, t)
		warnOfRules(rules, e.choice)
		l.checkRedirect(domain, t)
		if list != nil {
			l.explain(e.choice, Origin{"profile", list.table.name(), listed})
		}
	}
	l.index.entries[number] = e
}

// explain adds an origin to those of a choice.
func (l *loader) explain(c choice, o Origin) {
	list := append(l.origins[c.settings], o)
	l.origins[c.settings] = list
	if c.outside != nil {
		l.origins[c.outside] = list
	}
}

// isUnquoted notes tables such as [domains.example.com], which TOML reads as table "com" in table "example" in table "domains".
func (l *loader) isUnquoted(t *table) bool {
	if strings.Contains(t.name(), ".") {
		return false
	}
	unquoted := false
	for _, key := range sortedKeys(t.values) {
		if isTable(t.values[key]) && !mayBeTable(key) {
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
		if isTable(t.values[key]) && !mayBeTable(key) {
			deeper = true
			below, _ := t.table(key)
			l.noteUnquoted(below)
		}
	}
	if !deeper {
		t.fail("", "without quotes TOML reads this as %d nested tables; write [domains.%q]", len(t.path), strings.Join(t.path[1:], "."))
	}
}

// checkRedirect refuses a redirect of Autodiscover to the name that it comes from.
func (l *loader) checkRedirect(stack *layer, t *table) {
	u, err := url.Parse(stack.AutodiscoverRedirect)
	if err != nil { // ParseURL has read it before
		return
	}
	if host := strings.ToLower(u.Hostname()); host != "" && (host == t.name() || host == settings.AutodiscoverPrefix+t.name()) {
		l.note(stack.at["autodiscover"], keyIn(t, "autodiscover"), "redirects to %s, which points back to this server; remove it to answer here, or name the other server", host)
	}
}

// mayBeTable reports whether a key of a domain may be a table of its own.
func mayBeTable(name string) bool {
	return name == "rules" || slices.ContainsFunc(settingKeys, func(k key[values]) bool { return k.Name == name && k.isTable })
}

// claimDomain claims the name of a domain's table and its aliases for a new entry, and returns the entry's number. If a profile lists the
// name, the entry is an exception to that list: it takes the name over, and the profile is returned with the place of the name in the list.
func (l *loader) claimDomain(t *table, aliases []string, e *entry) (number uint32, list *profile, listed Position) {
	number = uint32(len(l.index.entries))
	l.index.entries = append(l.index.entries, entry{})
	if base, isWildcard := strings.CutPrefix(t.name(), "*."); isWildcard || t.name() == "*" {
		l.claimWildcard(t, base, number)
		if len(aliases) > 0 {
			t.fail("aliases", "a wildcard cannot have aliases; give each name a table with the same profile")
		}
	} else if d, err := parseDomain(t.name()); err != nil {
		t.fail("", "%v", err)
	} else {
		e.primary = d
		if first, taken := l.names()[d]; taken && l.lists[first.entry] != nil {
			list, listed = l.lists[first.entry], l.place(first)
			delete(l.names(), d)
		}
		if err := l.claim(l.names(), d, l.claimOf(t.at(), number)); err != nil {
			t.fail("", "%v", err)
		}
		l.warnOfName(t.at(), spell(t.path), string(d), d)
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
		l.warnOfName(t.at("aliases", element(i)), keyIn(t, "aliases"), string(d), d)
		l.aliases = append(l.aliases, alias{d, t, i})
	}
	return number, list, listed
}

// claimWildcard claims the names below a base for an entry.
func (l *loader) claimWildcard(t *table, base string, number uint32) {
	if t.name() == "*" {
		t.fail("", "would match every name; write [fallback] with profile = \"…\" instead")
		return
	}
	d, err := parseDomain(base)
	if err != nil {
		t.fail("", "%v", err)
		return
	}
	if isPublicSuffix(d) {
		t.fail("", "%q is a public suffix, below which anyone can register domains; write the full domain, such as \"*.example.%s\"", base, d)
		return
	}
	if err := l.claim(l.index.wildcards, d, l.claimOf(t.at(), number)); err != nil {
		t.fail("", "*.%v", err)
	}
}

func (l *loader) names() map[settings.Domain]claim {
	if l.index.names == nil {
		l.index.names = make(map[settings.Domain]claim)
	}
	return l.index.names
}

// checkAliases refuses aliases that a wildcard matches: names are looked up by exact name, wildcard, alias, so they would not be
// reached.
func (l *loader) checkAliases() {
	for _, a := range l.aliases {
		if c, ok := l.index.wildcard(a.domain); ok {
			a.table.failElement("aliases", a.number, "%s is matched by the wildcard at %s, which takes precedence over an alias; add a table [domains.%q] instead", a.domain, l.place(c), string(a.domain))
		}
	}
}

// claim gives a name to an entry, or says where it is already defined.
func (l *loader) claim(names map[settings.Domain]claim, d settings.Domain, c claim) error {
	if first, taken := names[d]; taken {
		return fmt.Errorf("%s is already defined at %s; remove one of them", d, l.place(first))
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
func (l *loader) choice(stack *layer, owner *table) choice {
	s := l.resolve(stack, owner)
	l.warnOfSettings(stack, owner)
	c := choice{settings: s, outside: s}
	if safe := withoutPlaintext(s); safe != s {
		c.outside, c.networks = safe, stack.allowPlaintext
		if safe != nil {
			l.origins[safe] = l.origins[s]
		}
	}
	return c
}

// ruleValues are the values of ruleKeys.
type ruleValues struct {
	usersFile string
	from      settings.Networks
	profile   string
}

// readRule is a rule and where it was written.
type readRule struct {
	rule
	table     *table
	usersFile string
}

// ownNames returns a function that reports whether the rules of a domain's table can be for addresses of a domain, or of domains that
// match a pattern.
func (l *loader) ownNames(t *table, primary settings.Domain, aliases []string) func(string) bool {
	if base, isWildcard := strings.CutPrefix(t.name(), "*."); isWildcard {
		d, _ := settings.ParseDomain(base)
		return func(domain string) bool { return isPattern(domain) || strings.HasSuffix(domain, "."+string(d)) }
	}
	names := []string{string(primary)}
	for _, text := range aliases {
		if d, err := settings.ParseDomain(text); err == nil {
			names = append(names, string(d))
		}
	}
	return func(domain string) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			ok, err := path.Match(domain, name)
			return ok || err != nil
		})
	}
}

// readRules reads the rules of a domain, of which the first that matches wins. A rule with a profile inherits from that profile only,
// because it is for people whose mail is elsewhere; one without changes single values of the domain.
func (l *loader) readRules(t *table, domain *layer, isOwn func(domain string) bool) []readRule {
	var rules []readRule
	for _, rt := range t.tables("rules") {
		own := rt.readLayer()
		var v ruleValues
		at := readKeys(rt, ruleKeys, &v)
		low := domain
		if p, ok := l.profileOf(rt, at, v.profile); ok {
			low = p.layer
		}
		r := rule{from: v.from}
		if _, has := at["users_file"]; has {
			r.users = l.readUsersFile(rt, v.usersFile, isOwn)
		}
		l.warnOfProxies(v.from, at["from"], keyIn(rt, "from"))
		if empty, ok := rt.values["from"].([]any); ok && len(empty) == 0 {
			rt.fail("from", "is empty, so the rule would match no client; write from = [\"192.0.2.0/24\"], or remove it")
		}
		if !rt.has("users_file") && !rt.has("from") {
			rt.fail("", "this rule matches everyone; add users_file = \"…\" or from = [\"192.0.2.0/24\"], or move its values to the domain")
		}
		rt.done()
		r.choice = l.choice(own.over(low), rt)
		rules = append(rules, readRule{r, rt, v.usersFile})
	}
	return rules
}

// profileValues are the values of profileKeys.
type profileValues struct {
	domains     []string
	domainsFile string
}

// readProfileNames reads the names listed in a profile, all of which share one entry.
func (l *loader) readProfileNames(p *profile) {
	t := p.table
	var v profileValues
	at := readKeys(t, profileKeys, &v)
	if len(at) > 0 {
		number := uint32(len(l.index.entries))
		l.index.entries = append(l.index.entries, entry{choice: l.choice(p.layer, t)})
		l.lists[number] = p
		l.used[t.name()] = true
		if v.domains != nil && len(v.domains) == 0 {
			t.warn("domains", "is empty; remove it, or list domains")
		}
		for i, text := range v.domains {
			at := t.at("domains", element(i))
			d, err := parseDomain(text)
			if err == nil {
				err = l.claim(l.names(), d, l.claimOf(at, number))
			}
			if err != nil {
				t.failElement("domains", i, "%v", err)
				continue
			}
			l.warnOfName(at, keyIn(t, "domains"), string(d), d)
		}
		if _, has := at["domains_file"]; has {
			l.readDomainsFile(t, v.domainsFile, number)
		}
	}
	t.done()
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
