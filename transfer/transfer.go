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
	"maps"
	"slices"

	"mailhint/edits"
)

// Plan says what moves from files into a database.
type Plan struct {
	// Put are the records for the database.
	Put []edits.Edit
	// Remove takes the same out of the files.
	Remove []edits.Edit
	// Stay are the records that only files can have, or that what stays needs.
	Stay []Staying
}

// Staying is a record that stays in the files, and why.
type Staying struct {
	edits.Ref
	Reason string
}

// NewPlan decides what becomes of all records of the files. fallback is the profile of [fallback], which stays; empty for none.
func NewPlan(records []edits.Wanted, fallback string) Plan {
	stay := make(map[edits.Ref]string)
	if fallback != "" {
		stay[edits.Ref{Kind: edits.Profile, Name: fallback}] = "[fallback] uses it"
	}
	for _, r := range records {
		reason := needsFile(r.Values)
		if reason == "" {
			continue
		}
		stay[r.Ref] = reason
	}
	for _, r := range records { // what stays keeps its profiles
		if _, stays := stay[r.Ref]; !stays || r.Kind != edits.Domain {
			continue
		}
		for _, profile := range profilesOf(r) {
			ref := edits.Ref{Kind: edits.Profile, Name: profile}
			if _, already := stay[ref]; !already {
				stay[ref] = r.Name + ", which stays, uses it"
			}
		}
	}
	var p Plan
	for _, r := range records {
		if reason, stays := stay[r.Ref]; stays {
			p.Stay = append(p.Stay, Staying{r.Ref, reason})
			continue
		}
		p.Put = append(p.Put, edits.Edit{Ref: r.Ref, If: edits.Absent, Action: "import", Values: inDatabase(r)})
		p.Remove = append(p.Remove, edits.Edit{Ref: r.Ref, If: edits.Any, Action: "import"})
	}
	return p
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
func profilesOf(r edits.Wanted) []string {
	var names []string
	add := func(v any) {
		if name, ok := v.(string); ok && name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	add(r.List)
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
func inDatabase(r edits.Wanted) edits.Values {
	values := edits.Values(maps.Clone(r.Values))
	if values == nil {
		values = edits.Values{}
	}
	if _, own := values["profile"]; r.Kind == edits.Domain && r.List != "" && !own {
		values["profile"] = r.List
	}
	if r.Kind == edits.Profile {
		delete(values, "domains_file")
	}
	return values
}
