package tomledit

import (
	"fmt"
	"slices"
)

// table is where a table or an array of a document is written. The numbers are indexes of the document's expressions.
type table struct {
	path     []string
	head     int   // its header, or -1
	sections []int // all headers of it: its own and those of tables and arrays below it
	lines    []int // assignments of its keys, below its own header or dotted further out; not those in tables below it

	// If it is inline:
	at      *expression // the assignment of the whole table or array, which may be an item of braces; nil for an element of an array
	value   int         // offset of the whole value, or -1
	braces  *list       // the inline table or array that it is an item of, or that has dotted keys of it
	members []int       // items of braces that are its keys, or the one that it is
	around  []string    // the path of braces
}

// find returns where a table or an array is written.
func (d *document) find(path []string) *table {
	t := &table{path: path, head: -1, value: -1}
	for i, e := range d.list {
		switch {
		case e.kind != assignment:
			if hasPrefix(e.path, path) {
				t.sections = append(t.sections, i)
				if len(e.path) == len(path) {
					t.head = i
				}
			}
		case len(e.path) > len(path) && hasPrefix(e.path, path):
			if e.table <= len(path) {
				t.lines = append(t.lines, i)
			}
		case hasPrefix(path, e.path):
			if len(e.path) == len(path) {
				t.at, t.value = &d.list[i], e.value
			} else {
				t.descend(d.text, e.value, e.path)
			}
		}
	}
	return t
}

// descend looks for the table in a value that it is a part of.
func (t *table) descend(text []byte, value int, base []string) {
	if text[value] != '{' && text[value] != '[' {
		return
	}
	l := parseList(text, value)
	if text[value] == '[' {
		i, ok := ElementNumber(t.path[len(base)])
		if !ok || i >= len(l.items) {
			return
		}
		path := t.path[:len(base)+1]
		if len(path) == len(t.path) {
			t.value, t.braces, t.members, t.around = l.items[i].start, &l, []int{i}, base
			return
		}
		t.descend(text, l.items[i].start, path)
		return
	}
	for i, it := range l.items {
		m := it.member(text, base)
		switch {
		case hasPrefix(m.path, t.path):
			t.braces, t.around = &l, base
			t.members = append(t.members, i)
			if len(m.path) == len(t.path) {
				t.at, t.value = &m, m.value
			}
		case hasPrefix(t.path, m.path):
			t.descend(text, m.value, m.path)
		}
	}
}

// isArray reports whether it is written as an array of tables with headers.
func (d *document) isArray(t *table) bool {
	if len(t.sections) == 0 || t.head >= 0 {
		return false
	}
	e := d.list[t.sections[0]]
	_, ok := ElementNumber(e.path[len(t.path)])
	return ok
}

// keyOffset returns the offset of a part of an expression's path, which must be a part that the expression itself writes.
func (e expression) keyOffset(part int) int {
	n := 0 // parts before it that are written here
	from := 0
	if e.kind == assignment {
		from = e.table
	}
	for _, p := range e.path[from:part] {
		if _, ok := ElementNumber(p); !ok {
			n++
		}
	}
	return e.keys[n]
}

// spelled returns how an expression of the document writes a table that its path leads through, such as domains."example.com".
func (d *document) spelled(e expression, parts int) string {
	from := e.keys[0]
	end := e.end
	if parts < len(e.path) {
		written := 0
		for _, p := range e.path[parts:] {
			if _, ok := ElementNumber(p); !ok {
				written++
			}
		}
		if written > 0 {
			end = e.keyOffset(parts)
			for d.text[end-1] == ' ' || d.text[end-1] == '\t' || d.text[end-1] == '.' {
				end--
			}
			return string(d.text[from:end])
		}
	}
	for end > from && (d.text[end-1] == ']' && e.kind != assignment || d.text[end-1] == ' ' || d.text[end-1] == '\t') {
		end--
		if d.text[end] == ']' && e.kind == header {
			break
		}
	}
	for d.text[end-1] == ' ' || d.text[end-1] == '\t' {
		end--
	}
	return string(d.text[from:end])
}

// remove takes out a table, an array or a key, wherever it is written.
func (d *document) remove(path []string) error {
	t := d.find(path)
	if t.braces != nil {
		c := change{remove: make([]bool, len(t.braces.items))}
		for _, i := range t.members {
			c.remove[i] = true
		}
		return d.splice(t.braces.splices(d.text, c, d.nl)...)
	}
	lines := d.loose(t)
	if len(lines)+len(t.sections) == 0 {
		return fmt.Errorf("%s was not found: %w", spell(path), ErrUnsafe)
	}
	return d.splice(append(d.lineSpans(lines), d.sectionSpans(t.sections)...)...)
}

// loose returns the lines of a table that are not below a header of its own.
func (d *document) loose(t *table) []int {
	var lines []int
	if t.at != nil {
		lines = append(lines, slices.IndexFunc(d.list, func(e expression) bool { return e.start == t.at.start }))
	}
	for _, i := range t.lines {
		if d.list[i].table < len(t.path) {
			lines = append(lines, i)
		}
	}
	return lines
}
