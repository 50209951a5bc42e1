package filestore

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/settings"
	"mailhint/tomledit"
)

// restoration is how to put something back where it was, octet for octet.
type restoration struct {
	// File is where, as State.File.
	File string `json:"file"`
	// Undo is for a file of TOML.
	Undo *tomledit.Undo `json:"undo,omitempty"`
	// Line is the line of a list that was removed, and Above and Below are those that it was between.
	Line  string `json:"line,omitempty"`
	Above string `json:"above,omitempty"`
	Below string `json:"below,omitempty"`
	// End is how the lines of the list ended, and Open is true if this one had no end.
	End  string `json:"end,omitempty"`
	Open bool   `json:"open,omitempty"`
}

// lineOf is how to put a line back.
func lineOf(file string, l listLine) restoration {
	return restoration{File: file, Line: l.text, Above: l.above, Below: l.below, End: l.nl, Open: l.open}
}

// planner turns edits into new texts. It knows nothing of locks and disks.
type planner struct {
	view
	texts    map[string]string // of the files that change, by name
	lists    map[string]*listChange
	inline   map[string]*inlineChange // by profile
	restores map[edits.Ref][]restoration
	problems domains.Problems
	// past returns the changes of a record from a number on, the newest first, for undo.
	past func(ref edits.Ref, from int64) ([]entry, error)
}

func newPlanner(v view, past func(edits.Ref, int64) ([]entry, error)) *planner {
	return &planner{view: v, texts: make(map[string]string), lists: make(map[string]*listChange), inline: make(map[string]*inlineChange), restores: make(map[edits.Ref][]restoration), past: past}
}

// plan changes the texts. The edits have been checked against the revisions, and each of them changes something.
func (p *planner) plan(list []edits.Edit) error {
	list = slices.DeleteFunc(slices.Clone(list), func(e edits.Edit) bool { return e.Undoes > 0 && p.revert(e) })
	rest, err := p.bulk(list)
	if err != nil {
		return err
	}
	for _, e := range rest {
		now, exists := p.find(e.Ref)
		if err := p.editTable(e, now, exists && now.Path != nil); err != nil {
			return err
		}
	}
	for _, e := range list {
		if e.Kind == edits.Profile {
			p.checkProfile(e)
			continue
		}
		now, _ := p.find(e.Ref)
		p.editList(e, now.Listed)
	}
	return p.writeLists()
}

// writeLists changes the lists, each once.
func (p *planner) writeLists() error {
	for _, file := range slices.Sorted(maps.Keys(p.lists)) {
		c := p.lists[file]
		for name, lines := range linesOf(p.text(file), c.remove) {
			ref := edits.Ref{Kind: edits.Domain, Name: name}
			for _, line := range lines {
				p.restores[ref] = append(p.restores[ref], lineOf(p.key(file), line))
			}
		}
		p.texts[file] = c.apply(p.text(file))
	}
	for _, profile := range slices.Sorted(maps.Keys(p.inline)) {
		if err := p.writeInline(profile, p.inline[profile]); err != nil {
			return err
		}
	}
	if p.problems != nil {
		return p.problems
	}
	return nil
}

// text returns a file as it is planned.
func (p *planner) text(file string) string {
	if text, ok := p.texts[file]; ok {
		return text
	}
	f, _ := p.File(file)
	return f.Content
}

// checkProfile refuses what would change other records as well.
func (p *planner) checkProfile(e edits.Edit) {
	if _, has := e.Values["domains"]; has {
		p.note(e.Ref, "domains", "the list of a profile is changed one domain at a time")
	}
}

// note adds a problem about a record.
func (p *planner) note(ref edits.Ref, key, text string) {
	path := string(ref.Kind) + "s." + edits.SpellValue(ref.Name)
	if key != "" {
		path += "." + key
	}
	p.problems = append(p.problems, domains.Problem{Position: domains.Position{File: p.Files[0].Name}, Key: path, Text: text})
}

