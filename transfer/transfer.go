// Package transfer moves domains and profiles between files and a database, in either direction, and makes sure that no client gets another answer
// than before.
//
// The files, in the order in which they are best read:
//
//   - transfer.go: which records move, and which stay in the files
//   - compare.go: whether the answers are the same
//   - text.go: records as a text of domains.toml
package transfer

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"mailhint/domains"
	"mailhint/edits"
)

// Action is what the history calls a move.
const Action = "import"

// Plan says what moves from files into a database.
type Plan struct {
	// Count is the number of records that move.
	Count int
	// Stay are the records that only files can have, or that what stays needs.
	Stay []Staying

	source *domains.Source
	stays  map[edits.Ref]bool
}

// Staying is a record that stays in the files, and why.
type Staying struct {
	edits.Ref
	Reason string
}

// NewPlan decides what becomes of all records of the files, which have no mistakes.
func NewPlan(source *domains.Source) *Plan {
	p := &Plan{source: source, stays: make(map[edits.Ref]bool)}
	stay := make(map[edits.Ref]string)
	if fallback := source.Snapshot.FallbackProfile(); fallback != "" {
		stay[edits.Ref{Kind: edits.Profile, Name: fallback}] = "[fallback] uses it"
	}
	for r := range source.Records() {
		if reason := needsFile(r.Values); reason != "" {
			stay[refOf(r)] = reason
		}
	}
	for r := range source.Records() { // what stays keeps its profiles
		if _, stays := stay[refOf(r)]; !stays || r.Kind != domains.DomainRecord {
			continue
		}
		for _, profile := range profilesOf(r) {
			ref := edits.Ref{Kind: edits.Profile, Name: profile}
			if _, already := stay[ref]; !already {
				stay[ref] = r.Name + ", which stays, uses it"
			}
		}
	}
	for r := range source.Records() {
		if reason, stays := stay[refOf(r)]; stays {
			p.Stay = append(p.Stay, Staying{refOf(r), reason})
			p.stays[refOf(r)] = true
			continue
		}
		p.Count++
	}
	for range source.Listed() {
		p.Count++
	}
	return p
}

func refOf(r domains.Record) edits.Ref { return edits.Ref{Kind: edits.Kind(r.Kind), Name: r.Name} }

// Records yields what moves, as a database has it: profiles, domains with a table, and domains of lists.
func (p *Plan) Records() iter.Seq2[edits.Ref, edits.Values] {
	return func(yield func(edits.Ref, edits.Values) bool) {
		for r := range p.source.Records() {
			if !p.stays[refOf(r)] && !yield(refOf(r), inDatabase(r)) {
				return
			}
		}
		for r := range p.source.Listed() {
			if !yield(refOf(r), inDatabase(r)) {
				return
			}
		}
	}
}

// Tables are edits that take the tables of what moves out of the files. Names of lists all move.
func (p *Plan) Tables() []edits.Edit {
	var list []edits.Edit
	for r := range p.source.Records() {
		if !p.stays[refOf(r)] {
			list = append(list, edits.Edit{Ref: refOf(r), If: edits.Any, Action: Action})
		}
	}
	return list
}

// needsFile says which key of a record names a file, which a database does not have; empty if none does.
func needsFile(values map[string]any) string {
	if _, has := values["logo"]; has {
		return "its logo is a file"
	}
	rules, _ := values["rules"].([]any)
	for _, rule := range rules {
		rule, _ := rule.(map[string]any)
		for _, key := range []string{"users_file", "logo"} {
			if _, has := rule[key]; has {
				return fmt.Sprintf("the key %s of a rule names a file", key)
			}
		}
	}
	return ""
}

// profilesOf returns the profiles that a record inherits from.
func profilesOf(r domains.Record) []string {
	var names []string
	add := func(v any) {
		if name, ok := v.(string); ok && name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if r.Listed != nil {
		add(r.Listed.Profile)
	}
	add(r.Values["profile"])
	rules, _ := r.Values["rules"].([]any)
	for _, rule := range rules {
		if rule, ok := rule.(map[string]any); ok {
			add(rule["profile"])
		}
	}
	return names
}

// inDatabase returns the values that a record has in a database, which keeps no lists: each domain names its profile.
func inDatabase(r domains.Record) edits.Values {
	values := edits.Values(maps.Clone(r.Values))
	if values == nil {
		values = edits.Values{}
	}
	if r.Kind == domains.ProfileRecord {
		delete(values, "domains")
		delete(values, "domains_file")
	}
	if _, own := values["profile"]; !own && r.Listed != nil {
		values["profile"] = r.Listed.Profile
	}
	return values
}
