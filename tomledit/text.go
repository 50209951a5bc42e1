package tomledit

import (
	"bytes"
	"fmt"
)

// Text is a TOML text that is about to be changed. It is read once, however many changes are made. Nothing changes if a method returns an error. A Text is for one goroutine at a time.
type Text struct {
	bom    []byte
	nl     string
	chunks []*chunk
	tables map[[2]string][]*chunk // by the first two parts of their paths; not those with fewer
	short  []*chunk               // those with fewer, which may have keys of any table
}

// Open reads a text. The error says why it is not valid TOML.
func Open(text []byte) (*Text, error) {
	body := bytes.TrimPrefix(text, bom)
	t := &Text{bom: text[:len(text)-len(body)], nl: lineEnding(body)}
	w := walk(body, context{})
	defer walkers.Put(w)
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
	t.tables = make(map[[2]string][]*chunk, len(t.chunks))
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

// change changes the region of a table and proves that nothing else has changed. edit returns what the table must be then; nil for gone.
func (t *Text) change(path []string, locate func([]string) (*region, error), edit func(*document) (map[string]any, error)) (Undo, error) {
	if len(path) == 0 {
		return Undo{}, fmt.Errorf("the whole text is not a table: %w", ErrUnsafe)
	}
	r, err := locate(path)
	if err != nil {
		return Undo{}, err
	}
	d := r.document
	wanted, err := edit(&d)
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