// editTable plans what becomes of the table of a record.
func (p *planner) editTable(e edits.Edit, now domains.Record, has bool) error {
	wanted := wantsTable(e)
	switch {
	case has && !wanted:
		return p.change(e.Ref, now.File, func(text []byte) (tomledit.Result, error) { return tomledit.Remove(text, now.Path) })
	case has && e.Text != "":
		return p.change(e.Ref, now.File, func(text []byte) (tomledit.Result, error) {
			return tomledit.Replace(text, now.Path, []byte(e.Text))
		})
	case has:
		return p.change(e.Ref, now.File, func(text []byte) (tomledit.Result, error) {
			return tomledit.Set(text, now.Path, p.members(e, now.Values))
		})
	case wanted:
		file := p.fileFor(e)
		path := pathOf(e)
		return p.change(e.Ref, file, func(text []byte) (tomledit.Result, error) {
			added, err := tomledit.Add(text, path, p.members(e, nil), p.siblings(file, path)...)
			if err != nil || e.Text == "" {
				return added, err
			}
			written, err := tomledit.Replace(added.Text, path, []byte(e.Text))
			if errors.Is(err, tomledit.ErrOutside) && !strings.HasPrefix(strings.TrimLeft(withoutComments(e.Text), " \t\r\n"), "[") {
				return added, nil // it was written without a header, in a place that no longer is
			}
			return written, err
		})
	}
	return nil
}

// wantsTable reports whether a record is to have a table, rather than nothing or only a line of a list.
func wantsTable(e edits.Edit) bool { return e.Values != nil && (len(e.Values) > 0 || e.List == "") }

// withoutComments removes the comment lines at the beginning.
func withoutComments(text string) string {
	for line := range strings.Lines(text) {
		if plain := strings.TrimSpace(line); plain != "" && plain[0] != '#' {
			break
		}
		text = text[len(line):]
	}
	return text
}

// change changes a file of TOML, and remembers how to take that back.
func (p *planner) change(ref edits.Ref, file string, change func([]byte) (tomledit.Result, error)) error {
	result, err := change([]byte(p.text(file)))
	if err != nil {
		return &fileError{file, err}
	}
	if undo := result.Undo; len(undo.Hunks) > 0 {
		p.texts[file] = string(result.Text)
		p.restores[ref] = append(p.restores[ref], restoration{File: p.key(file), Undo: &undo})
	}
	return nil
}

// fileError is an error about a file that cannot be edited.
type fileError struct {
	file string
	err  error
}

