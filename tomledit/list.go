package tomledit

import (
	"bytes"
	"slices"

	"github.com/pelletier/go-toml/v2/unstable"
)

// list is what is between the brackets of an array or the braces of an inline table.
type list struct {
	open, close int // offsets of the brackets
	items       []item
}

// item is an element of an array, or a key and value of an inline table.
type item struct {
	start, end int
	comma      int // offset of the comma that follows, or -1
}

// parseList reads the list that opens at an offset of a valid text.
func parseList(text []byte, open int) list {
	l := list{open: open}
	var at item
	empty := true // no item so far since the last comma
	for i := open + 1; ; {
		switch c := text[i]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			i++
		case c == '#':
			i = lineEnd(text, i)
		case c == ',':
			at.comma = i
			l.items = append(l.items, at)
			empty = true
			i++
		case c == ']' || c == '}':
			if !empty {
				at.comma = -1
				l.items = append(l.items, at)
			}
			l.close = i
			return l
		default:
			if empty {
				at.start, empty = i, false
			}
			i = skipToken(text, i)
			at.end = i
		}
	}
}

// skipToken returns the offset behind a string, a list, or one octet of something else.
func skipToken(text []byte, i int) int {
	switch text[i] {
	case '"', '\'':
		return skipString(text, i)
	case '[', '{':
		return parseList(text, i).close + 1
	}
	return i + 1
}

// skipString returns the offset behind a string.
func skipString(text []byte, i int) int {
	quote := text[i]
	if triple := bytes.Repeat([]byte{quote}, 3); bytes.HasPrefix(text[i:], triple) {
		for i += 3; !bytes.HasPrefix(text[i:], triple); i++ {
			if text[i] == '\\' && quote == '"' {
				i++
			}
		}
		i += 3
		for i < len(text) && text[i] == quote { // up to two quotes may end the content
			i++
		}
		return i
	}
	for i++; text[i] != quote; i++ {
		if text[i] == '\\' && quote == '"' {
			i++
		}
	}
	return i + 1
}

// member reads an item of an inline table as an assignment. Its offsets are those of the text, its path continues that of the table.
func (it item) member(text []byte, table []string) expression {
	var p unstable.Parser
	p.Reset(text[it.start:it.end])
	e := expression{path: slices.Clone(table), table: len(table), start: it.start, end: it.end}
	if !p.NextExpression() {
		return e
	}
	end := 0
	for keys := p.Expression().Key(); keys.Next(); {
		raw := keys.Node().Raw
		e.keys = append(e.keys, it.start+int(raw.Offset))
		end = it.start + int(raw.Offset+raw.Length)
		e.path = append(e.path, string(keys.Node().Data))
	}
	e.value = skipSpace(text, skipSpace(text, end)+1)
	return e
}

// ownLines reports whether each item has lines of its own, which can be taken out or added as a whole.
func (l list) ownLines(text []byte) bool {
	for _, it := range l.items {
		if _, _, ok := it.lines(text); !ok {
			return false
		}
	}
	return len(l.items) > 0
}

// lines returns the lines of an item; ok is false if something else is on them.
func (it item) lines(text []byte) (start, end int, ok bool) {
	start = bytes.LastIndexByte(text[:it.start], '\n') + 1
	if skipSpace(text, start) != it.start {
		return 0, 0, false
	}
	end = skipSpace(text, it.end)
	if it.comma >= 0 {
		if it.comma != end {
			return 0, 0, false
		}
		end = skipSpace(text, end+1)
	}
	if c := text[end]; c != '#' && c != '\n' && c != '\r' {
		return 0, 0, false
	}
	return start, lineEnd(text, end), true
}

// change says what becomes of a list: which items are taken out or replaced, and what is put behind others.
type change struct {
	remove  []bool           // by item
	replace map[int][]byte   // by item
	insert  map[int][][]byte // by the item that they follow; -1 for the first
}

// splices returns how to change the text of a list.
func (l list) splices(text []byte, c change, nl string) []splice {
	if l.ownLines(text) {
		return l.changeLines(text, c, nl)
	}
	var s []splice
	insert := func(after, at int) {
		for i, value := range c.insert[after] {
			switch {
			case len(l.items) == 0 && i == 0:
			case len(l.items) > 0 && after < 0:
				value = append(slices.Clone(value), ", "...)
			default:
				value = append([]byte(", "), value...)
			}
			s = append(s, splice{at, at, value})
		}
	}
	first := l.open + 1
	if len(l.items) > 0 {
		first = l.items[0].start
	}
	insert(-1, first)
	kept := false // one of the items before
	for i, it := range l.items {
		switch {
		case !c.remove[i]:
			kept = true
			if value := c.replace[i]; value != nil {
				s = append(s, splice{it.start, it.end, value})
			}
			insert(i, it.end)
		case kept:
			s = append(s, splice{from: l.items[i-1].comma, to: l.items[i-1].comma + 1}, splice{from: leftOf(text, it.start), to: it.end})
		case it.comma >= 0:
			s = append(s, splice{from: it.start, to: it.end}, splice{from: it.comma, to: skipSpace(text, it.comma+1)})
		default:
			s = append(s, splice{from: it.start, to: it.end})
		}
	}
	return s
}

// leftOf returns the offset of the spaces and tabs before i.
func leftOf(text []byte, i int) int {
	for text[i-1] == ' ' || text[i-1] == '\t' {
		i--
	}
	return i
}

// changeLines returns how to change a list whose items have lines of their own.
func (l list) changeLines(text []byte, c change, nl string) []splice {
	var s []splice
	first, _, _ := l.items[0].lines(text)
	indent := text[first:l.items[0].start]
	insert := func(after, at int, comma bool) {
		for i, value := range c.insert[after] {
			line := slices.Concat(indent, value)
			if comma || i < len(c.insert[after])-1 {
				line = append(line, ',')
			}
			s = append(s, splice{at, at, append(line, nl...)})
		}
	}
	insert(-1, first, true)
	for i, it := range l.items {
		start, end, _ := it.lines(text)
		if c.remove[i] {
			s = append(s, splice{from: start, to: end})
			continue
		}
		if value := c.replace[i]; value != nil {
			s = append(s, splice{it.start, it.end, value})
		}
		if len(c.insert[i]) > 0 && it.comma < 0 {
			s = append(s, splice{it.end, it.end, []byte(",")})
		}
		insert(i, end, it.comma >= 0)
	}
	return s
}

// splice replaces a range of a text.
type splice struct {
	from, to int
	text     []byte
}

// apply returns a text with splices, which must be in order. What several of them take out is taken out once.
func apply(text []byte, splices []splice) []byte {
	var b []byte
	at := 0
	for _, s := range splices {
		b = append(append(b, text[at:max(s.from, at)]...), s.text...)
		at = max(s.to, at)
	}
	return append(b, text[at:]...)
}
