package domains

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// lines knows on which line of a file each key stands. The decoder tells values but not places, so a second, syntactic reading
// of the text finds them.
type lines struct {
	starts []int          // offset of each line
	keys   map[string]int // pathKey → offset of the key
}

// findLines reads the text. It finds nothing in a text that the syntactic reader does not take; then problems name the file only.
func findLines(text string) lines {
	l := lines{starts: []int{0}, keys: make(map[string]int)}
	for i := range len(text) {
		if text[i] == '\n' {
			l.starts = append(l.starts, i+1)
		}
	}
	var (
		p       unstable.Parser
		current []string           // the table that key-values belong to
		arrays  = map[string]int{} // how many elements an array of tables has so far
	)
	p.Reset([]byte(text))
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			current = l.header(e, arrays)
		case unstable.KeyValue:
			l.keyValue(e, current)
		}
	}
	return l
}

// header notes a [table] or [[table]] line and returns the path it opens, with the index of the latest element after each array
// of tables on the way.
func (l *lines) header(e *unstable.Node, arrays map[string]int) []string {
	var path []string
	offset := 0
	for it := e.Key(); it.Next(); {
		path = append(path, string(it.Node().Data))
		offset = int(it.Node().Raw.Offset)
		if n, ok := arrays[pathKey(path)]; ok && !(it.IsLast() && e.Kind == unstable.ArrayTable) {
			path = append(path, element(n-1))
		}
		l.note(path, offset)
	}
	if e.Kind == unstable.ArrayTable {
		key := pathKey(path)
		path = append(path, element(arrays[key]))
		arrays[key]++
		l.note(path, offset)
	}
	return path
}

// keyValue notes a key and, within its value, the keys of inline tables and the elements of arrays.
func (l *lines) keyValue(e *unstable.Node, table []string) {
	path := slices.Clone(table)
	offset := 0
	for it := e.Key(); it.Next(); {
		path = append(path, string(it.Node().Data))
		offset = int(it.Node().Raw.Offset)
		l.note(path, offset)
	}
	l.value(e.Value(), path, offset)
}

func (l *lines) value(v *unstable.Node, path []string, offset int) {
	switch v.Kind {
	case unstable.InlineTable:
		for it := v.Children(); it.Next(); {
			l.keyValue(it.Node(), path)
		}
	case unstable.Array:
		i := 0
		for it := v.Children(); it.Next(); i++ {
			place := append(slices.Clone(path), element(i))
			if it.Node().Raw.Length > 0 {
				offset = int(it.Node().Raw.Offset)
			}
			l.note(place, offset)
			l.value(it.Node(), place, offset)
		}
	}
}

// note keeps the first place of a path: the table's header rather than a later line that goes on with it.
func (l *lines) note(path []string, offset int) {
	key := pathKey(path)
	if _, known := l.keys[key]; !known {
		l.keys[key] = offset
	}
}

// of returns the line of a key, or of the nearest table around it; 0 if nothing of it was found.
func (l lines) of(path []string) int {
	for ; len(path) > 0; path = path[:len(path)-1] {
		if offset, ok := l.keys[pathKey(path)]; ok {
			return sort.SearchInts(l.starts, offset+1)
		}
	}
	return 0
}

// element returns the part of a path that stands for an element of an array.
func element(i int) string { return "#" + strconv.Itoa(i) }

// pathKey joins a path with a character that no key of ours contains.
func pathKey(path []string) string { return strings.Join(path, "\x00") }
