package domains

import (
	"fmt"
	"slices"
	"strings"

	"mailhint/settings"
	"mailhint/tomledit"
)

// alias remembers where an alias was written until all wildcards are known.
type alias struct {
	domain settings.Domain
	table  *table
	number int // in the list
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
			l.exceptions[d] = l.listingOf(list, first)
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
			err = l.claim(l.names(), d, l.claimOf(t.at("aliases", tomledit.Element(i)), number))
		}
		if err != nil {
			t.failElement("aliases", i, "%v", err)
			continue
		}
		l.warnOfName(t.at("aliases", tomledit.Element(i)), keyIn(t, "aliases"), string(d), d)
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
	l.warnOfName(t.at(), spell(t.path), string(d), d)
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
		if e := l.index.wildcard(a.domain); e != nil {
			a.table.failElement("aliases", a.number, "%s is matched by the wildcard at %s, which takes precedence over an alias; add a table [domains.%q] instead", a.domain, l.placeOfWildcard(e), string(a.domain))
		}
	}
}

// placeOfWildcard returns where a wildcard with an entry was written.
func (l *loader) placeOfWildcard(e *entry) Position {
	for _, c := range l.index.wildcards {
		if &l.index.entries[c.entry] == e {
			return l.place(c)
		}
	}
	return Position{}
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
