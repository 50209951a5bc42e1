package domains

import (
	"strings"

	"mailhint/tomledit"

	"github.com/pelletier/go-toml/v2/unstable"
)

// duplicates finds where the key or table on a line was defined first.
type duplicates struct {
	lines    lineCounter
	line     int            // of the second one
	seen     map[string]int // by path: the line
	elements map[string]int // by path of an array of tables: how many there are so far

	path  []string // of the key that is there twice
	first int      // its first line; 0 if none was found
}

// firstOf returns the path of the key or table on a line that is already defined, and the line of the first; 0 if none is found.
func firstOf(text string, line int) (path []string, first int) {
	d := duplicates{lines: lineCounter{text: text}, line: line, seen: make(map[string]int), elements: make(map[string]int)}
	var p unstable.Parser
	p.Reset([]byte(text))
	var table []string
	for d.first == 0 && p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table:
			table, _ = d.key(nil, e)
			d.note(table, d.lineOf(e))
		case unstable.ArrayTable:
			table, _ = d.key(nil, e)
			n := d.elements[joined(table)]
			d.elements[joined(table)]++
			table = append(table, tomledit.Element(n))
		case unstable.KeyValue:
			d.keyValue(table, e)
		}
	}
	return d.path, d.first
}

// key returns the path of a node's key below a table, through the latest element of each array of tables.
func (d *duplicates) key(table []string, e *unstable.Node) (path []string, offset int) {
	path = table[:len(table):len(table)]
	for it := e.Key(); it.Next(); {
		if n := d.elements[joined(path)]; n > 0 {
			path = append(path, tomledit.Element(n-1))
		}
		path = append(path, string(it.Node().Data))
		offset = int(it.Node().Raw.Offset)
	}
	return path, offset
}

func (d *duplicates) lineOf(e *unstable.Node) int {
	_, offset := d.key(nil, e)
	return d.lines.at(offset)
}

func (d *duplicates) keyValue(table []string, e *unstable.Node) {
	path, offset := d.key(table, e)
	d.note(path, d.lines.at(offset))
	if v := e.Value(); v.Kind == unstable.InlineTable {
		for it := v.Children(); it.Next(); {
			d.keyValue(path, it.Node())
		}
	}
}

// note notes a definition, and whether it is the second one.
func (d *duplicates) note(path []string, line int) {
	first, again := d.seen[joined(path)]
	if again && line == d.line && d.first == 0 {
		d.path, d.first = path, first
	}
	if !again {
		d.seen[joined(path)] = line
	}
}

func joined(path []string) string { return strings.Join(path, "\xFF") }
