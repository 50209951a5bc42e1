package filestore

import (
	"errors"
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

// planner turns edits into new texts. It knows nothing of locks and disks.
type planner struct {
	view
	texts    map[string]string         // of the files that change, by name
	open     map[string]*tomledit.Text // of those that are being changed, instead
	orders   map[orderKey]*order
	lists    map[string]*listChange
	inline   map[string]*inlineChange // by profile
	added    map[string]tablePlace    // the tables of new profiles
	restores map[edits.Ref][]restoration
	problems domains.Problems
	// past returns the changes of a record from a number on, the newest first, for undo.
	past func(ref edits.Ref, from int64) ([]entry, error)
}

func newPlanner(v view, past func(edits.Ref, int64) ([]entry, error)) *planner {
	return &planner{
		view: v, texts: make(map[string]string), open: make(map[string]*tomledit.Text), orders: make(map[orderKey]*order), lists: make(map[string]*listChange),
		inline: make(map[string]*inlineChange), added: make(map[string]tablePlace),
		restores: make(map[edits.Ref][]restoration), past: past,
	}
}

// plan changes the texts. The edits have been checked against the revisions, and each of them changes something.
func (p *planner) plan(list []edits.Edit) error {
	list = slices.DeleteFunc(slices.Clone(list), func(e edits.Edit) bool { return e.Undoes > 0 && p.revert(e) })
	for _, e := range list {
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
	if err := p.writeLists(); err != nil {
		return err
	}
	p.close()
	return nil
}

// close keeps what has become of the files that are being changed.
func (p *planner) close() {
	for file, t := range p.open {
		p.texts[file] = string(t.Bytes())
	}
	clear(p.open)
}

// text returns a file as it is planned.
func (p *planner) text(file string) string {
	if t, ok := p.open[file]; ok {
		return string(t.Bytes())
	}
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
		p.order(now.File, now.Path[0]).remove(now.Path[1])
		return p.change(e.Ref, now.File, func(t *tomledit.Text) (tomledit.Undo, error) { return t.Remove(now.Path) })
	case has && e.Text != "":
		return p.change(e.Ref, now.File, func(t *tomledit.Text) (tomledit.Undo, error) { return t.Replace(now.Path, []byte(e.Text)) })
	case has:
		return p.change(e.Ref, now.File, func(t *tomledit.Text) (tomledit.Undo, error) { return t.Set(now.Path, p.members(e, now.Values)) })
	case wanted:
		return p.addTable(e)
	}
	return nil
}

// tablePlace is where a table is.
type tablePlace struct {
	file string
	path []string
}

// addTable plans a new table.
func (p *planner) addTable(e edits.Edit) error {
	file, path := p.fileFor(e), pathOf(e)
	after := p.order(file, path[0]).add(path[1])
	if e.Kind == edits.Profile {
		p.added[e.Name] = tablePlace{file, path}
	}
	err := p.change(e.Ref, file, func(t *tomledit.Text) (tomledit.Undo, error) { return t.Add(path, p.members(e, nil), after...) })
	if err != nil || e.Text == "" {
		return err
	}
	err = p.change(e.Ref, file, func(t *tomledit.Text) (tomledit.Undo, error) { return t.Replace(path, []byte(e.Text)) })
	if errors.Is(err, tomledit.ErrOutside) && !strings.HasPrefix(strings.TrimLeft(withoutComments(e.Text), " \t\r\n"), "[") {
		return nil // it was written without a header, in a place that no longer is
	}
	return err
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
func (p *planner) change(ref edits.Ref, file string, change func(*tomledit.Text) (tomledit.Undo, error)) error {
	t := p.open[file]
	if t == nil {
		var err error
		if t, err = tomledit.Open([]byte(p.text(file))); err != nil {
			return &fileError{file, err}
		}
		p.open[file] = t
	}
	undo, err := change(t)
	if err != nil {
		return &fileError{file, err}
	}
	if len(undo.Hunks) > 0 {
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
	if e.Text == "" {
		return []string{table, e.Name}
	}
	if _, err := toml.Decode(e.Text, &root); err == nil {
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
