package filestore

import (
	"cmp"
	"slices"
	"strings"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/settings"
)

// list is Store.List.
func (v view) list(q edits.Query) edits.Page {
	if q.Kind == "" {
		q.Kind = edits.Domain
	}
	var found []domains.Record
	matches := matcher(q)
	for r := range v.Records() {
		if matches(r) {
			found = append(found, r)
		}
	}
	if q.Kind == edits.Domain && q.ManagedBy != edits.ByFile {
		for r := range v.Listed() {
			if matches(r) {
				found = append(found, r)
			}
		}
	}
	slices.SortFunc(found, func(a, b domains.Record) int { return cmp.Compare(a.Name, b.Name) })
	page := edits.Page{Total: len(found)}
	first, _ := slices.BinarySearchFunc(found, q.After, func(r domains.Record, after string) int {
		if r.Name <= after {
			return -1
		}
		return 1
	})
	found = found[first:]
	if q.Limit > 0 && len(found) > q.Limit {
		found, page.More = found[:q.Limit], true
	}
	page.Records = slices.Grow(page.Records, len(found))
	for _, r := range found {
		page.Records = append(page.Records, v.record(r))
	}
	return page
}

// matcher returns what selects the records of a query.
func matcher(q edits.Query) func(domains.Record) bool {
	search := strings.ToLower(q.Search)
	searches := []string{search}
	if d, err := settings.ParseDomain(search); err == nil && string(d) != search {
		searches = append(searches, string(d))
	}
	has := func(name string) bool {
		return slices.ContainsFunc(searches, func(text string) bool { return strings.Contains(name, text) })
	}
	return func(r domains.Record) bool {
		managed := edits.ByFile
		if r.Path == nil {
			managed = edits.ByList
		}
		switch {
		case refOf(r).Kind != q.Kind, q.Profile != "" && r.Profile != q.Profile, q.ManagedBy != "" && managed != q.ManagedBy:
			return false
		case q.Among != nil && !q.Among.Has(edits.Record{Ref: refOf(r), Values: r.Values, Profile: r.Profile}):
			return false
		case search == "" || has(strings.ToLower(r.Name)) || strings.Contains(r.Name, "xn--") && has(strings.ToLower(settings.Domain(r.Name).Unicode())):
			return true
		}
		return slices.ContainsFunc(r.Aliases, func(d settings.Domain) bool { return has(string(d)) || has(strings.ToLower(d.Unicode())) })
	}
}