func (e *fileError) Error() string { return e.file + ": " + e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// members returns the keys that differ from the values before, in their usual order.
func (p *planner) members(e edits.Edit, before map[string]any) []tomledit.Member {
	var list []tomledit.Member
	done := make(map[string]bool)
	add := func(key string) {
		value, ok := e.Values[key]
		old, had := before[key]
		if done[key] || ok == had && reflect.DeepEqual(value, old) || key == "domains" && e.Kind == edits.Profile {
			return
		}
		done[key] = true
		list = append(list, tomledit.Member{Key: key, Value: value})
	}
	for _, key := range edits.Keys(e.Kind) {
		add(key.Name)
	}
	for _, key := range slices.Sorted(maps.Keys(e.Values)) {
		add(key)
	}
	for _, key := range slices.Sorted(maps.Keys(before)) {
		add(key)
	}
	return list
}

// pathOf returns the path of a new table: as its text spells it, or with the name of the record.
func pathOf(e edits.Edit) []string {
	table := string(e.Kind) + "s"
	var root map[string]any
	if _, err := toml.Decode(e.Text, &root); e.Text != "" && err == nil {
		tables, ok := root[table].(map[string]any)
		if !ok {
			tables = root
		}
		for name := range tables {
			if e.Kind == edits.Profile && name == e.Name || e.Kind == edits.Domain && plainName(name) == e.Name {
				return []string{table, name}
			}
		}
	}
	return []string{table, e.Name}
}

// plainName returns a name of a domain or wildcard in lower case and A-labels.
func plainName(name string) string {
	base, wild := strings.CutPrefix(name, "*.")
	d, err := settings.ParseDomain(base)
	if err != nil {
		return name
	}
	if wild {
		return "*." + string(d)
	}
	return string(d)
}

// fileFor returns the file that a new table goes to: where the edit wants it; else the main file, unless only included files have tables of its
// kind: then the last of them.
func (p *planner) fileFor(e edits.Edit) string {
	table, file := string(e.Kind)+"s", p.Files[0].Name
	for _, f := range p.Files {
		l, ok := p.layouts[f.Name]
		if !ok {
			continue
		}
		if e.File != "" && p.key(f.Name) == e.File {
			return f.Name
		}
		if slices.ContainsFunc(l.order, func(t tablePath) bool { return t.table == table }) {
			file = f.Name
			if f.Role == domains.MainFile && e.File == "" {
				return file
			}
		}
	}
	return file
}

// siblings returns the table that a new one should follow, if the tables of a file are in the order of their names.
func (p *planner) siblings(file string, path []string) []string {
	before, last := "", ""
	for _, t := range p.layouts[file].order {
		if t.table != path[0] {
			continue
		}
		if t.name < last {
			return nil
		}
		if last = t.name; t.name < path[1] {
			before = t.name
		}
	}
	if before == "" {
		return nil
	}
	return []string{before}
}

// editList plans what becomes of the line of a domain in a list.
func (p *planner) editList(e edits.Edit, now *domains.Listing) {
	wanted := e.List
	if e.Values == nil {
		wanted = ""
	}
	if now != nil && now.Profile == wanted {
		return
	}
	if now != nil {
		p.removeFromList(e.Ref, now.Profile)
	}
	if wanted != "" {
		p.addToList(e, wanted)
	}
}

func (p *planner) list(file string) *listChange {
	if p.lists[file] == nil {
		p.lists[file] = &listChange{remove: make(map[string]bool)}
	}
	return p.lists[file]
}

// inlineChange is what becomes of the key domains of a profile.
type inlineChange struct {
	remove map[string]bool
	add    []any
	refs   []edits.Ref
}

func (p *planner) inlineList(ref edits.Ref, profile string) *inlineChange {
	if p.inline[profile] == nil {
		p.inline[profile] = &inlineChange{remove: make(map[string]bool)}
	}
	p.inline[profile].refs = append(p.inline[profile].refs, ref)
	return p.inline[profile]
}

// removeFromList removes a domain from the lists of a profile, which may have it in both.
func (p *planner) removeFromList(ref edits.Ref, profile string) {
	if file, ok := p.domainsFile(profile); ok {
		p.list(file).remove[ref.Name] = true
	}
	if r, ok := p.Source.Record(domains.ProfileRecord, profile); ok && r.Values["domains"] != nil {
		p.inlineList(ref, profile).remove[ref.Name] = true
	}
}

func (p *planner) addToList(e edits.Edit, profile string) {
	file, ok := p.domainsFile(profile)
	if !ok {
		c := p.inlineList(e.Ref, profile)
		c.add = append(c.add, e.Name)
		return
	}
	line := listLine{text: e.Name}
	if name, ok := nameOn(e.Text, map[string]bool{e.Name: true}); ok && name == e.Name && !strings.ContainsAny(e.Text, "\r\n") {
		line.text = e.Text
	}
	p.list(file).add = append(p.list(file).add, line)
	p.restores[e.Ref] = append(p.restores[e.Ref], restoration{File: p.key(file)})
}

// domainsFile returns the file with the list of a profile.
func (p *planner) domainsFile(profile string) (string, bool) {
	for _, f := range p.Files {
		if f.Role == domains.DomainsFile && f.Profile == profile {
			return f.Name, true
		}
	}
	return "", false
}

// writeInline changes the key domains of a profile.
func (p *planner) writeInline(profile string, c *inlineChange) error {
	r, ok := p.Source.Record(domains.ProfileRecord, profile)
	if !ok {
		for _, ref := range c.refs {
			p.note(ref, "", fmt.Sprintf("there is no profile %q for its list", profile))
		}
		return p.problems
	}
	ref := edits.Ref{Kind: edits.Profile, Name: profile}
	if len(c.refs) == 1 {
		ref = c.refs[0] // can be put back as it was
	}
	return p.change(ref, r.File, func(text []byte) (tomledit.Result, error) {
		names, err := inlineNames(text, r.Path)
		if errors.Is(err, tomledit.ErrNotFound) {
			return tomledit.Result{Text: text}, nil // the profile is removed with its list
		}
		if err != nil {
			return tomledit.Result{}, err
		}
		names = slices.DeleteFunc(names, func(v any) bool {
			name, _ := v.(string)
			return c.remove[plainName(name)]
		})
		value := any(append(names, c.add...))
		if len(names)+len(c.add) == 0 {
			value = nil
		}
		return tomledit.Set(text, r.Path, []tomledit.Member{{Key: "domains", Value: value}})
	})
}

// inlineNames returns the key domains of a profile.
func inlineNames(text []byte, path []string) ([]any, error) {
	entry, err := tomledit.Extract(text, path)
	if err != nil {
		return nil, err
	}
	var root map[string]any
	if _, err := toml.Decode(string(entry), &root); err != nil {
		return nil, fmt.Errorf("%w: %w", edits.ErrUnsafe, err)
	}
	tables := []map[string]any{root}
	if all, ok := root[path[0]].(map[string]any); ok {
		tables = append(tables, all)
	}
	for _, all := range tables {
		table, ok := all[path[1]].(map[string]any)
		if !ok {
			continue
		}
		names, _ := table["domains"].([]any)
		if one, ok := table["domains"].(string); ok {
			names = []any{one}
		}
		return names, nil
	}
	return nil, nil
}

// revert takes the changes back that an edit undoes, the newest first, if the record is as they left it. Otherwise it reports false and has changed
// nothing.
func (p *planner) revert(e edits.Edit) bool {
	past, err := p.past(e.Ref, e.Undoes)
	now, exists := p.get(e.Ref)
	if err != nil || len(past) == 0 || past[len(past)-1].Number != e.Undoes || !follows(now, exists, past) || !wants(e, past[len(past)-1].Before) {
		return false
	}
	texts, restores := maps.Clone(p.texts), slices.Clone(p.restores[e.Ref])
	for _, c := range past {
		if c.Restore == nil {
			return p.reset(e.Ref, texts, restores)
		}
		for _, r := range slices.Backward(c.Restore) {
			if !p.restore(e.Ref, r) {
				return p.reset(e.Ref, texts, restores)
			}
		}
	}
	return true
}

// reset forgets what has been reverted.
func (p *planner) reset(ref edits.Ref, texts map[string]string, restores []restoration) bool {
	p.texts, p.restores[ref] = texts, restores
	return false
}

// follows reports whether a record is as the newest of its changes left it, and each of them began where the one before ended.
func follows(now edits.Record, exists bool, past []entry) bool {
	revision := edits.Absent
	if exists {
		revision = now.Revision
	}
	for _, c := range past {
		if revisionOf(c.After) != revision {
			return false
		}
		revision = revisionOf(c.Before)
	}
	return true
}

// wants reports whether a state is what an edit asks for.
func wants(e edits.Edit, s *edits.State) bool {
	if s == nil || e.Values == nil {
		return s == nil && e.Values == nil
	}
	return s.Values.Equal(e.Values) && s.List == e.List && (e.Text == "" || e.Text == s.Text)
}

func revisionOf(s *edits.State) edits.Revision {
	if s == nil {
		return edits.Absent
	}
	return s.Revision
}

// restore puts one thing back.
func (p *planner) restore(ref edits.Ref, r restoration) bool {
	i := slices.IndexFunc(p.Files, func(f domains.Text) bool { return p.key(f.Name) == r.File })
	if i < 0 {
		return false
	}
	file := p.Files[i].Name
	switch {
	case r.Undo != nil:
		return p.change(ref, file, func(text []byte) (tomledit.Result, error) { return tomledit.Revert(text, *r.Undo) }) == nil
	case r.Line != "":
		p.texts[file] = listChange{add: []listLine{{r.Line, r.Above, r.Below, r.End, r.Open}}}.apply(p.text(file))
		p.restores[ref] = append(p.restores[ref], restoration{File: r.File})
	default:
		p.rememberLines(ref, file)
		p.texts[file] = listChange{remove: map[string]bool{ref.Name: true}}.apply(p.text(file))
	}
	return true
}

// rememberLines remembers how to put the lines back that a list has for a domain.
func (p *planner) rememberLines(ref edits.Ref, file string) {
	for _, line := range linesOf(p.text(file), map[string]bool{ref.Name: true})[ref.Name] {
		p.restores[ref] = append(p.restores[ref], lineOf(p.key(file), line))
	}
}
