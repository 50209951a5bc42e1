package tomledit

import (
	"fmt"
	"slices"
)

// verify proves that two documents differ in a table only, and returns its values in both; nil for none. Expressions that do not
// belong to it must be the same octets in the same order, below the same headers. The others are decoded.
func verify(old, d *document, path []string) (was, is any, err error) {
	changed := fmt.Errorf("other tables than [%s] would change: %w", spell(path), ErrUnsafe)
	if !slices.Equal(old.others(path), d.others(path)) {
		return nil, nil, changed
	}
	if below := d.after; below != nil {
		if n := len(d.text); n > 0 && d.text[n-1] != '\n' || below.kind == assignment && !slices.Equal(old.lastTable(), d.lastTable()) {
			return nil, nil, changed
		}
	}
	before, err := old.decode(path)
	if err != nil {
		return nil, nil, err
	}
	now, err := d.decode(path)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnsafe, err)
	}
	was, is = take(before, path), take(now, path)
	if !equal(before, now) {
		return nil, nil, changed
	}
	return was, is, nil
}

// others returns the expressions that do not belong to a table, each with the header that it is below.
func (d *document) others(path []string) []string {
	var others []string
	for _, e := range d.list {
		if !e.concerns(path) {
			others = append(others, spell(e.path[:e.table])+"\n"+string(d.text[e.start:e.end]))
		}
	}
	return others
}

// lastTable returns the table that a key behind the document would be in.
func (d *document) lastTable() []string {
	if n := len(d.list); n > 0 {
		return d.list[n-1].path[:d.list[n-1].table]
	}
	return d.context.table
}

// take removes a table from a tree, with the tables around it if they are empty then, and returns it.
func take(root map[string]any, path []string) any {
	if len(path) == 1 {
		v := root[path[0]]
		delete(root, path[0])
		return v
	}
	inner, ok := root[path[0]].(map[string]any)
	if !ok {
		return nil
	}
	v := take(inner, path[1:])
	if len(inner) == 0 {
		delete(root, path[0])
	}
	return v
}
