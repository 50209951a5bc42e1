package filestore

import (
	"errors"
	"slices"
	"strings"

	"mailhint/edits"
	"mailhint/tomledit"
)

// manyEdits is from how many edits on the tables of a set are made in bulk. Each of the others looks through the whole file, which takes ten
// milliseconds for ten thousand tables. Tests change it.
var manyEdits = 50

// bulk makes many edits at once, and returns those that have to be made one by one: those of tables that are not in sections of their own.
func (p *planner) bulk(list []edits.Edit) ([]edits.Edit, error) {
	if len(list) < manyEdits {
		return list, nil
	}
	var rest, fresh []edits.Edit
	files := make(map[string][]edits.Edit)
	for _, e := range list {
		now, exists := p.find(e.Ref)
		switch l := p.layouts[now.File]; {
		case exists && now.Path != nil && l.records[tablePath{now.Path[0], now.Path[1]}].contiguous() && p.texts[now.File] == "":
			files[now.File] = append(files[now.File], e)
		case wantsTable(e) && !(exists && now.Path != nil) && e.Text == "":
			fresh = append(fresh, e)
		default:
			rest = append(rest, e)
		}
	}
	for file, edits := range files {
		if err := p.editSections(file, edits); err != nil {
			return nil, err
		}
	}
	return append(rest, p.addAtEnd(fresh)...), nil
}

// addAtEnd writes new tables at the end of their file, and returns those of files in which tables have no headers.
func (p *planner) addAtEnd(list []edits.Edit) (rest []edits.Edit) {
	added := make(map[string]*strings.Builder)
	for _, e := range list {
		file := p.fileFor(e)
		l := p.layouts[file]
		if slices.ContainsFunc(l.order, func(t tablePath) bool { return l.records[t].loose }) {
			rest = append(rest, e)
			continue
		}
		if added[file] == nil {
			added[file] = new(strings.Builder)
		}
		added[file].WriteString("\n" + edits.TOML(e.Ref, e.Values))
	}
	for file, b := range added {
		text, more := p.text(file), b.String()
		if text != "" && !strings.HasSuffix(text, "\n") {
			more = "\n" + more
		}
		if strings.Contains(text, "\r\n") {
			more = strings.ReplaceAll(more, "\n", "\r\n")
		}
		p.texts[file] = text + more
	}
	return rest
}

// editSections changes tables of a file, the last one first, each in a text that has only its neighbours besides.
func (p *planner) editSections(file string, list []edits.Edit) error {
	l := p.layouts[file]
	at := func(e edits.Edit) *written {
		now, _ := p.find(e.Ref)
		return l.records[tablePath{now.Path[0], now.Path[1]}]
	}
	slices.SortFunc(list, func(a, b edits.Edit) int { return at(b).first - at(a).first })
	pieces := make([]string, len(l.sections))
	for i := range pieces {
		pieces[i] = l.text(i)
	}
	for _, e := range list {
		s := at(e)
		below := s.last + 1
		for below < len(pieces) && pieces[below] == "" {
			below++
		}
		above, tail := max(s.first-1, 0), ""
		if below < len(pieces) {
			tail = pieces[below]
		}
		text, err := p.editPart(e, file, strings.Join(pieces[above:s.last+1], "")+tail)
		if err != nil {
			return err
		}
		text, kept := strings.CutSuffix(text, tail)
		if !kept {
			return &fileError{file, errors.Join(edits.ErrUnsafe, tomledit.ErrUnsafe)}
		}
		head := pieces[above]
		for i := above; i <= s.last; i++ {
			pieces[i] = ""
		}
		if own, ok := strings.CutPrefix(text, head); ok && above < s.first && wantsTable(e) {
			pieces[above], pieces[s.first] = head, own
		} else {
			pieces[above] = text
		}
	}
	mark := p.text(file)[:len(p.text(file))-len(l.body)]
	p.texts[file] = mark + strings.Join(pieces, "")
	return nil
}

// editPart changes a table in a part of a file.
func (p *planner) editPart(e edits.Edit, file, part string) (string, error) {
	now, _ := p.find(e.Ref)
	part0 := planner{view: p.view, texts: map[string]string{file: part}, restores: p.restores}
	err := part0.editTable(e, now, true)
	return part0.texts[file], err
}
