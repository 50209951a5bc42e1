package tomledit

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/BurntSushi/toml"
)

// document is the region of a text in which a table is changed: from one header to another one, or to the end of the text. What is outside
// cannot change, so nothing there needs to be looked at again.
type document struct {
	text    []byte
	nl      string      // how the lines of the whole text end
	first   bool        // nothing is above the region
	after   *expression // the expression directly below the region; nil at the end of the text
	context             // of the region's first line
	list    []expression
}

// scan makes a text the document's.
func (d *document) scan(text []byte) error {
	d.text, d.list = text, make([]expression, 0, 16)
	w := walk(text, d.context)
	defer walkers.Put(w)
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

// concerns reports whether an expression belongs to a table, or gives a value to a table that it is in.
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
	if b.Len() == 0 {
		return map[string]any{}, nil
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
			return nil, notTable(path[:i])
		}
		if v, ok = table[part]; !ok {
			return nil, fmt.Errorf("[%s]: %w", spell(path), ErrNotFound)
		}
	}
	table, ok := v.(map[string]any)
	if !ok {
		return nil, notTable(path)
	}
	return table, nil
}

func notTable(path []string) error {
	return fmt.Errorf("%s is not a table: %w; write it as [%s]", spell(path), ErrUnsafe, spell(path))
}

// lineEnding returns how the lines of a text end: as the first one does.
func lineEnding(text []byte) string {
	if i := bytes.IndexByte(text, '\n'); i > 0 && text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}
