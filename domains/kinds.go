package domains

import (
	"errors"
	"slices"
	"strings"

	"mailhint/settings"
)

// The kinds of values that settings have. Those that only [server] uses are in server_table.go.
var (
	plainString = kind[string]{name: "string", read: (*table).text, plain: plainText[string]}
	stringList  = kind[[]string]{name: "list of strings", types: "array string", read: (*table).texts, plain: plainList[string]}
	truth       = kind[bool]{name: "true or false", types: "boolean", read: (*table).flag, plain: func(b bool) any { return b }}
	domainNames = kind[[]string]{name: "list of domains", types: "array string", form: domainNameForm, read: (*table).texts, plain: plainList[string]}
	networkList = kind[settings.Networks]{name: "list of networks", types: "array string", form: networkForm, read: (*table).networks, plain: plainNetworks}

	// unlessFalse is a truth value that is kept as its opposite, so that the zero value means true.
	unlessFalse = kind[bool]{
		name: "true or false", types: "boolean",
		read: func(t *table, key string) (bool, bool) {
			value, ok := t.flag(key)
			return !value, ok
		},
		plain: func(not bool) any { return !not },
	}

	loginForm    = kind[settings.Login]{name: "login name with placeholders, or table", types: "string object", form: loginFormForm, read: readLogin, plain: plainLogin, isTable: true}
	formOnly     = kind[settings.Login]{name: "login name with placeholders", form: loginFormForm, read: readLoginForm, plain: plainText[settings.Login]}
	loginHint    = kind[string]{name: "text", form: Form{MaxLength: maxHint}, read: readHint, plain: plainText[string]}
	loginMethods = kind[[]settings.Auth]{name: "list of login methods", types: "array string", form: authForm, read: readLoginMethods, plain: plainList[settings.Auth]}
	redirection  = kind[string]{name: "redirect:URL", form: redirectForm, read: readRedirection, plain: plainRedirection}
	adminNames   = kind[[]string]{name: "list of names", types: "array string", form: Form{Pattern: "."}, read: readAdmins, plain: plainList[string]}

	exchangerNames = kind[[]settings.Domain]{name: "list of host names", types: "array string", form: Form{Pattern: domainNameForm.Pattern, MinItems: 1}, read: readExchangers, plain: plainList[settings.Domain]}
)

// plainText is for values that are text: nothing to write if it is empty.
func plainText[T ~string](v T) any {
	if v == "" {
		return nil
	}
	return string(v)
}

// plainList is for lists of text: nothing to write if there is none, but an empty one is written.
func plainList[T ~string](list []T) any {
	if list == nil {
		return nil
	}
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = string(v)
	}
	return texts
}

func plainNetworks(networks settings.Networks) any {
	if networks == nil {
		return nil
	}
	return networkTexts(networks)
}

// shownText is a text that users see, with domain placeholders. The limits are in draft-ietf-mailmaint-autoconfig-06 section 4.
func shownText(limit int) kind[settings.Pattern] {
	return pattern("text", textHole, shownTextForm(limit), func(s string) (settings.Pattern, error) { return settings.ParseText(s, limit) })
}

// link is a URL with domain placeholders. Its scheme may always be https.
func link(schemes ...string) kind[settings.Pattern] {
	return pattern(strings.Join(schemes, " or ")+" URL", urlHole, linkForm(schemes...), func(s string) (settings.Pattern, error) { return settings.ParseURL(s, schemes...) })
}

// pattern is a text that may be empty to drop what a lower layer says.
func pattern(name string, h hole, form Form, parse func(string) (settings.Pattern, error)) kind[settings.Pattern] {
	read := func(t *table, key string) (settings.Pattern, bool) {
		s, ok := t.text(key)
		if !ok || s == "" {
			return "", ok
		}
		p, err := parse(s)
		if err != nil {
			t.fail(key, "%v", err)
		}
		return p, err == nil
	}
	return kind[settings.Pattern]{name: name, form: form, hole: h, read: read, plain: plainText[settings.Pattern]}
}

