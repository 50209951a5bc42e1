package reference

import (
	"fmt"
	"slices"
	"strings"

	"mailhint/spelling"
)

// Find returns the tables and keys that a word names: a key, a table, or a key in a table, such as "tls", "[server]", "server.tls" or
// `domains."example.com".imap`. The error says what was probably meant.
func Find(word string) ([]Section, error) {
	path := split(strings.ToLower(strings.Trim(word, "[]")))
	last := path[len(path)-1]
	isTable := strings.HasPrefix(word, "[") || last == chosen
	table := tableOf(path[:len(path)-1])
	var found []Section
	for _, s := range Sections() {
		switch {
		case isTable && slices.Contains(s.names, tableOf(path)), !isTable && slices.Contains(s.names, last) && (len(path) == 1 || s.isPartOf(table)):
			found = append(found, s)
		case !isTable && (len(path) == 1 || s.mayHave(table)):
			if i := slices.IndexFunc(s.Keys, func(k Key) bool { return k.Name == last }); i >= 0 {
				s.Keys, s.Inherits = s.Keys[i:i+1], false
				found = append(found, s)
			}
		}
	}
	if found == nil {
		return nil, unknown(word, last)
	}
	return found, nil
}

// chosen stands for a part of a path that people choose.
const chosen = "*"

// split returns the parts of a path as TOML writes it.
func split(path string) []string {
	parts := []string{""}
	quoted := false
	for _, r := range path {
		last := &parts[len(parts)-1]
		switch {
		case r == '"':
			quoted, *last = !quoted, chosen
		case quoted:
		case r == '.':
			parts = append(parts, "")
		default:
			*last += string(r)
		}
	}
	return parts
}

// tableOf returns by which name a table is known, by its path: that of domains."example.com".rules is rules.
func tableOf(path []string) string {
	for _, part := range slices.Backward(path) {
		if slices.ContainsFunc(Sections(), func(s Section) bool { return slices.Contains(s.names, part) }) {
			return part
		}
	}
	return strings.Join(path, ".")
}

// mayHave reports whether the keys of a section may be in a table.
func (s Section) mayHave(table string) bool {
	if slices.Contains(s.names, table) {
		return true
	}
	return slices.Contains(s.names, "defaults") && isMail(table)
}

// isPartOf reports whether a section is for a table in another.
func (s Section) isPartOf(table string) bool {
	return s.above != "" && (s.above == table || s.above == "*" && isMail(table))
}

// isMail reports whether a table may have the keys of [defaults].
func isMail(table string) bool {
	return table == "defaults" || slices.ContainsFunc(Sections(), func(s Section) bool { return s.Inherits && slices.Contains(s.names, table) })
}

// Names returns all the words that Find finds, sorted.
func Names() []string {
	var names []string
	for _, s := range Sections() {
		names = append(names, s.names...)
		for _, k := range s.Keys {
			names = append(names, k.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// unknown is the error for a word that names nothing, with the key that it ends with.
func unknown(word, key string) error {
	for _, s := range Sections() {
		if slices.ContainsFunc(s.Keys, func(k Key) bool { return k.Name == key }) {
			return fmt.Errorf("there is no key %q; %s is a key of %s", word, key, s.Header)
		}
	}
	if near := spelling.Nearest(key, Names()); near != "" && len(key) > 1 {
		return fmt.Errorf("unknown key %q; did you mean %s?", word, near)
	}
	return fmt.Errorf("unknown key %q; mailhint help config lists all keys", word)
}
