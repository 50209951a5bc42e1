package tomledit

import (
	"bytes"
	"fmt"
	"slices"
)

// verify proves that two documents differ in a table only, and returns its values in both; nil for none. Expressions that do not
// belong to it must be the same octets in the same order, below the same headers. The others are decoded.
func verify(old, d *document, path []string) (was, is any, err error) {
	changed := fmt.Errorf("other tables than [%s] would change: %w", spell(path), ErrUnsafe)
	if !sameOthers(old, d, path) {
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

// sameOthers reports whether the expressions that do not belong to a table are the same in two documents, each below the same header.
func sameOthers(old, d *document, path []string) bool {
	was, is := old.list, d.list
	for {
		was, is = other(was, path), other(is, path)
		if len(was) == 0 || len(is) == 0 {
			return len(was) == len(is)
		}
		a, b := was[0], is[0]
		if !slices.Equal(a.path[:a.table], b.path[:b.table]) || !bytes.Equal(old.text[a.start:a.end], d.text[b.start:b.end]) {
			return false
		}
		was, is = was[1:], is[1:]
	}
}

// other returns a list from the first expression on that does not belong to a table.
func other(list []expression, path []string) []expression {
	for len(list) > 0 && list[0].concerns(path) {
		list = list[1:]
	}
	return list
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
