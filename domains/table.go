package domains

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"mailhint/settings"
	"mailhint/tomledit"
)

// table is a TOML table that is read strictly: every value has a type, every key must be known, and every mistake is added to the
// list of the source, so that all of them are found.
type table struct {
	src    *source
	path   []string
	values map[string]any
	asked  []string                        // keys that have been read, or would have been
	known  []interface{ names() []string } // rows of keys that have been read, or would have been
	layer  *layer                          // read ahead; nil if it was not
	place  found                           // of the table; its place is nil before it is needed

	leftOver bool // it is what remains of an exception to a list (see isLeftOver)
}

// source is one file of the configuration.
type source struct {
	file     string // as the admin named it
	lines    lines
	problems *Problems
	warnings *Problems
	hint     func(t *table, name string, known []string) string // unknownKey: a field, because the rows of keys.go refer to tables
}

// noSource is the source of tables that are in no file.
func noSource() *source {
	return &source{problems: new(Problems), warnings: new(Problems), hint: noHint}
}

func noHint(*table, string, []string) string { return "" }

func (s *source) table(path []string, values map[string]any) *table {
	return &table{src: s, path: path, values: values}
}

// value returns a value and whether it is there, and remembers that the key is known here.
func (t *table) value(key string) (any, bool) {
	if !slices.Contains(t.asked, key) {
		t.asked = append(t.asked, key)
	}
	v, ok := t.values[key]
	return v, ok
}

// has reports whether a key is there, with whatever value.
func (t *table) has(key string) bool {
	_, there := t.values[key]
	return there
}

// at returns the place of a key, or of the table for "".
func (t *table) at(key ...string) Position {
	if t.place.place == nil {
		t.place = t.src.lines.find(t.path)
	}
	return Position{t.src.file, t.place.below(key).line}
}

// fail notes a mistake in a key, or in the table for "".
func (t *table) fail(key string, format string, args ...any) {
	var path []string
	if key != "" {
		path = []string{key}
	}
	t.failAt(path, format, args...)
}

// failElement notes a mistake in the i-th element of a list.
func (t *table) failElement(key string, i int, format string, args ...any) {
	t.failAt([]string{key, tomledit.Element(i)}, format, args...)
}

func (t *table) failAt(path []string, format string, args ...any) {
	*t.src.problems = append(*t.src.problems, t.problem(path, format, args...))
}

// problem is a mistake at a path below the table.
func (t *table) problem(path []string, format string, args ...any) Problem {
	key := spell(append(t.path[:len(t.path):len(t.path)], path...))
	return Problem{t.at(path...), key, fmt.Sprintf(format, args...)}
}

// text returns a string, or "" and false if there is none.
func (t *table) text(key string) (string, bool) {
	v, ok := t.value(key)
	if !ok {
		return "", false
	}
	s, ok := v.(string)
	if !ok {
		t.fail(key, "must be a string; write %s = \"…\"", key)
	}
	return s, ok
}

// flag returns a truth value.
func (t *table) flag(key string) (value, ok bool) {
	v, there := t.value(key)
	if !there {
		return false, false
	}
	value, ok = v.(bool)
	if !ok {
		t.fail(key, "must be true or false; write %s = false", key)
	}
	return value, ok
}

// number returns a whole number.
func (t *table) number(key string) (value int, ok bool) {
	v, there := t.value(key)
	if !there {
		return 0, false
	}
	n, ok := v.(int64)
	if !ok || int64(int(n)) != n {
		t.fail(key, "must be a whole number; write %s = 100", key)
		return 0, false
	}
	return int(n), true
}

// texts returns a list of strings; a single string is a list of one.
func (t *table) texts(key string) ([]string, bool) {
	v, ok := t.value(key)
	if !ok {
		return nil, false
	}
	switch v := v.(type) {
	case string:
		return []string{v}, true
	case []any:
		list := make([]string, 0, len(v))
		for i, element := range v {
			s, ok := element.(string)
			if !ok {
				t.failElement(key, i, "element %d must be a string; write %s = [\"…\", \"…\"]", i+1, key)
				return nil, false
			}
			list = append(list, s)
		}
		return list, true
	}
	t.fail(key, "must be a list of strings; write %s = [\"…\", \"…\"]", key)
	return nil, false
}

// oneOf returns a text that must be one of the words, or the first of them.
func (t *table) oneOf(key string, words ...string) string {
	s, ok := t.text(key)
	if !ok {
		return words[0]
	}
	if !slices.Contains(words, s) {
		t.fail(key, "unknown value %q; write one of %s%s", s, quoted(words), didYouMean(s, words))
		return words[0]
	}
	return s
}

// networks returns a list of networks; a single address is a network of one.
func (t *table) networks(key string) (settings.Networks, bool) {
	list, ok := t.texts(key)
	if !ok {
		return nil, false
	}
	var networks settings.Networks
	for i, s := range list {
		network, err := netip.ParsePrefix(s)
		if address, addressErr := netip.ParseAddr(s); addressErr == nil {
			network, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		switch {
		case err != nil:
			t.failElement(key, i, "%q is not a valid network; write it like \"192.0.2.0/24\" or \"2001:db8::/32\"", s)
		case network.Addr().Is4In6(): // addresses of clients are compared in their short form
			t.failElement(key, i, "%q is an IPv4 network in IPv6 notation; write it like \"192.0.2.0/24\"", s)
		case network != network.Masked():
			t.failElement(key, i, "%q has host bits set; write %q", s, network.Masked())
		default:
			networks = append(networks, network)
		}
	}
	return networks, true
}

// name returns the table's own key.
func (t *table) name() string { return t.path[len(t.path)-1] }

// enoughHints is the number of mistakes after which the others are reported without a suggestion, which takes long to find for millions
// of keys.
const enoughHints = 1000

// done notes every key that is not known here. It is called after all keys have been read.
func (t *table) done() {
	unknown := 0
	for key := range t.values {
		if !slices.Contains(t.asked, key) {
			unknown++
		}
	}
	if unknown == 0 {
		return
	}
	known := slices.Clone(t.asked)
	for _, rows := range t.known {
		known = append(known, rows.names()...)
	}
	slices.Sort(known)
	known = slices.Compact(known)
	for _, key := range slices.Sorted(maps.Keys(t.values)) {
		if slices.Contains(t.asked, key) {
			continue
		}
		hint := ""
		if len(*t.src.problems) < enoughHints {
			hint = t.src.hint(t, key, known)
		}
		t.failAt([]string{key}, "unknown key%s", hint)
	}
}

// spell returns a path as TOML writes it. Elements of arrays are left out: the line says which one it is.
func spell(path []string) string {
	var parts []string
	for _, part := range path {
		if _, ok := tomledit.ElementNumber(part); ok {
			continue
		}
		if part == "" || strings.ContainsFunc(part, notBare) {
			part = strconv.Quote(part)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ".")
}

func notBare(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_' || r == '-')
}

func quoted(words []string) string {
	q := make([]string, len(words))
	for i, w := range words {
		q[i] = strconv.Quote(w)
	}
	return strings.Join(q, ", ")
}
