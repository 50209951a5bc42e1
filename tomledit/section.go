package tomledit

import (
	"errors"
	"fmt"
	"slices"
)

// Add writes a new table: behind the first of the given siblings that exists (keys of tables with the same parent), else behind the last
// table whose path begins alike, else at the end of the text. If the tables around it are written as inline tables, so is the new one.
func Add(text []byte, path []string, members []Member, after ...string) (Result, error) {
	members, err := normalMembers(members)
	if err != nil {
		return Result{}, err
	}
	wanted := make(map[string]any)
	for _, m := range members {
		if m.Value != nil {
			wanted[m.Key] = m.Value
		}
	}
	members = slices.DeleteFunc(members, func(m Member) bool { return m.Value == nil })
	find := func(body []byte, path []string) (region, error) { return locatePlace(body, path, after) }
	return edit(text, path, find, func(d *document) (map[string]any, error) {
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
	if at == 0 && d.first || at > 0 && d.blank(d.lineAbove(at)) {
		style.blank = ""
	}
	return d.splice(splice{at, at, []byte(d.terminated(at) + style.section("["+name+"]", name, members))})
}

// locatePlace returns the region in which a table is to be added: the last section with the sibling that it should follow. If the table is
// already there, or tables around it are inline, the region is theirs.
func locatePlace(body []byte, path, after []string) (region, error) {
	if r, err := locate(body, path); !errors.Is(err, ErrNotFound) {
		return r, err
	}
	type place struct {
		found bool
		from  mark
		below *expression
	}
	var anchors [][]string
	for _, key := range after {
		anchors = append(anchors, below(path[:len(path)-1], key))
	}
	anchors = append(anchors, path[:1], nil)
	places := make([]place, len(anchors))
	w := walk(body, context{})
	var section mark // the beginning of the section
	for above := (mark{}); w.advance(); above = w.mark() {
		if w.kind != assignment {
			e := w.complete()
			for i := range places {
				if places[i].below == nil {
					places[i].below = &e
				}
			}
			section = above
			section.context = w.contextBefore(above)
		}
		for i, anchor := range anchors {
			if w.within(anchor) {
				places[i] = place{true, section, nil}
			}
		}
	}
	if err := w.err(); err != nil {
		return region{}, err
	}
	for _, p := range places {
		if p.found {
			return newRegion(body, p.from, p.below)
		}
	}
	return newRegion(body, mark{}, nil)
}

// within reports whether an expression belongs to a table.
func (w *walker) within(table []string) bool {
	if hasPrefix(w.context.table, table) {
		return true
	}
	return w.kind == assignment && hasPrefix(table, w.context.table) && hasPrefix(w.complete().path, table)
}

// Remove takes out a table, with all tables and lists below it and the comments that belong to it.
func Remove(text []byte, path []string) (Result, error) {
	return edit(text, path, locate, func(d *document) (map[string]any, error) {
		if _, err := d.value(path); err != nil {
			return nil, err
		}
		return nil, d.remove(path)
	})
}
