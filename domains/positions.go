package domains

import (
	"sort"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// lines knows on which line of a file each key is. The decoder returns values without positions, so the text is read a second time
// for its syntax only.
type lines struct {
	starts   []int // offset of each line
	root     place
	headers  []header // of tables, in their order
	complete bool     // the whole text was read, and each header is at the beginning of a line
}

// place is where a key or an element of an array is, and what is below it.
type place struct {
	offset   int
	keys     map[string]*place
	elements []*place
}

// findLines reads the text. It finds nothing after what the syntactic reader does not accept; problems then name the nearest table
// before it, or only the file.
func findLines(text string) lines {
	l := lines{starts: make([]int, 1, 1+strings.Count(text, "\n")), root: place{offset: noOffset}, complete: true}
	for i := range len(text) {
		if text[i] == '\n' {
			l.starts = append(l.starts, i+1)
		}
	}
	var p unstable.Parser
	table := &l.root // that the next keys belong to
	p.Reset([]byte(text))
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = l.root.header(e)
			l.noteHeader(text, e)
		case unstable.KeyValue:
			table.keyValue(e)
		}
	}
	l.complete = l.complete && p.Error() == nil
	return l
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
func (p *place) header(e *unstable.Node) *place {
	for it := e.Key(); it.Next(); {
		p = p.open(it.Node())
		offset := int(it.Node().Raw.Offset)
		if it.IsLast() && e.Kind == unstable.ArrayTable {
			p.elements = append(p.elements, &place{offset: offset})
		}
		if n := len(p.elements); n > 0 {
			p = p.elements[n-1]
		}
	}
	return p
}

// keyValue notes a key and, within its value, the keys of inline tables and the elements of arrays.
func (p *place) keyValue(e *unstable.Node) {
	for it := e.Key(); it.Next(); {
		p = p.open(it.Node())
	}
	p.value(e.Value())
}

func (p *place) value(v *unstable.Node) {
	switch v.Kind {
	case unstable.InlineTable:
		for it := v.Children(); it.Next(); {
			p.keyValue(it.Node())
		}
	case unstable.Array:
		offset := p.offset
		for it := v.Children(); it.Next(); {
			if raw := it.Node().Raw; raw.Length > 0 {
				offset = int(raw.Offset)
			}
			element := &place{offset: offset}
			p.elements = append(p.elements, element)
			element.value(it.Node())
		}
	}
}

// open returns the place of a key in a table: the first, which is the table's header rather than a later line that extends it.
func (p *place) open(key *unstable.Node) *place {
	if known, ok := p.keys[string(key.Data)]; ok {
		return known
	}
	if p.keys == nil {
		p.keys = make(map[string]*place)
	}
	found := &place{offset: int(key.Raw.Offset)}
	p.keys[string(key.Data)] = found
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
		if i, ok := elementNumber(part); ok && i < len(f.elements) {
			next = f.elements[i]
		}
		if f.exact = next != nil; f.exact {
			f.place = next
		}
	}
	return f
}

// lineOf returns the line of a place; 0 if nothing of it was found.
func (l *lines) lineOf(f found) int {
	if f.offset == noOffset {
		return 0
	}
	return l.at(f.offset)
}

const noOffset = -1 // of the root, which is not in the text

// at returns the line of an offset.
func (l *lines) at(offset int) int { return sort.SearchInts(l.starts, offset+1) }

// element returns the part of a path that stands for an element of an array. No key looks like it.
func element(i int) string { return elementMark + strconv.Itoa(i) }

const elementMark = "\xFF#" // not valid UTF-8

func elementNumber(part string) (int, bool) {
	digits, ok := strings.CutPrefix(part, elementMark)
	if !ok {
		return 0, false
	}
	i, err := strconv.Atoi(digits)
	return i, err == nil
}
