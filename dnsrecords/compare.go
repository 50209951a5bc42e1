package dnsrecords

import (
	"slices"
	"strings"
)

// Difference is a record that a domain should publish and does not, or a published one that contradicts those that it should publish.
type Difference struct {
	Record
	// Extra is true for a record that is published and should be removed.
	Extra bool
	// Wildcard is true for an extra record that is not published under its own name: a wildcard record answers for it, and nothing needs
	// to be removed. Differences finds this out; Compare cannot.
	Wildcard bool
}

// Compare returns how the published records of a domain differ from the wanted ones: first those that are missing, in the order of want,
// then those to remove. It only considers records with the name and type of a wanted one, and aliases where addresses are wanted or the
// other way round. The time to live is ignored.
func Compare(want, published []Record) []Difference {
	var all []Difference
	for _, w := range want {
		if !slices.ContainsFunc(published, func(p Record) bool { return same(w, p) }) {
			all = append(all, Difference{Record: w})
		}
	}
	for _, p := range published {
		contradicts := func(w Record) bool { return w.Name == p.Name && sameKind(w.Data, p.Data) }
		if slices.ContainsFunc(want, contradicts) && !slices.ContainsFunc(want, func(w Record) bool { return same(w, p) }) {
			all = append(all, Difference{Record: p, Extra: true})
		}
	}
	return all
}

// same compares records as name servers do: ignoring the case of names.
func same(a, b Record) bool {
	if !strings.EqualFold(a.Name, b.Name) || a.Data.Type() != b.Data.Type() {
		return false
	}
	if _, ok := a.Data.(Text); ok {
		return a.Data == b.Data
	}
	return strings.EqualFold(a.Data.String(), b.Data.String())
}

// sameKind reports whether two contents exclude or complete each other: there can be no other records beside an alias (RFC 1034 section
// 3.6.2), and clients use addresses of both families together.
func sameKind(a, b Data) bool { return kindOf(a) == kindOf(b) }

func kindOf(d Data) string {
	switch d.(type) {
	case Address, Alias:
		return "host"
	}
	return d.Type()
}
