package tomledit

import (
	"bytes"
	"fmt"
	"slices"
)

// edit changes the region of a table and proves that nothing else has changed. change returns what the table must be then; nil for gone.
func edit(text []byte, path []string, locate func([]byte, []string) (region, error), change func(*document) (map[string]any, error)) (Result, error) {
	body := bytes.TrimPrefix(text, bom)
	r, err := locate(body, path)
	if err != nil {
		return Result{}, err
	}
	d := r.document
	wanted, err := change(&d)
	if err != nil {
		return Result{}, err
	}
	got, err := verify(&r.document, &d, path)
	if err != nil {
		return Result{}, err
	}
	if wanted == nil && got != nil || wanted != nil && !equal(got, wanted) {
		return Result{}, fmt.Errorf("the result would not be what was asked for: %w; write it as [%s]", ErrUnsafe, spell(path))
	}
	return finish(text, &r, &d, path), nil
}

// finish puts a changed region into its text.
func finish(text []byte, r *region, d *document, path []string) Result {
	if bytes.Equal(d.text, r.text) {
		return Result{text, Undo{Path: path}}
	}
	whole := slices.Concat(text[:len(text)-len(r.body)], r.body[:r.from], d.text, r.body[r.to:])
	return Result{whole, Undo{path, r.hunks(d, path)}}
}

var bom = []byte("\xEF\xBB\xBF")

// verify proves that two documents differ in a table only, and returns its value in the new one; nil if it is gone. Expressions that do not
// belong to it must be the same octets in the same order, below the same headers. The others are decoded.
func verify(old, d *document, path []string) (any, error) {
	changed := fmt.Errorf("other tables than [%s] would change: %w", spell(path), ErrUnsafe)
	if !slices.Equal(old.others(path), d.others(path)) {
		return nil, changed
	}
	if below := d.after; below != nil {
		if n := len(d.text); n > 0 && d.text[n-1] != '\n' || below.kind == assignment && !slices.Equal(old.lastTable(), d.lastTable()) {
			return nil, changed
		}
	}
	before, err := old.decode(path)
	if err != nil {
		return nil, err
	}
	now, err := d.decode(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsafe, err)
	}
	take(before, path)
	got := take(now, path)
	if !equal(before, now) {
		return nil, changed
	}
	return got, nil
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
