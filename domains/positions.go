package domains

import (
	"strings"

	"mailhint/tomledit"

	"github.com/pelletier/go-toml/v2/unstable"
)

// lines knows on which line of a file each key is. The decoder returns values without positions, so the text is read a second time
// for its syntax only.
type lines struct {
	root     place
	headers  []header // of tables, in their order
	complete bool     // the whole text was read, and each header is at the beginning of a line
}

// place is where a key or an element of an array is, and what is below it.
type place struct {
	line     int // 0 for the root, which is not in the text
	keys     map[string]*place
	elements []*place
}

// finder finds the lines of a text.
type finder struct {
	lines
	count lineCounter
}

// findLines reads the text. It finds nothing after what the syntactic reader does not accept; problems then name the nearest table
// before it, or only the file.
func findLines(text string) lines {
	f := finder{lines{complete: true}, lineCounter{text: text}}
	var p unstable.Parser
	table := &f.root // that the next keys belong to
	p.Reset([]byte(text))
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = f.header(&f.root, e)
			f.noteHeader(text, e)
		case unstable.KeyValue:
			f.keyValue(table, e)
		}
	}
	f.complete = f.complete && p.Error() == nil
	return f.lines
}

// lineCounter counts lines. It is fast for offsets in ascending order.
type lineCounter struct {
	text     string
	offset   int
	newlines int // before the offset
}

// at returns the line of an offset.
func (c *lineCounter) at(offset int) int {
	if offset < c.offset {
		c.offset, c.newlines = 0, 0
	}
	c.newlines += strings.Count(c.text[c.offset:offset], "\n")
	c.offset = offset
	return c.newlines + 1
}

// noteHeader notes where the line of a header begins, and which domain it is about.
func (l *lines) noteHeader(text string, e *unstable.Node) {
	it := e.Key()
	it.Next() // there is at least one part
	h := header{offset: int(it.Node().Raw.Offset)}
	isDomain := string(it.Node().Data) == "domains"
	if isDomain && it.Next() {
		h.domain = string(it.Node().Data)
	}
	for h.offset > 0 && strings.IndexByte("[ \t", text[h.offset-1]) >= 0 {
		h.offset--
	}
	if h.offset > 0 && text[h.offset-1] != '\n' {
		l.complete = false
	}
	l.headers = append(l.headers, h)
}

// header notes a [table] or [[table]] line and returns the table that it opens. The path leads through the latest element of each array
// of tables.
func (f *finder) header(p *place, e *unstable.Node) *place {
	for it := e.Key(); it.Next(); {
		p = f.open(p, it.Node())
		if it.IsLast() && e.Kind == unstable.ArrayTable {
			p.elements = append(p.elements, &place{line: f.count.at(int(it.Node().Raw.Offset))})
		}
		if n := len(p.elements); n > 0 {
			p = p.elements[n-1]
		}
	}
	return p
}

// keyValue notes a key in a table and, within its value, the keys of inline tables and the elements of arrays.
func (f *finder) keyValue(table *place, e *unstable.Node) {
	for it := e.Key(); it.Next(); {
		table = f.open(table, it.Node())
	}
	f.value(table, e.Value())
}

func (f *finder) value(p *place, v *unstable.Node) {
	switch v.Kind {
	case unstable.InlineTable:
		for it := v.Children(); it.Next(); {
			f.keyValue(p, it.Node())
		}
	case unstable.Array:
		line := p.line
		for it := v.Children(); it.Next(); {
			if raw := it.Node().Raw; raw.Length > 0 {
				line = f.count.at(int(raw.Offset))
			}
			element := &place{line: line}
			p.elements = append(p.elements, element)
			f.value(element, it.Node())
		}
	}
}

// open returns the place of a key in a table: the first, which is the table's header rather than a later line that extends it.
func (f *finder) open(table *place, key *unstable.Node) *place {
	if known, ok := table.keys[string(key.Data)]; ok {
		return known
	}
	if table.keys == nil {
		table.keys = make(map[string]*place)
	}
	found := &place{line: f.count.at(int(key.Raw.Offset))}
	table.keys[string(key.Data)] = found
	return found
}

// found is the place of a path, or of the nearest table around it.
type found struct {
	*place
	exact bool
}

// find returns the place of a path.
func (l *lines) find(path []string) found { return found{&l.root, true}.below(path) }

// below returns the place of a path below this one.
func (f found) below(path []string) found {
	for _, part := range path {
		if !f.exact {
			break
		}
		next := f.keys[part]
		if i, ok := tomledit.ElementNumber(part); ok && i < len(f.elements) {
			next = f.elements[i]
		}
		if f.exact = next != nil; f.exact {
			f.place = next
		}
	}
	return f
}
