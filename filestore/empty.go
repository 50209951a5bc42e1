package filestore

import (
	"context"
	"errors"
	"slices"

	"mailhint/domains"
	"mailhint/edits"
)

// changeSet is a change set that may also take all names out of all lists.
type changeSet struct {
	edits.ChangeSet
	emptied string         // the action of the names that lists lose; empty if they stay
	read    []domains.Text // the files that the names were read from
}

// ErrFilesChanged means that the files are not those that were read before. Nothing was changed.
var ErrFilesChanged = errors.New("the files have changed while they were being imported")

// Empty is Apply that also takes every name out of the lists of all profiles, for a move to another store. Names with a table that stays keep their place. A list that loses
// more than a hundred names gets one change in the history, which summarises them and cannot be undone: a million would push everything else
// out of it. The Result has no Diff. read are the files that were copied to the other store: the error is ErrFilesChanged if those with records differ
// now, so that no record is lost that was added since.
func (s *Store) Empty(ctx context.Context, set edits.ChangeSet, action string, read []domains.Text) (edits.Result, error) {
	own, err := checked(set)
	if err != nil {
		return edits.Result{}, err
	}
	return s.applySet(ctx, changeSet{own, action, withRecords(read)})
}

// withRecords returns the files that have records.
func withRecords(files []domains.Text) []domains.Text {
	return slices.DeleteFunc(slices.Clone(files), func(f domains.Text) bool { return f.Role == domains.UsersFile || f.Role == domains.LogoFile })
}

// emptied is a list that loses so many names that they are not recorded one by one.
type emptied struct {
	profile edits.Ref
	action  string
	file    string   // the domains_file or, for the key domains, the file of the profile
	names   int      // how many only the list has
	some    []string // the first of them
}

// emptying returns the edits of a set, with one for each name of a short list that is emptied. Long lists go into the work.
func (set changeSet) emptying(w *work) []edits.Edit {
	if set.emptied == "" {
		return set.Edits
	}
	list := slices.Clone(set.Edits)
	for _, profile := range w.before.profilesWithLists() {
		first := &first{limit: recordedNames + 1}
		e := emptied{profile: edits.Ref{Kind: edits.Profile, Name: profile}, action: set.emptied}
		for r := range w.before.Listed() {
			if r.Listed.Profile == profile {
				e.names++
				first.add(r)
			}
		}
		first.cut(recordedNames + 1)
		for i, r := range first.records {
			if e.names <= recordedNames {
				list = append(list, edits.Edit{Ref: refOf(r), If: edits.Any, Action: set.emptied})
			} else if i < shownNames {
				e.some = append(e.some, r.Name)
			}
		}
		if e.names > recordedNames {
			e.file = first.records[0].File
			if file, ok := w.before.domainsFile(profile); ok {
				e.file = file
			}
			w.emptied = append(w.emptied, e)
		}
	}
	return list
}

// profilesWithLists returns the profiles whose lists have names.
func (v view) profilesWithLists() []string {
	var names []string
	for r := range v.Records() {
		if r.Kind != domains.ProfileRecord {
			continue
		}
		_, hasFile := v.domainsFile(r.Name)
		if _, hasNames := r.Values["domains"]; hasFile || hasNames {
			names = append(names, r.Name)
		}
	}
	return names
}

// empty plans that lists lose their names, except for those of tables that stay.
func (p *planner) empty(lists []emptied, list []edits.Edit) {
	if lists == nil {
		return
	}
	keep := make(map[string]bool)
	for r := range p.Source.Records() {
		if r.Listed != nil {
			keep[r.Name] = true
		}
	}
	for _, e := range list {
		if e.Values == nil {
			delete(keep, e.Name)
		}
	}
	goes := func(name string) bool { return !keep[name] }
	for _, e := range lists {
		if file, ok := p.domainsFile(e.profile.Name); ok {
			p.list(file).goes = goes
		}
		if r, ok := p.Source.Record(domains.ProfileRecord, e.profile.Name); ok && r.Values["domains"] != nil {
			p.inlineOf(e.profile.Name).goes = goes
		}
	}
}
