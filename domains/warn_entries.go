package domains

import (
	"math"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"mailhint/settings"
)

// warnOfSettings warns of settings that clients do not use as they are probably meant.
func (l *loader) warnOfSettings(stack *layer, owner *table) {
	l.warnOfProxies(stack.allowPlaintext, stack.at.of("allow_plaintext"), owner, "allow_plaintext")
	l.warnOfLogin(stack.Login, stack.at.of("login"), owner, "login")
	l.warnOfNoPath(stack.CalDAV, stack.at.of("caldav"), owner, "caldav")
	l.warnOfNoPath(stack.CardDAV, stack.at.of("carddav"), owner, "carddav")
	for _, specs := range stack.servers {
		for _, spec := range specs {
			l.warnOfLogin(spec.Login, spec.at, owner, spec.key)
		}
	}
	l.warnOfOAuth2(stack, owner)
}

// warnOfLogin warns of a login name that Thunderbird reads as something else.
func (l *loader) warnOfLogin(login settings.Login, at Position, owner *table, key string) {
	if read := readByThunderbird(string(login.Form())); read != "" {
		l.warn(at, keyIn(owner, key), "Thunderbird reads the login name %q as %s; use another name, or a placeholder such as %q", login.Form(), read, settings.EmailLocalPart)
	}
}

var (
	jsNumber = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$`)
	jsHex    = regexp.MustCompile(`^0[xX][0-9a-fA-F]+$`)
)

// readByThunderbird says what Thunderbird's reader of XML (JXON.sys.mjs) makes of a login name: it turns 00123 into the number 123, 0x1f
// into 0, and True into true. 0 and false in any spelling count as missing. It returns "" for a name that arrives as it is.
func readByThunderbird(login string) string {
	switch {
	case strings.EqualFold(login, "false"), jsHex.MatchString(login):
		return "missing"
	case strings.EqualFold(login, "true") && login != "true":
		return "true"
	case !jsNumber.MatchString(login):
		return ""
	}
	n, _ := strconv.ParseFloat(login, 64) // out of range is infinite, also in JavaScript
	switch read := strconv.FormatFloat(n, 'f', -1, 64); {
	case n == 0:
		return "missing"
	case math.IsInf(n, 0):
		return "infinite"
	case read != login:
		return "the number " + read
	}
	return ""
}

// warnOfNoPath warns of the URL of a DAV service without a path, which some clients do not accept.
func (l *loader) warnOfNoPath(url settings.Pattern, at Position, owner *table, key string) {
	_, rest, _ := strings.Cut(string(url), "://")
	if rest != "" && !strings.Contains(rest, "/") {
		l.warn(at, keyIn(owner, key), "%s has no path, which some clients need; write the path of the service too, as in \"https://dav.example.com/dav/\"", url)
	}
}

// warnOfProxies warns of networks that contain a trusted proxy. Where it does not say whose request it forwards, the client is unknown, and
// counts as one outside; but a client in both can also claim any address.
func (l *loader) warnOfProxies(networks settings.Networks, at Position, owner *table, key string) {
	for _, network := range networks {
		if i := slices.IndexFunc(l.proxies, func(proxy netip.Prefix) bool { return proxy.Overlaps(network) }); i >= 0 {
			l.warn(at, keyIn(owner, key), "%s overlaps %s in trusted_proxies (%s), whose clients can claim any address; list only the proxies' own addresses there", network, l.proxies[i], l.proxiesAt)
		}
	}
}

// warnOfProfiles warns of profiles that nothing uses.
func (l *loader) warnOfProfiles() {
	for _, name := range sortedKeys(l.profiles) {
		if !l.used[name] {
			l.profiles[name].table.warn("", "no domain uses this profile; add domains to it, name it in a domain, or remove it")
		}
	}
}

// warnOfRules warns of rules that change nothing: those that are never reached, and, at the end, those that give what the domain gives.
func warnOfRules(rules []readRule, domain choice) {
	for i, r := range rules {
		for _, earlier := range rules[:i] {
			if earlier.includes(r) {
				r.table.warn("", "is never used, because the rule at %s matches all its clients; remove it, or move it up", earlier.table.at())
				break
			}
		}
	}
	for _, r := range slices.Backward(rules) {
		if !reflect.DeepEqual(r.choice, domain) {
			return
		}
		r.table.warn("", "has no effect, because it gives the same settings as the domain; add what is different, or remove it")
	}
}

// includes reports whether a rule matches whatever another matches.
func (r readRule) includes(other readRule) bool {
	if r.users != nil && r.usersFile != other.usersFile {
		return false
	}
	if r.from == nil {
		return true
	}
	return other.from != nil && !slices.ContainsFunc(other.from, func(network netip.Prefix) bool {
		return !slices.ContainsFunc(r.from, func(p netip.Prefix) bool { return p.Bits() <= network.Bits() && p.Contains(network.Addr()) })
	})
}
