package filestore

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"mailhint/domains"
	"mailhint/edits"
)

// comparison finds out what has been changed by hand.
type comparison struct {
	key           func(file string) string
	before, after side
	refs          map[edits.Ref]string // records that may have changed, and the file that says so
	summaries     []entry
}

// side is the configuration before or after.
type side struct {
	files   []domains.Text
	tables  map[edits.Ref]table
	listing map[string]listedAt // by name: of the names that may have changed
}

// table is a record as a file has it.
type table struct {
	domains.Record
	file        domains.Text
	layout      *layout
	fingerprint string
}

// listedAt is where a list has a name.
type listedAt struct{ profile, file, line string }

// readTables reads the tables, and notes those that differ.
func (c *comparison) readTables() {
	c.refs = make(map[edits.Ref]string)
	known := make(map[string]map[edits.Ref]table) // by file and content
	c.before.tables, c.after.tables = tablesOf(c.before.files, known), tablesOf(c.after.files, known)
	for ref, t := range c.before.tables {
		if now, ok := c.after.tables[ref]; !ok {
			c.refs[ref] = t.file.Name
		} else if now.fingerprint != t.fingerprint {
			c.refs[ref] = now.file.Name
		}
	}
	for ref, t := range c.after.tables {
		if _, ok := c.before.tables[ref]; !ok {
			c.refs[ref] = t.file.Name
		}
	}
}

// tablesOf reads the tables of files. Those that are already known are not read again.
func tablesOf(files []domains.Text, known map[string]map[edits.Ref]table) map[edits.Ref]table {
	all := make(map[edits.Ref]table)
	for _, f := range files {
		if f.Role == domains.DomainsFile || !inHistory(f.Role) {
			continue
		}
		id := hashOf(f.Content) + f.Name
		if known[id] == nil {
			known[id] = make(map[edits.Ref]table)
			l := layoutOf(f.Content)
			records, _ := domains.ReadRecords(f.Name, f.Content) // the whole has been checked
			for _, r := range records {
				known[id][refOf(r)] = table{r, f, &l, l.records[tablePath{r.Path[0], r.Path[1]}].fingerprint()}
			}
		}
		maps.Copy(all, known[id])
	}
	return all
}

