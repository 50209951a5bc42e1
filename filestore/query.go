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
	var page edits.Page
	found := &first{limit: q.Limit}
	matches := matcher(q)
	take := func(r domains.Record) {
		if matches(r) {
			if page.Total++; r.Name > q.After {
				found.add(r)
			}
		}
	}
	for r := range v.Records() {
		take(r)
	}
	if q.Kind == edits.Domain && q.ManagedBy != edits.ByFile {
		for r := range v.Listed() {
			take(r)
		}
	}
	found.cut(q.Limit)
	page.More = found.more
	page.Records = slices.Grow(page.Records, len(found.records))
	for _, r := range found.records {
		page.Records = append(page.Records, v.record(r))
	}
	return page
}

// first keeps the first records by name, so that a page out of many need not sort them all.
type first struct {
	limit   int // 0 for no limit
	records []domains.Record
	last    string // records after this name are not among the first; empty if that is not known yet
	more    bool   // there are others
}

func (f *first) add(r domains.Record) {
	if f.last != "" && r.Name > f.last {
		f.more = true
		return
	}
	f.records = append(f.records, r)
	if enough := 4*f.limit + 1000; f.limit > 0 && len(f.records) > enough {
		f.cut(f.limit)
		f.last = f.records[f.limit-1].Name
	}
}

// cut sorts the records and drops those after the first ones.
func (f *first) cut(limit int) {
	order := make([]*domains.Record, len(f.records)) // a record is large, and would be moved many times
	for i := range f.records {
		order[i] = &f.records[i]
	}
	slices.SortFunc(order, func(a, b *domains.Record) int { return cmp.Compare(a.Name, b.Name) })
	if limit > 0 && len(order) > limit {
		order, f.more = order[:limit], true
	}
	sorted := make([]domains.Record, len(order))
	for i, r := range order {
		sorted[i] = *r
	}
	f.records = sorted
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
