package tomledit

import (
	"bytes"
	"fmt"
	"slices"
)

// Text is a TOML text that is about to be changed. It is for many changes of a large text, which is then read only once; for a single change
// there are functions of the same names. Nothing changes if a method returns an error.
type Text struct {
	bom    []byte
	nl     string
	chunks []*chunk
	tables map[string][]*chunk // by the first two parts of their paths; not those with fewer
	short  []*chunk            // those with fewer, which may have keys of any table
}

// chunk is a header and everything up to the next header. The first chunk of a text has no header, and may be empty.
type chunk struct {
	text   []byte
	table  []string
	kind   kind
	number int          // in the text
	list   []expression // as in a document that begins here; nil if not yet needed
}

// Open reads a text. The error says why it is not valid TOML.
func Open(text []byte) (*Text, error) {
	body := bytes.TrimPrefix(text, bom)
	t := &Text{bom: text[:len(text)-len(body)], nl: lineEnding(body)}
	w := walk(body, context{})
	at := &chunk{}
	from := 0
	for w.advance() {
		if w.kind != assignment {
			at.text = body[from:w.line:w.line]
			t.chunks = append(t.chunks, at)
			at, from = &chunk{table: w.context.table, kind: w.kind}, w.line
		}
	}
	if err := w.err(); err != nil {
		return nil, err
	}
	at.text = body[from:len(body):len(body)]
	t.chunks = append(t.chunks, at)
	t.number(0)
	t.tables = make(map[string][]*chunk, len(t.chunks))
	for _, c := range t.chunks {
		t.register(c)
	}
	return t, nil
}

// Bytes returns the text as it is now.
func (t *Text) Bytes() []byte {
	n := len(t.bom)
	for _, c := range t.chunks {
		n += len(c.text)
	}
	b := append(make([]byte, 0, n), t.bom...)
	for _, c := range t.chunks {
		b = append(b, c.text...)
	}
	return b
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

func indexKey(path []string) string { return path[0] + "\x00" + path[1] }

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
			n, ok := elementNumber(part)
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
		array := below(path[:i], element(0))
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
	for _, c := range t.chunks[r.from:r.to] {
		t.forget(c)
	}
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
	old := len(t.chunks)
	t.chunks = slices.Replace(t.chunks, r.from, r.to, chunks...)
	if len(t.chunks) != old {
		t.number(r.from)
	} else {
		for i, c := range chunks {
			c.number = r.from + i
		}
	}
	for _, c := range chunks {
		t.register(c)
	}
}

// change changes the region of a table and proves that nothing else has changed. make returns what the table must be then; nil for gone.
func (t *Text) change(path []string, locate func([]string) (*region, error), make func(*document) (map[string]any, error)) (Undo, error) {
	if len(path) == 0 {
		return Undo{}, fmt.Errorf("the whole text is not a table: %w", ErrUnsafe)
	}
	r, err := locate(path)
	if err != nil {
		return Undo{}, err
	}
	d := r.document
	wanted, err := make(&d)
	if err != nil {
		return Undo{}, err
	}
	was, got, err := verify(&r.document, &d, path)
	if err != nil {
		return Undo{}, err
	}
	if wanted == nil && got != nil || wanted != nil && !equal(got, wanted) {
		return Undo{}, fmt.Errorf("the result would not be what was asked for: %w; write it as [%s]", ErrUnsafe, spell(path))
	}
	return t.finish(r, &d, path, was), nil
}

// finish puts a changed region into the text, and returns how to undo that.
func (t *Text) finish(r *region, d *document, path []string, was any) Undo {
	if bytes.Equal(d.text, r.text) {
		return Undo{Path: path}
	}
	t.put(r, d)
	return Undo{path, sum(was), r.hunks(d, path)}
}

var bom = []byte("\xEF\xBB\xBF")

// single makes one change of a text.
func single(text []byte, change func(*Text) (Undo, error)) (Result, error) {
	t, err := Open(text)
	if err != nil {
		return Result{}, err
	}
	undo, err := change(t)
	if err != nil {
		return Result{}, err
	}
	if len(undo.Hunks) == 0 {
		return Result{text, undo}, nil
	}
	return Result{t.Bytes(), undo}, nil
}

// Set is Text.Set for a single change.
func Set(text []byte, path []string, members []Member) (Result, error) {
	return single(text, func(t *Text) (Undo, error) { return t.Set(path, members) })
}

// Add is Text.Add for a single change.
func Add(text []byte, path []string, members []Member, after ...string) (Result, error) {
	return single(text, func(t *Text) (Undo, error) { return t.Add(path, members, after...) })
}

// Remove is Text.Remove for a single change.
func Remove(text []byte, path []string) (Result, error) {
	return single(text, func(t *Text) (Undo, error) { return t.Remove(path) })
}

// Replace is Text.Replace for a single change.
func Replace(text []byte, path []string, entry []byte) (Result, error) {
	return single(text, func(t *Text) (Undo, error) { return t.Replace(path, entry) })
}

// Revert is Text.Revert for a single change.
func Revert(text []byte, u Undo) (Result, error) {
	return single(text, func(t *Text) (Undo, error) { return t.Revert(u) })
}

// Extract is Text.Extract for a single table.
func Extract(text []byte, path []string) ([]byte, error) {
	t, err := Open(text)
	if err != nil {
		return nil, err
	}
	return t.Extract(path)
}
