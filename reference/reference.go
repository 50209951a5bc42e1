// Package reference explains the keys of domains.toml to people, from the table of keys in package domains: what mailhint help config
// prints, and a manual page.
package reference

import (
	"slices"
	"strings"

	"mailhint/domains"
)

// Section is a table of domains.toml and the keys that it may have.
type Section struct {
	// Header is how the table is written, such as [server].
	Header string
	// About says what the table is for.
	About string
	Keys  []Key
	// Inherits is true if the table may also have all keys of [defaults], which Keys does not repeat.
	Inherits bool

	names []string // by which people ask for it
	above string   // the table that it is part of; "*" for any with settings; empty if it is part of none
}

// Key is a key, and the tables that may have it if they are several.
type Key struct {
	domains.Key
	// Mail is true if the key is about a mail service, so that clients may see it.
	Mail bool
}

// written says how tables are written and what they are for. Tables that are not here are written as they are called.
var written = map[string]struct{ header, about string }{
	"":                            {"Top of the file", "before the first table"},
	"server":                      {"[server]", "how this process listens; a change needs a restart"},
	"defaults":                    {"[defaults]", "for every domain that does not set the same key itself; profiles, domains and rules may have these keys too"},
	"profiles.*":                  {"[profiles.NAME]", "settings for many domains"},
	"domains.*":                   {`[domains."example.com"]`, `a domain, or all names below one: [domains."*.example.com"]`},
	"domains.*.rules":             {`[[domains."example.com".rules]]`, "other settings for some addresses or networks; the first rule that matches wins"},
	"*.oauth2":                    {"oauth2 = { … }", "in a table with settings, or as a table of its own, such as [profiles.NAME.oauth2]"},
	"*.imap, pop3, smtp or sieve": {"imap = { … }", "a server with a login or login methods of its own; also pop3, smtp and sieve"},
	"*.login":                     {"login = { … }", "a login name that is looked up for each address; also in the table of a server"},
	"lookups.*":                   {"[lookups.NAME]", "where login names are found that cannot be made of the address"},
	"fallback":                    {"[fallback]", "for names that are not configured"},
	"store":                       {"[store]", "a database with domains and profiles, for many replicas"},
	"oidc":                        {"[oidc]", "an identity provider (OpenID Connect) through which people sign in to the admin page"},
	"oidc.roles.*":                {"[oidc.roles.VALUE]", "what people may do whose claim has this value"},
	"dns":                         {"[dns]", "where mailhint may publish records by dynamic update"},
	"dns.zones":                   {"zones = [{ … }]", "a zone with a name server, a key or a wildcard of its own, in [dns]"},
}

// Sections returns all tables of domains.toml and their keys.
func Sections() []Section {
	var list []Section
	tables := domains.Tables()
	common := tables[slices.IndexFunc(tables, func(t domains.Table) bool { return t.Name == "defaults" })].Keys
	isCommon := func(k domains.Key) bool {
		return slices.ContainsFunc(common, func(c domains.Key) bool { return c.Name == k.Name })
	}
	for _, t := range tables {
		s := Section{
			Header: "[" + t.Name + "]",
			names:  namesOf(t.Name),
			above:  above(t.Name),
		}
		if w, ok := written[t.Name]; ok {
			s.Header, s.About = w.header, w.about
		}
		s.Inherits = t.Name != "defaults" && containsAll(t.Keys, common)
		for _, k := range t.Keys {
			if !s.Inherits || !isCommon(k) {
				s.Keys = append(s.Keys, Key{k, t.Name == "defaults"})
			}
		}
		list = append(list, s)
	}
	return list
}

func containsAll(keys, wanted []domains.Key) bool {
	for _, w := range wanted {
		if !slices.ContainsFunc(keys, func(k domains.Key) bool { return k.Name == w.Name }) {
			return false
		}
	}
	return true
}

// namesOf returns what people may call a table: "domains.*.rules" is "rules".
func namesOf(table string) []string {
	parts := strings.FieldsFunc(strings.TrimPrefix(table, "*."), func(r rune) bool { return strings.ContainsRune(".* ,", r) })
	switch {
	case len(parts) == 0:
		return nil
	case strings.Contains(table, " or "):
		return slices.DeleteFunc(parts, func(s string) bool { return s == "or" })
	}
	return parts[len(parts)-1:]
}

// above returns the first part of the name of a table that is part of another.
func above(table string) string {
	first, rest, _ := strings.Cut(table, ".")
	if rest == "" || rest == "*" {
		return ""
	}
	return first
}
