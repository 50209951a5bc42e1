package tomledit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Add writes a new table: behind the first of the given siblings that exists (keys of tables with the same parent), else behind the last
// table whose path begins alike, else at the end of the text. If the tables around it are written as inline tables, so is the new one.
func (t *Text) Add(path []string, members []Member, after ...string) (Undo, error) {
	members, err := normalMembers(members)
	if err != nil {
		return Undo{}, err
	}
	wanted := make(map[string]any)
	for _, m := range members {
		if m.Value != nil {
			wanted[m.Key] = m.Value
		}
	}
	members = slices.DeleteFunc(members, func(m Member) bool { return m.Value == nil })
	place := func(path []string) (*region, error) { return t.place(path, after) }
	return t.change(path, place, func(d *document) (map[string]any, error) {
		_, err := d.value(path)
		switch {
		case err == nil:
			return nil, fmt.Errorf("[%s]: %w", spell(path), ErrExists)
		case !errors.Is(err, ErrNotFound):
			return nil, err
		}
		parent, key := path[:len(path)-1], path[len(path)-1]
		if slices.ContainsFunc(d.list, func(e expression) bool { return e.concerns(path) }) { // the tables around it are inline
			return wanted, d.add(parent, key, wanted)
		}
		return wanted, d.addTable(spell(path), members)
	})
}

// addTable writes a table at the end of the document, or behind its last section.
func (d *document) addTable(name string, members []Member) error {
	at, style := len(d.text), style{nl: d.nl, blank: d.nl}
	if last := len(d.list) - 1; last >= 0 {
		at, style = d.sectionEnd(last), d.styleOf(last)
	}
	text := style.section("["+name+"]", name, members)
	if at == 0 && d.first || at > 0 && d.blank(d.lineAbove(at)) {
		text = strings.TrimPrefix(text, style.blank)
	}
	return d.splice(splice{at, at, []byte(d.terminated(at) + text)})
}

// place returns the region in which a table is to be added: it ends with the section that the table should follow. If the table is already
// there, or tables around it are inline, the region is theirs.
func (t *Text) place(path, after []string) (*region, error) {
	if r, err := t.locate(path); !errors.Is(err, ErrNotFound) {
		return r, err
	}
	for _, key := range after {
		if numbers := t.concerned(below(path[:len(path)-1], key)); len(numbers) > 0 {
			return t.region(numbers[len(numbers)-1:])
		}
	}
	for _, c := range slices.Backward(t.chunks) {
		if hasPrefix(c.table, path[:1]) || len(c.table) == 0 && slices.ContainsFunc(c.expressions(), func(e expression) bool { return hasPrefix(e.path, path[:1]) }) {
			return t.region([]int{c.number})
		}
	}
	return t.region([]int{len(t.chunks) - 1})
}

// Remove takes out a table, with all tables and lists below it and the comments that belong to it.
func (t *Text) Remove(path []string) (Undo, error) {
	return t.change(path, t.locate, func(d *document) (map[string]any, error) {
		if _, err := d.value(path); err != nil {
			return nil, err
		}
		return nil, d.remove(path)
	})
}
