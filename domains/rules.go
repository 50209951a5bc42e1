package domains

import (
	"path"
	"slices"
	"strings"

	"mailhint/settings"
)

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
	quota := newPatternQuota()
	for _, rt := range t.tables("rules") {
		own := rt.readLayer()
		var v ruleValues
		at := readKeys(rt, ruleKeys, &v)
		low := domain
		if p, ok := l.profileOf(rt, at, v.profile); ok {
			low = p.layer
		}
		r := rule{from: v.from}
		if at.has("users_file") {
			r.users = l.readUsersFile(rt, v.usersFile, quota, isOwn)
		}
		l.warnOfProxies(v.from, at.of("from"), rt, "from")
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
