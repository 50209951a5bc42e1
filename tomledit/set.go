package tomledit

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// Set changes keys of a table, adds them, or removes them. A table as a value becomes what is given, key by key; so does a list of tables,
// element by element. Whatever is already as it should be keeps its spelling. New keys are put below the table's last key.
func (t *Text) Set(path []string, members []Member) (Undo, error) {
	members, err := normalMembers(members)
	if err != nil {
		return Undo{}, err
	}
	return t.change(path, t.locate, func(d *document) (map[string]any, error) {
		old, err := d.value(path)
		if err != nil {
			return nil, err
		}
		wanted := maps.Clone(old)
		for _, m := range members {
			if m.Value == nil {
				delete(wanted, m.Key)
			} else {
				wanted[m.Key] = m.Value
			}
		}
		return wanted, d.setTable(path, old, wanted, members)
	})
}

func normalMembers(members []Member) ([]Member, error) {
	members = slices.Clone(members)
	for i, m := range members {
		if m.Value == nil {
			continue
		}
		v, err := normal(m.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Key, err)
		}
		members[i].Value = v
	}
	return members, nil
}

// setTable changes a table from one value to another. Keys that go do so before new ones come, so that their comments do not end up above
// these, unless they are all that marks the place. New keys come in the order of the given members, then of the alphabet.
func (d *document) setTable(path []string, old, wanted map[string]any, members []Member) error {
	var change, gone, come []string
	for _, key := range order(old, wanted, members) {
		switch {
		case wanted[key] == nil:
			gone = append(gone, key)
		case old[key] == nil:
			come = append(come, key)
		default:
			change = append(change, key)
		}
	}
	keys := slices.Concat(change, gone, come)
	if t := d.find(path); len(change) == 0 && t.head < 0 && t.value < 0 {
		keys = slices.Concat(come, gone)
	}
	for _, key := range keys {
		var err error
		if wanted[key] == nil {
			err = d.remove(below(path, key))
		} else {
			err = d.setKey(path, key, old[key], wanted[key])
		}
		if err != nil {
			return err
		}
	}
	if len(wanted) == 0 && len(old) > 0 && !d.exists(path) {
		return fmt.Errorf("nothing would be left of [%s]: %w; write it with a header [%s], or remove it", spell(path), ErrUnsafe, spell(path))
	}
	return nil
}

// order returns the keys that two tables have: first those of members, then the others.
func order(old, wanted map[string]any, members []Member) []string {
	var keys []string
	done := make(map[string]bool)
	add := func(key string) {
		if !done[key] && (old[key] != nil || wanted[key] != nil) {
			keys = append(keys, key)
		}
		done[key] = true
	}
	for _, m := range members {
		add(m.Key)
	}
	for _, table := range []map[string]any{wanted, old} {
		for _, key := range slices.Sorted(maps.Keys(table)) {
			add(key)
		}
	}
	return keys
}

// exists reports whether anything is left of a table.
func (d *document) exists(path []string) bool {
	t := d.find(path)
	return t.value >= 0 || len(t.sections)+len(t.lines)+len(t.members) > 0
}

func below(path []string, key string) []string { return append(slices.Clone(path), key) }

// setKey changes a key of a table from one value to another, either of which may be nil for none.
func (d *document) setKey(path []string, key string, old, wanted any) error {
	if equal(old, wanted) {
		return nil
	}
	if old == nil {
		return d.add(path, key, wanted)
	}
	p := below(path, key)
	t := d.find(p)
	oldTable, isTable := old.(map[string]any)
	newTable, toTable := wanted.(map[string]any)
	oldList, isList := old.([]any)
	newList, toList := wanted.([]any)
	switch {
	case isTable && toTable && (len(newTable) > 0 || t.head >= 0 || t.value >= 0):
		return d.setTable(p, oldTable, newTable, nil)
	case isList && toList && t.value >= 0:
		return d.setList(p, oldList, newList)
	case isList && toList && d.isArray(t) && len(newList) > 0 && allTables(newList):
		return d.setElements(p, oldList, newList)
	case t.value >= 0:
		return d.replace(t, wanted)
	}
	return d.rewrite(path, key, wanted)
}

// rewrite gives a key that is written as several lines or sections a value that cannot be.
func (d *document) rewrite(path []string, key string, wanted any) error {
	p := below(path, key)
	t := d.find(p)
	lines := d.loose(t)
	if len(lines) > 0 { // dotted keys: the first line becomes the new one
		e := d.list[lines[0]]
		text := d.spelled(e, len(p)) + " = " + string(appendValue(nil, wanted))
		s := append(d.lineSpans(lines[1:]), d.sectionSpans(t.sections)...)
		return d.splice(append(s, splice{e.start, e.end, []byte(text)})...)
	}
	if len(t.sections) < len(d.find(path).sections) || len(d.find(path).lines) > 0 || t.braces != nil {
		if err := d.remove(p); err != nil {
			return err
		}
		return d.add(path, key, wanted)
	}
	if err := d.add(path, key, wanted); err != nil { // with a header, because there is only what must go
		return err
	}
	return d.splice(d.sectionSpans(d.find(p).sections)...)
}

func allTables(values []any) bool {
	for _, v := range values {
		if _, ok := v.(map[string]any); !ok {
			return false
		}
	}
	return true
}

// replace gives an assignment another value. A comment behind it stays in its column, if it is aligned with others.
func (d *document) replace(t *table, wanted any) error {
	e := *t.at
	old := d.text[e.value:e.end]
	value := restyle(old, wanted)
	s := []splice{{e.value, e.end, value}}
	if t.braces == nil && d.aligned(e) {
		width := skipSpace(d.text, e.end) - e.end + utf8.RuneCount(old) - utf8.RuneCount(value)
		s = append(s, splice{e.end, skipSpace(d.text, e.end), bytes.Repeat([]byte{' '}, max(width, 1))})
	}
	return d.splice(s...)
}

// aligned reports whether the comment behind an assignment begins in the same column as one on the line above or below.
func (d *document) aligned(e expression) bool {
	column := d.commentColumn(e.line, e.end)
	if column < 0 || bytes.IndexByte(d.text[e.line:e.end], '\n') >= 0 {
		return false
	}
	i := slices.IndexFunc(d.list, func(o expression) bool { return o.start == e.start })
	if i > 0 && d.list[i-1].next == e.line && d.commentColumn(d.list[i-1].line, d.list[i-1].end) == column {
		return true
	}
	if d.comment(e.next) && d.commentColumn(e.next, e.next) == column {
		return true
	}
	return i+1 < len(d.list) && d.list[i+1].line == e.next && d.commentColumn(e.next, d.list[i+1].end) == column
}

// commentColumn returns the column of the comment that follows spaces at i, on the line that begins at line; -1 if there is none.
func (d *document) commentColumn(line, i int) int {
	for i < len(d.text) && d.text[i] == ' ' {
		i++
	}
	if i == len(d.text) || d.text[i] != '#' || line > i {
		return -1
	}
	return utf8.RuneCount(d.text[line:i])
}
