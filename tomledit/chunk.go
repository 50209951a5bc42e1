package tomledit

import (
	"bytes"
	"fmt"
	"slices"
)

// chunk is a header and everything up to the next header. The first chunk of a text has no header, and may be empty.
type chunk struct {
	text   []byte
	table  []string
	kind   kind
	number int          // in the text
	list   []expression // as in a document that begins here; nil if not yet needed
}

func (c *chunk) same(other *chunk) bool {
	return c.kind == other.kind && slices.Equal(c.table, other.table) && bytes.Equal(c.text, other.text)
}

// number gives the chunks from one on their numbers.
func (t *Text) number(from int) {
	for i := from; i < len(t.chunks); i++ {
		t.chunks[i].number = i
	}
}

// register makes a chunk known.
func (t *Text) register(c *chunk) {
	if len(c.table) < 2 {
		t.short = append(t.short, c)
		return
	}
	key := indexKey(c.table)
	t.tables[key] = append(t.tables[key], c)
}

func indexKey(path []string) [2]string { return [2]string{path[0], path[1]} }

// forget is the opposite of register.
func (t *Text) forget(c *chunk) {
	is := func(o *chunk) bool { return o == c }
	if len(c.table) < 2 {
		t.short = slices.DeleteFunc(t.short, is)
		return
	}
	key := indexKey(c.table)
	t.tables[key] = slices.DeleteFunc(t.tables[key], is)
	if len(t.tables[key]) == 0 {
		delete(t.tables, key)
	}
}

// expressions returns what is in a chunk.
func (c *chunk) expressions() []expression {
	if c.list == nil {
		d := document{context: contextOf(c)}
		_ = d.scan(c.text) // was read before
		c.list = d.list
	}
	return c.list
}

// contextOf returns the context of the first of some chunks that follow each other.
func contextOf(chunks ...*chunk) context {
	counts := make(map[string]int)
	for _, c := range chunks {
		for i, part := range c.table {
			n, ok := ElementNumber(part)
			if !ok {
				continue
			}
			name := spell(c.table[:i])
			if _, known := counts[name]; known {
				continue
			}
			if counts[name] = n + 1; c.kind == arrayHeader && i == len(c.table)-1 {
				counts[name] = n // this chunk is the element
			}
		}
	}
	return context{counts: counts}
}

// concerned returns the numbers of the chunks that have something about a table, in order: its headers, its keys, and inline tables that it
// may be in.
func (t *Text) concerned(path []string) []int {
	var numbers []int
	candidates := t.short
	if len(path) >= 2 {
		candidates = slices.Concat(candidates, t.tables[indexKey(path)])
	} else {
		candidates = t.chunks
	}
	for _, c := range candidates {
		if hasPrefix(c.table, path) || hasPrefix(path, c.table) && slices.ContainsFunc(c.expressions(), func(e expression) bool { return e.concerns(path) }) {
			numbers = append(numbers, c.number)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// region is a document and the chunks that it is made of.
type region struct {
	document
	from, to int // numbers of the first chunk, and of the one behind the last
}

// region returns the region that has some chunks and all that is between them. The one above is also in it, because comments at its end may
// belong to the first; so is the header below it, as after.
func (t *Text) region(numbers []int) (*region, error) {
	from, to := max(slices.Min(numbers)-1, 0), slices.Max(numbers)+1
	r := &region{from: from, to: to}
	r.nl, r.first, r.context = t.nl, from == 0, contextOf(t.chunks[from:to]...)
	if to < len(t.chunks) {
		r.after = &expression{kind: t.chunks[to].kind, path: t.chunks[to].table}
	}
	var text []byte
	for _, c := range t.chunks[from:to] {
		text = append(text, c.text...)
	}
	return r, r.scan(text)
}

// locate returns the region of a table. It is ErrNotFound if there is nothing about it.
func (t *Text) locate(path []string) (*region, error) {
	for i := 1; i <= len(path); i++ { // an array of tables where a table is expected
		array := below(path[:i], Element(0))
		for _, c := range t.candidates(array) {
			if hasPrefix(c.table, array) {
				return nil, isArray(path, i)
			}
		}
	}
	numbers := t.concerned(path)
	if len(numbers) == 0 {
		return nil, fmt.Errorf("[%s]: %w", spell(path), ErrNotFound)
	}
	return t.region(numbers)
}

// isArray is the error for a path of which some parts lead to an array of tables.
func isArray(path []string, parts int) error {
	array := spell(path[:parts])
	rewrite := fmt.Sprintf("tables [%s.NAME]", array)
	if parts == len(path) {
		rewrite = fmt.Sprintf("one table [%s]", array)
	}
	return fmt.Errorf("%s is an array of tables, [[%s]]: %w; write it as %s", array, array, ErrUnsafe, rewrite)
}

// candidates returns the chunks whose headers may begin with a path of two parts or more.
func (t *Text) candidates(path []string) []*chunk { return t.tables[indexKey(path)] }

// put replaces a region.
func (t *Text) put(r *region, d *document) {
	var chunks []*chunk
	at, from := &chunk{}, 0
	if r.from > 0 { // begins with a header
		at = nil
	}
	for _, e := range d.list {
		if e.kind == assignment {
			continue
		}
		if at != nil {
			at.text = d.text[from:e.line:e.line]
			chunks = append(chunks, at)
			from = e.line
		}
		at = &chunk{table: e.path, kind: e.kind}
	}
	at.text = d.text[from:len(d.text):len(d.text)]
	chunks = append(chunks, at)
	first := r.from
	for first < r.to && len(chunks) > 0 && t.chunks[first].same(chunks[0]) {
		first, chunks = first+1, chunks[1:]
	}
	for _, c := range t.chunks[first:r.to] {
		t.forget(c)
	}
	old := len(t.chunks)
	t.chunks = slices.Replace(t.chunks, first, r.to, chunks...)
	if len(t.chunks) != old {
		t.number(first)
	} else {
		for i, c := range chunks {
			c.number = first + i
		}
	}
	for _, c := range chunks {
		t.register(c)
	}
}
