package dnsrecords

import (
	"slices"
	"strings"
)

// Difference is a record that a domain should publish and does not, or one that contradicts those that it should.
type Difference struct {
	Record
	// Extra is true for a record that is published and should go.
	Extra bool
	// Wildcard is true for an extra record that is not published under its own name: a wildcard record answers for it, and nothing needs
	// to be removed. Differences finds this out; Compare cannot.
	Wildcard bool
}

// Compare says how the records that a domain publishes differ from those that it should: first what is missing, in the order of
// want, then what is there and should not be. Only records with the name and type of a wanted one count, and an alias where
// addresses are wanted or the other way round; the time to live does not.
func Compare(want, published []Record) []Difference {
	var all []Difference
	for _, w := range want {
		if !slices.ContainsFunc(published, func(p Record) bool { return same(w, p) }) {
			all = append(all, Difference{Record: w})
		}
	}
	for _, p := range published {
		rivals := func(w Record) bool { return w.Name == p.Name && sameKind(w.Data, p.Data) }
		if slices.ContainsFunc(want, rivals) && !slices.ContainsFunc(want, func(w Record) bool { return same(w, p) }) {
			all = append(all, Difference{Record: p, Extra: true})
		}
	}
	return all
}

// same compares records as name servers do: without regard to the letter case of names.
func same(a, b Record) bool {
	if !strings.EqualFold(a.Name, b.Name) || a.Data.Type() != b.Data.Type() {
		return false
	}
	if _, ok := a.Data.(Text); ok {
		return a.Data == b.Data
	}
	return strings.EqualFold(a.Data.String(), b.Data.String())
}

// sameKind reports whether one of two contents stands in the other's way: an alias suffers nothing beside it (RFC 1034 section
// 3.6.2), and two addresses, also of both families, are one answer.
func sameKind(a, b Data) bool { return kindOf(a) == kindOf(b) }

func kindOf(d Data) string {
	switch d.(type) {
	case Address, Alias:
		return "host"
	}
	return d.Type()
}