// compareLists compares the names of all lists, and notes those that differ.
func (c *comparison) compareLists() {
	type pair struct{ old, now domains.Text }
	pairs := make(map[string]pair) // by file
	for _, f := range c.before.files {
		if f.Role == domains.DomainsFile {
			pairs[f.Name] = pair{old: f}
		}
	}
	for _, f := range c.after.files {
		if f.Role == domains.DomainsFile {
			pairs[f.Name] = pair{pairs[f.Name].old, f}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		p := pairs[name]
		if p.old.Content != p.now.Content || p.old.Profile != p.now.Profile {
			removed, added := changedNames(p.old.Content, p.now.Content, p.old.Profile != p.now.Profile)
			c.note(cmp.Or(p.now.Profile, p.old.Profile), name, removed, added)
		}
	}
	for ref := range c.refs {
		if ref.Kind == edits.Profile {
			removed, added := difference(inlineNamesOf(c.before.tables[ref]), inlineNamesOf(c.after.tables[ref]))
			c.note(ref.Name, c.refs[ref], removed, added)
		}
	}
	names := make(map[string]bool)
	for ref := range c.refs {
		if ref.Kind == edits.Domain {
			names[ref.Name] = true
		}
	}
	c.before.locate(names)
	c.after.locate(names)
}

// note notes names that a list has lost or gained, or summarises them.
func (c *comparison) note(profile, file string, removed, added []string) {
	if len(removed)+len(added) > recordedNames {
		c.summaries = append(c.summaries, entry{Change: edits.Change{Ref: edits.Ref{Kind: edits.Profile, Name: profile}, Summary: &edits.ListSummary{
			File: c.key(file), Added: len(added), Removed: len(removed),
			SomeAdded: added[:min(len(added), shownNames)], SomeRemoved: removed[:min(len(removed), shownNames)],
		}}})
		return
	}
	for _, name := range slices.Concat(removed, added) {
		if ref := (edits.Ref{Kind: edits.Domain, Name: name}); c.refs[ref] == "" {
			c.refs[ref] = file
		}
	}
}

func inlineNamesOf(t table) []string {
	list, _ := t.Values["domains"].([]any)
	if one, ok := t.Values["domains"].(string); ok {
		list = []any{one}
	}
	var names []string
	for _, v := range list {
		if name, ok := v.(string); ok {
			names = append(names, plainName(name))
		}
	}
	return names
}

// difference returns what only one of two lists has.
func difference(old, now []string) (removed, added []string) {
	only := func(list, other []string) (found []string) {
		known := make(map[string]bool, len(other))
		for _, name := range other {
			known[name] = true
		}
		for _, name := range list {
			if !known[name] {
				known[name] = true
				found = append(found, name)
			}
		}
		return found
	}
	return only(old, now), only(now, old)
}

// changedNames returns the names that only one of two texts of a list has. Names that have moved to another list count as removed and added.
func changedNames(old, now string, moved bool) (removed, added []string) {
	if !moved {
		old, now = trimCommon(old, now)
	}
	return difference(namesIn(old), namesIn(now))
}

// trimCommon cuts off the lines that two texts have in common at their beginnings and ends: most changes of a long list are short.
func trimCommon(a, b string) (string, string) {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	n = strings.LastIndexByte(a[:n], '\n') + 1
	a, b = a[n:], b[n:]
	m := 0
	for m < len(a) && m < len(b) && a[len(a)-1-m] == b[len(b)-1-m] {
		m++
	}
	for m > 0 && (m < len(a) && a[len(a)-m-1] != '\n' || m < len(b) && b[len(b)-m-1] != '\n') {
		i := strings.IndexByte(a[len(a)-m:], '\n')
		if i < 0 {
			m = 0
			break
		}
		m -= i + 1
	}
	return a[:len(a)-m], b[:len(b)-m]
}

// namesIn returns the domains of a list.
func namesIn(text string) []string {
	var names []string
	for line := range strings.Lines(strings.TrimPrefix(text, "\uFEFF")) {
		if name, ok := nameOf(line); ok {
			names = append(names, name)
		}
	}
	return names
}

// locate finds out which lists have names.
func (s *side) locate(names map[string]bool) {
	s.listing = make(map[string]listedAt)
	if len(names) == 0 {
		return
	}
	for _, f := range s.files {
		if f.Role != domains.DomainsFile {
			continue
		}
		for line := range strings.Lines(strings.TrimPrefix(f.Content, "\uFEFF")) {
			if name, ok := nameOn(line, names); ok && s.listing[name] == (listedAt{}) {
				s.listing[name] = listedAt{f.Profile, f.Name, strings.TrimRight(line, "\r\n")}
			}
		}
	}
	for ref, t := range s.tables {
		if ref.Kind != edits.Profile {
			continue
		}
		for _, name := range inlineNamesOf(t) {
			if names[name] && s.listing[name] == (listedAt{}) {
				s.listing[name] = listedAt{ref.Name, t.file.Name, ""}
			}
		}
	}
}

// state returns a record on one side; nil if it does not exist.
func (s *side) state(ref edits.Ref, key func(string) string) *edits.State {
	t, ok := s.tables[ref]
	at := s.listing[ref.Name]
	if ref.Kind == edits.Profile {
		at = listedAt{}
	}
	if !ok && at.profile == "" {
		return nil
	}
	st := &edits.State{Values: edits.Values{}, ManagedBy: edits.ByList, Profile: at.profile, List: at.profile, Text: at.line, File: key(at.file)}
	if ok {
		st.Values, st.ManagedBy, st.File = edits.Values(maps.Clone(t.Values)), edits.ByFile, key(t.file.Name)
		st.Profile = cmp.Or(t.Profile, at.profile)
		st.Text = t.layout.textOf(t.Path)
	}
	if ref.Kind == edits.Profile {
		st.Profile = ""
		delete(st.Values, "domains")
	}
	st.Revision = revision(ref, st.List, ok, t.fingerprint)
	return st
}

// entries returns the changes.
func (c *comparison) entries(fileOf func(key string) string) []entry {
	list, now := c.summaries, time.Now()
	for ref := range c.refs {
		list = append(list, entry{Change: edits.Change{Ref: ref}})
	}
	slices.SortStableFunc(list, func(a, b entry) int {
		return cmp.Or(-cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	var changes []entry
	for _, e := range list {
		e.Before, e.After = c.before.state(e.Ref, c.key), c.after.state(e.Ref, c.key)
		if e.Summary == nil && revisionOf(e.Before) == revisionOf(e.After) {
			continue
		}
		file := c.refs[e.Ref]
		if e.Summary != nil {
			file = fileOf(e.Summary.File)
		}
		e.Actor, e.Time, e.Via, e.Action = writerOf(file), now, edits.ByHand, action(e)
		changes = append(changes, e)
	}
	return changes
}

func action(e entry) string {
	switch {
	case e.Summary == nil && e.Before == nil:
		return edits.ActionAdd
	case e.Summary == nil && e.After == nil:
		return edits.ActionRemove
	}
	return edits.ActionSet
}
