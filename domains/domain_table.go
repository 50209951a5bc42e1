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
	if l.namesOnly {
		l.readNames(t)
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
	if lacks := domain.lacks(); lacks != "" && list == nil && !e.disabled && l.isLeftOver(t, domain) {
		l.skipLeftOver(t, lacks, number, e.primary, v.aliases)
		e.disabled, domain.misspelled = true, true // its rules are not complete either, and that is no mistake of theirs
	}
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

// readNames reads only the names of a table [domains."…"].
func (l *loader) readNames(t *table) {
	var v domainValues
	readKeys(t, domainKeys, &v)
	l.claimDomain(t, v.aliases, new(entry))
}

// isLeftOver reports whether a table for a domain that lacks servers may be what remains of an exception to a list that no longer has the
// domain: they came from the list's profile. Lists come from programs, which do not know of exceptions, so that this must not stop a reload. A
// configuration without any list has no exceptions.
func (l *loader) isLeftOver(t *table, domain *layer) bool {
	return len(l.lists) > 0 && !strings.HasPrefix(t.name(), "*") && !t.has("profile") && !domain.misspelled
}

// lacks says which servers are missing without which there is nothing to answer with (see checkComplete); "" if none are.
func (l *layer) lacks() string {
	incoming := len(l.servers[settings.IMAP])+len(l.servers[settings.POP3]) > 0
	switch {
	case !l.offersAnything():
		return noServers
	case incoming && !l.has("smtp"):
		return noSubmission
	case len(l.servers[settings.Submission]) > 0 && !l.has("imap") && !l.has("pop3"):
		return noIncoming
	}
	return ""
}

// What layer.lacks returns.
const (
	noServers    = "servers"
	noSubmission = "submission server"
	noIncoming   = "incoming server"
)

// lackHints say what to write.
var lackHints = map[string]string{noSubmission: `smtp = "smtp.example.com"`, noIncoming: `imap = "imap.example.com"`}

// skipLeftOver gives up the names of an entry, which are then answered like any name that is not configured.
func (l *loader) skipLeftOver(t *table, lacks string, number uint32, primary settings.Domain, aliases []string) {
	for _, name := range append([]string{string(primary)}, aliases...) {
		if d, err := settings.ParseDomain(name); err == nil && l.index.names[d].entry == number {
			delete(l.index.names, d)
		}
	}
	t.leftOver = true
	profile := "…"
	for _, p := range l.lists {
		if len(l.lists) == 1 {
			profile = p.table.name()
		}
	}
	add := ""
	if hint := lackHints[lacks]; hint != "" {
		add = hint + " or "
	}
	p := t.problem(nil, "has no %s and is in no list, so that it is skipped; add %sprofile = %q, or remove the table", lacks, add, profile)
	t.warn("", "%s", p.Text)
	if lacks != noServers { // may as well be a new table that somebody has not finished
		l.incomplete = append(l.incomplete, p)
	}
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
	if host, isOwn := pointsBack(stack.AutodiscoverRedirect, t.name()); isOwn {
		l.note(stack.at.of("autodiscover"), keyIn(t, "autodiscover"), "redirects to %s, which points back to this server; remove it to answer here, or name the other server", host)
	}
}

// pointsBack returns the host of a redirect, and whether it is one at which clients ask for a name.
func pointsBack(redirect, name string) (host string, isOwn bool) {
	if redirect == "" {
		return "", false
	}
	u, err := url.Parse(redirect)
	if err != nil { // ParseURL has read it before
		return "", false
	}
	host = strings.ToLower(u.Hostname())
	return host, host == name || host == settings.AutodiscoverPrefix+name
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
