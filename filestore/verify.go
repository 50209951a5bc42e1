package filestore

import (
	"fmt"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/spelling"
)

// withoutSettings refuses changes that leave domains without settings. A server would skip these as left over from a list, with a warning.
func withoutSettings(after view, list []edits.Edit) error {
	var problems domains.Problems
	for _, e := range list {
		if r, ok := after.Record(domains.RecordKind(e.Kind), e.Name); ok && e.Values != nil && r.LeftOver {
			problems = append(problems, domains.Problem{Position: r.Position, Key: "domains." + edits.SpellValue(e.Name), Text: "has no settings; add imap and smtp, or a profile"})
		}
	}
	if problems != nil {
		return problems
	}
	return nil
}

// verify checks that the edited records have become what was asked for, and that nothing else has changed: all other records and tables are the same
// octets below the same headers.
func verify(before, after view, list []edits.Edit, lists []emptied) error {
	edited := make(map[tablePath]bool, len(list))
	listed := 0 // how many more names the lists should have
	for _, e := range list {
		was, existed := before.get(e.Ref)
		r, exists := after.get(e.Ref)
		if exists != (e.Values != nil) || exists && (!r.Values.Equal(e.Values) || r.List != e.List) {
			return fmt.Errorf("%s would not be what was asked for: %w", e.Ref, edits.ErrUnsafe)
		}
		listed += onlyListed(r, exists) - onlyListed(was, existed)
		edited[tablePath{string(e.Kind) + "s", e.Name}] = true
	}
	for _, e := range lists {
		listed -= e.names
	}
	if err := verifyOthers(before, after, edited); err != nil {
		return err
	}
	return verifyLists(before, after, list, lists, listed)
}

// verifyOthers compares the tables that are not edited.
func verifyOthers(before, after view, edited map[tablePath]bool) error {
	for file, old := range before.layouts {
		now := after.layouts[file]
		if !now.rest.same(&old.rest) {
			return fmt.Errorf("other tables of %s would change: %w", file, edits.ErrUnsafe)
		}
		unchanged := 0
		for path, was := range old.records {
			if edited[path.plain()] {
				continue
			}
			unchanged++
			if is := now.records[path]; (is == nil || !is.same(was)) && !sameProfile(before, after, path) {
				return fmt.Errorf("%s %s would change as well: %w", path.table, path.name, edits.ErrUnsafe)
			}
		}
		for path := range now.records {
			if !edited[path.plain()] {
				unchanged--
			}
		}
		if unchanged != 0 {
			return fmt.Errorf("other tables would appear in %s: %w", file, edits.ErrUnsafe)
		}
	}
	return nil
}

// plain returns the path with the name of the record.
func (p tablePath) plain() tablePath {
	if p.table == "domains" {
		p.name = plainName(p.name)
	}
	return p
}

// sameProfile reports whether a profile has changed only in the list of its names.
func sameProfile(before, after view, path tablePath) bool {
	if path.table != "profiles" {
		return false
	}
	ref := edits.Ref{Kind: edits.Profile, Name: path.name}
	was, existed := before.get(ref)
	now, exists := after.get(ref)
	return existed && exists && was.Values.Equal(now.Values)
}

func onlyListed(r edits.Record, exists bool) int {
	if exists && r.ManagedBy == edits.ByList {
		return 1
	}
	return 0
}

// verifyLists checks that the lists have gained as many names as they should. A profile that gets another list is meant to change them.
func verifyLists(before, after view, list []edits.Edit, lists []emptied, gained int) error {
	was, is := before.countListed(), after.countListed()
	leaving := before.countLeaving(list)
	for _, e := range lists {
		leaving[e.profile.Name] += e.names
	}
	var problems domains.Problems
	moved := false
	for _, e := range list {
		r, ok := before.get(e.Ref)
		if e.Kind != edits.Profile || !ok {
			continue
		}
		if e.Values["domains_file"] != nil && e.Values["domains_file"] != r.Values["domains_file"] {
			moved = true
			continue
		}
		names := was[e.Name] - leaving[e.Name]
		if names > 0 && is[e.Name] == 0 && (e.Values == nil || r.Values["domains_file"] != nil && e.Values["domains_file"] == nil) {
			problems = append(problems, domains.Problem{Position: r.Where, Key: "profiles." + edits.SpellValue(e.Name),
				Text: fmt.Sprintf("its list has %s; remove them first, or put them into another list", spelling.Count(names, "domain"))})
		}
	}
	if problems != nil {
		return problems
	}
	if got := sum(is) - sum(was); got != gained && !moved {
		return fmt.Errorf("other names of lists would change: %w", edits.ErrUnsafe)
	}
	return nil
}

// countListed counts, by profile, the names that only a list has.
func (v view) countListed() map[string]int {
	n := make(map[string]int)
	for r := range v.Listed() {
		n[r.Listed.Profile]++
	}
	return n
}

func sum(counts map[string]int) (n int) {
	for _, count := range counts {
		n += count
	}
	return n
}

// countLeaving counts, by profile, the names that a change set takes out of the profile's list.
func (v view) countLeaving(list []edits.Edit) map[string]int {
	n := make(map[string]int)
	for _, e := range list {
		if r, ok := v.get(e.Ref); ok && r.ManagedBy == edits.ByList && (e.Values == nil || e.List != r.List) {
			n[r.List]++
		}
	}
	return n
}