// oneOf is a text that must be one of the words. The first is the default, also where there is another text.
func oneOf(words ...string) kind[string] {
	read := func(t *table, key string) (string, bool) { return t.oneOf(key, words...), true }
	return kind[string]{name: "one of " + quoted(words), form: Form{Words: words}, read: read, plain: plainText[string], readsMissing: true}
}

func readLogin(t *table, key string) (settings.Login, bool) {
	if isTable(t.values[key]) {
		return readLookupLogin(t, key)
	}
	return readLoginForm(t, key)
}

func readLoginForm(t *table, key string) (settings.Login, bool) {
	s, ok := t.text(key)
	if !ok {
		return "", false
	}
	l, err := settings.ParseLogin(s)
	if err != nil {
		t.fail(key, "%v", err)
	}
	return l, err == nil
}

func isTable(v any) bool {
	_, ok := v.(map[string]any)
	return ok
}

func readLoginMethods(t *table, key string) ([]settings.Auth, bool) {
	list, ok := t.texts(key)
	if !ok {
		return nil, false
	}
	words := plainList(settings.Auths).([]string)
	var methods []settings.Auth
	for i, s := range list {
		switch {
		case !slices.Contains(words, s):
			t.failElement(key, i, "unknown login method %q%s", s, orList(didYouMean(s, words), words))
		case slices.Contains(methods, settings.Auth(s)):
			t.failElement(key, i, "%q appears twice; remove one", s)
		default:
			methods = append(methods, settings.Auth(s))
		}
	}
	if len(list) == 0 {
		t.fail(key, "is empty, so no one could log in; write %s = [\"password\"]", key)
	}
	return methods, len(methods) == len(list) && len(list) > 0
}

const redirectPrefix = "redirect:"

// readRedirection reads "redirect:URL"; "" drops what a lower layer says.
func readRedirection(t *table, key string) (string, bool) {
	s, ok := t.text(key)
	if !ok || s == "" {
		return "", ok
	}
	target, isRedirect := strings.CutPrefix(s, redirectPrefix)
	if !isRedirect {
		t.fail(key, "unknown value %q; write \"redirect:https://…\", or remove it to answer here", s)
		return "", false
	}
	return target, t.fixedURL(key, target)
}

func plainRedirection(target string) any {
	if target == "" {
		return nil
	}
	return redirectPrefix + target
}

// fixedURL checks a URL without placeholders.
func (t *table) fixedURL(key, text string) bool {
	url, err := settings.ParseURL(text, "https")
	if err == nil && url.Expand("a.example", "b.example") != text {
		err = errors.New("placeholders are not allowed in this URL; write it in full")
	}
	if err != nil {
		t.fail(key, "%v", err)
	}
	return err == nil
}

func readAdmins(t *table, key string) ([]string, bool) {
	list, ok := t.texts(key)
	if ok && slices.Contains(list, "") {
		t.fail(key, "contains an empty name; remove it")
	}
	return list, ok
}

// plainTable returns the values of a table.
func plainTable[S any](keys []key[S], s *S) object {
	var o object
	for _, k := range keys {
		k.json(&o, s)
	}
	return o
}

// readExchangers reads host names, never patterns: anyone can publish an MX below most of those.
func readExchangers(t *table, key string) ([]settings.Domain, bool) {
	list, ok := t.texts(key)
	if ok && len(list) == 0 {
		t.fail(key, "is empty, so the fallback would answer for no domain; list your mail exchangers, or remove it to answer for every name")
	}
	var hosts []settings.Domain
	for i, text := range list {
		d, err := settings.ParseDomain(text)
		if err != nil {
			t.failElement(key, i, "%q is %v; write a name such as \"mx1.example.com\"", text, err)
			continue
		}
		hosts = append(hosts, d)
	}
	return hosts, ok
}

// formatVersion is the version of domains.toml that this program reads.
var formatVersion = kind[int]{
	name: "number", types: "integer", form: Form{Only: 1},
	read: func(t *table, key string) (int, bool) {
		v, ok := t.value(key)
		if ok && v != int64(1) {
			t.fail(key, "must be 1, the only version of this format; write version = 1")
			return 0, false
		}
		return 1, ok
	},
	plain: plainNumber,
}

func plainNumber(n int) any { return n }
