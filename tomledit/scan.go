package tomledit

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2/unstable"
)

// kind is what an expression is.
type kind int

const (
	assignment  kind = iota // key = value
	header                  // [table]
	arrayHeader             // [[table]]
)

// expression is a header or an assignment of a text, which always has lines of its own.
type expression struct {
	kind  kind
	path  []string // the full path, with the tables around it; elements of arrays of tables are parts made by element
	table int      // how many parts of the path are the header's that the assignment is below
	line  int      // offset of the first line
	start int      // offset of the key or of the bracket
	keys  []int    // offsets of the parts of the key or header
	value int      // offset of the value
	end   int      // offset behind the value or the bracket
	next  int      // offset of the line below
}

// context is what the meaning of an expression depends on: the header above it, and how many elements each array of tables has so far.
type context struct {
	table  []string
	counts map[string]int
}

func (c context) clone() context {
	counts := make(map[string]int, len(c.counts))
	for name, n := range c.counts {
		counts[name] = n
	}
	return context{c.table, counts}
}

// walker reads the expressions of a text, one after the other.
type walker struct {
	context
	expression
	text   []byte
	parser unstable.Parser
	node   *unstable.Node
}

// walkers are used again, because their parsers keep their memory.
var walkers = sync.Pool{New: func() any { return new(walker) }}

func walk(text []byte, c context) *walker {
	w := walkers.Get().(*walker)
	w.text, w.context = text, c.clone()
	w.parser.Reset(text)
	return w
}

// advance reads the next expression. The path of an assignment is not filled in: see complete.
func (w *walker) advance() bool {
	if !w.parser.NextExpression() {
		return false
	}
	w.node = w.parser.Expression()
	var first, last unstable.Range
	for it := w.node.Key(); it.Next(); {
		last = it.Node().Raw
		if first.Length == 0 {
			first = last
		}
	}
	e := expression{start: int(first.Offset)}
	switch w.node.Kind {
	case unstable.KeyValue:
		e.end = int(w.node.Raw.Offset + w.node.Raw.Length)
	default:
		e.end = int(last.Offset+last.Length) + bytes.IndexByte(w.text[last.Offset+last.Length:], ']') + 1
		e.start = bytes.LastIndexByte(w.text[:e.start], '[')
		e.kind = header
		if w.node.Kind == unstable.ArrayTable {
			e.kind = arrayHeader
			e.end++
			e.start--
		}
		w.enter(e.kind)
		e.path = w.context.table
		e.table = len(e.path)
	}
	e.line = bytes.LastIndexByte(w.text[:e.start], '\n') + 1
	e.next = lineEnd(w.text, e.end)
	w.expression = e
	return true
}

// enter makes the table of a header the one that the following keys are in. A path leads through the latest element of an array of tables.
func (w *walker) enter(k kind) {
	path := make([]string, 0, 4)
	for it := w.node.Key(); it.Next(); {
		path = append(path, string(it.Node().Data))
		last := it.IsLast()
		if k == arrayHeader && last {
			name := spell(path)
			path = append(path, Element(w.counts[name]))
			w.counts[name]++
		} else if len(w.counts) > 0 {
			if n := w.counts[spell(path)]; n > 0 {
				path = append(path, Element(n-1))
			}
		}
	}
	w.context.table = path
}

// complete fills in what advance leaves out, because most callers need it for few expressions.
func (w *walker) complete() expression {
	e := w.expression
	if e.kind == assignment {
		e.path = append(make([]string, 0, len(w.context.table)+2), w.context.table...)
		e.table = len(e.path)
	}
	end := 0
	for it := w.node.Key(); it.Next(); {
		raw := it.Node().Raw
		e.keys = append(e.keys, int(raw.Offset))
		end = int(raw.Offset + raw.Length)
		if e.kind == assignment {
			e.path = append(e.path, string(it.Node().Data))
		}
	}
	if e.kind == assignment {
		e.value = skipSpace(w.text, skipSpace(w.text, end)+1)
	}
	return e
}

// err returns why the text could not be read to its end.
func (w *walker) err() error {
	if err := w.parser.Error(); err != nil {
		return fmt.Errorf("not valid TOML: %w", err)
	}
	return nil
}

// lineEnd returns the offset of the line below the one that i is on.
func lineEnd(text []byte, i int) int {
	if n := bytes.IndexByte(text[i:], '\n'); n >= 0 {
		return i + n + 1
	}
	return len(text)
}

// skipSpace returns the offset of what follows spaces and tabs.
func skipSpace(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\t') {
		i++
	}
	return i
}

// Element returns the part of a path that stands for an element of an array. No key looks like it.
func Element(i int) string { return elementMark + strconv.Itoa(i) }

const elementMark = "\xFF#" // not valid UTF-8

// ElementNumber returns the number of the element that a part of a path stands for, or false if it stands for a key.
func ElementNumber(part string) (int, bool) {
	digits, ok := strings.CutPrefix(part, elementMark)
	if !ok {
		return 0, false
	}
	i, err := strconv.Atoi(digits)
	return i, err == nil
}

// spell writes a path as a header would, with [0] for the elements of arrays.
func spell(path []string) string {
	var b []byte
	for i, part := range path {
		if n, ok := ElementNumber(part); ok {
			b = append(b, '[')
			b = strconv.AppendInt(b, int64(n), 10)
			b = append(b, ']')
			continue
		}
		if i > 0 {
			b = append(b, '.')
		}
		b = appendKey(b, part)
	}
	return string(b)
}

// hasPrefix reports whether a path is that of a table, or of something in it.
func hasPrefix(path, table []string) bool {
	return len(path) >= len(table) && slices.Equal(path[:len(table)], table)
}
