package tomledit

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/BurntSushi/toml"
)

// document is the region of a text in which a table is changed: from the line below an expression that does not belong to the table to the
// line of another one, or to the end of the text. What is outside cannot change, so nothing there needs to be looked at again.
type document struct {
	text    []byte
	nl      string      // how the lines of the whole text end
	first   bool        // nothing is above the region
	after   *expression // the expression below the region; nil at the end of the text
	context             // of the region's first line
	list    []expression
}

// region is a document and the text that it is part of.
type region struct {
	document
	body     []byte // the whole text, without a byte order mark
	from, to int
	above    string // spells the path of the expression above the region; empty if there is none
	tail     string // what is behind that expression on its line
}

// mark is the state of a walker between two expressions.
type mark struct {
	above   expression // zero at the beginning of the text
	context context
}

// newRegion returns the region from a mark to the expression at which a walker is, or to the end of the text if that is nil.
func newRegion(body []byte, from mark, below *expression) (region, error) {
	r := region{body: body, from: from.above.next, to: len(body)}
	r.nl = lineEnding(body)
	r.first = from.above.next == 0
	r.context = from.context
	if below != nil {
		r.to, r.after = below.line, below
	}
	if !r.first {
		r.tail = string(body[from.above.end:from.above.next])
		w := walk(body[from.above.line:from.above.next], context{table: from.context.table})
		w.advance()
		r.above = spell(w.complete().path)
		if w.kind != assignment {
			r.above = spell(from.context.table) // with the numbers of elements
		}
	}
	return r, r.scan(body[r.from:r.to])
}

// scan makes a text the document's.
func (d *document) scan(text []byte) error {
	d.text, d.list = text, d.list[:0:0]
	w := walk(text, d.context)
	for w.advance() {
		d.list = append(d.list, w.complete())
	}
	return w.err()
}

// splice changes the text.
func (d *document) splice(splices ...splice) error {
	slices.SortStableFunc(splices, func(a, b splice) int { return a.from - b.from })
	return d.scan(apply(d.text, splices))
}

// locate returns the region that has everything about a table: its headers, its keys, and inline tables that it may be in. It is ErrNotFound
// if there is nothing.
func locate(body []byte, path []string) (region, error) {
	var from *mark
	var below *expression
	w := walk(body, context{})
	for above := (mark{}); w.advance(); above = w.mark() {
		if array, ok := elementAmong(w.context.table, path); ok {
			return region{}, fmt.Errorf("%s is an array of tables, [[%s]]: %w; make it a table", spell(array), spell(array), ErrUnsafe)
		}
		switch {
		case w.concerns(path):
			if from == nil {
				above.context = w.contextBefore(above)
				from = &above
			}
			below = nil
		case from != nil && below == nil:
			e := w.complete()
			below = &e
		}
	}
	if err := w.err(); err != nil {
		return region{}, err
	}
	if from == nil {
		return region{}, fmt.Errorf("[%s]: %w", spell(path), ErrNotFound)
	}
	return newRegion(body, *from, below)
}

// elementAmong finds an array of tables where a path expects tables.
func elementAmong(table, path []string) ([]string, bool) {
	for i, part := range table {
		if _, ok := elementNumber(part); ok && hasPrefix(path, table[:i]) {
			return table[:i], true
		}
		if i >= len(path) || part != path[i] {
			break
		}
	}
	return nil, false
}

func (w *walker) mark() mark { return mark{w.expression, w.context} }

// contextBefore returns the context of the line above the expression that was read last.
func (w *walker) contextBefore(above mark) context {
	c := context{table: above.context.table, counts: maps.Clone(w.counts)}
	if w.kind == arrayHeader {
		c.counts[spell(w.context.table[:len(w.context.table)-1])]--
	}
	return c
}

// concerns reports whether an expression belongs to a table, or gives a value to a table that it is in.
func (w *walker) concerns(path []string) bool {
	switch {
	case w.kind != assignment:
		return hasPrefix(w.context.table, path)
	case !related(w.context.table, path):
		return false
	}
	return related(w.complete().path, path)
}

// concerns is the same for an expression of a document.
func (e expression) concerns(path []string) bool {
	if e.kind != assignment {
		return hasPrefix(e.path, path)
	}
	return related(e.path, path)
}

// related reports whether a path is that of the table, of something in it, or of something that it is in.
func related(path, table []string) bool { return hasPrefix(path, table) || hasPrefix(table, path) }

// decode returns what the document says of a table and of inline tables that it is in.
func (d *document) decode(path []string) (map[string]any, error) {
	var b bytes.Buffer
	table := []string(nil)
	for _, e := range d.list {
		if !e.concerns(path) {
			continue
		}
		if e.kind != assignment {
			table = e.path
		} else if around := e.path[:e.table]; !slices.Equal(around, table) {
			fmt.Fprintf(&b, "[%s]\n", spell(around))
			table = around
		}
		b.Write(d.text[e.start:e.end])
		b.WriteByte('\n')
	}
	var root map[string]any
	if _, err := toml.Decode(b.String(), &root); err != nil {
		return nil, err
	}
	v, err := normal(root)
	if err != nil {
		return nil, err
	}
	return v.(map[string]any), nil
}

// value returns the value of a table. It is an error wrapping ErrNotFound if there is none, and ErrUnsafe if it is something else.
func (d *document) value(path []string) (map[string]any, error) {
	root, err := d.decode(path)
	if err != nil {
		return nil, err
	}
	var v any = root
	for i, part := range path {
		table, ok := v.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s is not a table: %w", spell(path[:i]), ErrUnsafe)
		}
		if v, ok = table[part]; !ok {
			return nil, fmt.Errorf("[%s]: %w", spell(path), ErrNotFound)
		}
	}
	table, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s is not a table: %w", spell(path), ErrUnsafe)
	}
	return table, nil
}

// lineEnding returns how the lines of a text end: as the first one does.
func lineEnding(text []byte) string {
	if i := bytes.IndexByte(text, '\n'); i > 0 && text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}
