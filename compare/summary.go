package compare

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"mailhint/settings"
)

// Summary counts results.
type Summary struct {
	Domains int `json:"domains"`
	Same    int `json:"same"`
	Changed int `json:"changed"`
	// OnPurpose are the domains in which every change is made on purpose; they are among Changed.
	OnPurpose int `json:"on_purpose"`
	// Unchecked are the domains for which something is not known; some of them are among Changed.
	Unchecked int `json:"unchecked"`
	// OwnName are the domains for which the old server answers only under its own name.
	OwnName int `json:"own_name"`
	// Kinds has the number of domains with each kind of change, and the clients concerned.
	Kinds []KindSummary `json:"kinds"`
}

// KindSummary is what a Summary says about one kind of change.
type KindSummary struct {
	Kind      Kind     `json:"kind"`
	Domains   int      `json:"domains"`
	OnPurpose int      `json:"on_purpose"` // of them, those in which every change of this kind is on purpose
	Clients   []string `json:"clients"`
}

// Add counts a result.
func (s *Summary) Add(r Result) {
	s.Domains++
	switch {
	case len(r.Changes) > 0:
		s.Changed++
	case len(r.Unchecked) == 0:
		s.Same++
	}
	if len(r.Changes) > 0 && allOnPurpose(r.Changes) {
		s.OnPurpose++
	}
	if len(r.Unchecked) > 0 {
		s.Unchecked++
	}
	if r.OwnName {
		s.OwnName++
	}
	for _, kind := range Kinds {
		s.addKind(kind, r.Changes)
	}
}

// addKind counts the changes of one kind in a domain.
func (s *Summary) addKind(kind Kind, all []Change) {
	changes := slices.DeleteFunc(slices.Clone(all), func(c Change) bool { return !slices.Contains(c.Kinds, kind) })
	if len(changes) == 0 {
		return
	}
	i := slices.IndexFunc(s.Kinds, func(k KindSummary) bool { return k.Kind == kind })
	if i < 0 {
		s.Kinds = append(s.Kinds, KindSummary{Kind: kind})
		slices.SortFunc(s.Kinds, func(a, b KindSummary) int { return slices.Index(Kinds, a.Kind) - slices.Index(Kinds, b.Kind) })
		i = slices.IndexFunc(s.Kinds, func(k KindSummary) bool { return k.Kind == kind })
	}
	k := &s.Kinds[i]
	k.Domains++
	if allOnPurpose(changes) {
		k.OnPurpose++
	}
	for _, c := range changes {
		for _, client := range c.Clients {
			if !slices.Contains(k.Clients, client) {
				k.Clients = append(k.Clients, client)
			}
		}
	}
}

func allOnPurpose(changes []Change) bool {
	return !slices.ContainsFunc(changes, func(c Change) bool { return c.Purpose == "" })
}

// seenChanges remembers which domain was the first with a set of changes, by a digest of them. Thousands of domains with one profile change
// alike.
type seenChanges map[[sha256.Size]byte]settings.Domain

// maxSeen limits how many sets of changes are remembered.
const maxSeen = 10_000

// mark marks a result that is like an earlier one.
func (s seenChanges) mark(r *Result) {
	if len(r.Changes)+len(r.Unchecked) == 0 {
		return
	}
	text := strings.ReplaceAll(fmt.Sprintf("%q %q %t", r.Changes, r.Unchecked, r.OwnName), string(r.Domain), settings.EmailDomain)
	key := sha256.Sum256([]byte(text))
	if first, seen := s[key]; seen {
		r.SameAs = first
	} else if len(s) < maxSeen {
		s[key] = r.Domain
	}
}
