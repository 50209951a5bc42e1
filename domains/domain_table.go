package domains

import (
	"maps"
	"net/url"
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

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
