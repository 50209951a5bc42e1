package tomledit

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxInline is how many octets a table may have to be written on the line of its key.
const maxInline = 72

// add gives a table a key that it does not have.
func (d *document) add(path []string, key string, value any) error {
	t := d.find(path)
	switch {
	case t.value >= 0 && d.text[t.value] == '{':
		return d.addInline(parseList(d.text, t.value), string(appendKey(nil, key)), value)
	case t.braces != nil && len(t.members) > 0 && t.value < 0:
		last := t.braces.items[t.members[len(t.members)-1]].member(d.text, t.around)
		return d.addInline(*t.braces, d.spelled(last, len(path))+"."+string(appendKey(nil, key)), value)
	case t.head >= 0 && wantsHeader(value):
		run := d.runs(t.sections)
		i := slices.IndexFunc(run, func(r [2]int) bool { return r[0] <= t.head && t.head <= r[1] })
		return d.addSections(d.spelled(d.list[t.head], len(path)), key, value, run[i][1])
	case t.head >= 0:
		last := d.sectionLast(t.head)
		return d.addLine(last, last > t.head, d.key(last, last > t.head, "", key), value)
	case len(t.lines) > 0:
		last := t.lines[len(t.lines)-1]
		return d.addLine(last, true, d.key(last, true, d.spelled(d.list[last], len(path))+".", key), value)
	case len(t.sections) > 0:
		i := t.sections[0]
		e := d.list[i]
		at := d.commentStart(i)
		lines := d.indent(e) + "[" + d.spelled(e, len(path)) + "]" + d.nl + d.indent(e) + string(appendKey(nil, key)) + " = " + string(appendValue(nil, value)) + d.nl + d.nl
		return d.splice(splice{at, at, []byte(d.terminated(at) + lines)})
	}
	return fmt.Errorf("there is no place for %s: %w; write it as [%s]", spell(below(path, key)), ErrUnsafe, spell(path))
}

// wantsHeader reports whether a value is better written with headers of its own than on one line.
func wantsHeader(v any) bool {
	switch v := v.(type) {
	case []any:
		return len(v) > 0 && allTables(v)
	case map[string]any:
		for _, value := range v {
			if _, ok := value.(map[string]any); ok || wantsHeader(value) {
				return true
			}
		}
		return len(appendValue(nil, v)) > maxInline
	}
	return false
}

// addInline puts a key and value behind the last item of an inline table.
func (d *document) addInline(l list, key string, value any) error {
	text := key + " = " + string(appendValue(nil, value))
	if len(l.items) == 0 && d.text[l.open+1] == '}' {
		text = " " + text + " "
	}
	c := change{remove: make([]bool, len(l.items)), insert: map[int][][]byte{len(l.items) - 1: {[]byte(text)}}}
	return d.splice(l.splices(d.text, c, d.nl)...)
}

// key returns a key and the equals sign behind it, spaced as the assignment above it if there is one.
func (d *document) key(above int, like bool, prefix, key string) string {
	spelled := prefix + string(appendKey(nil, key))
	if !like {
		return spelled + " = "
	}
	e := d.list[above]
	sign := e.start + strings.LastIndexByte(string(d.text[e.start:e.value]), '=')
	left := d.text[e.start:sign]
	name := bytes.TrimRight(left, " \t")
	space := string(left[len(name):])
	if strings.Count(space, " ") == len(space) && len(space) > 1 || d.signsAligned(above, sign) {
		space = strings.Repeat(" ", max(1, utf8.RuneCount(left)-utf8.RuneCountInString(spelled)))
	}
	return spelled + space + string(d.text[sign:e.value])
}

// signsAligned reports whether the assignment above another one has a key of another length, but its equals sign in the same column.
func (d *document) signsAligned(i, sign int) bool {
	if i == 0 || d.list[i-1].kind != assignment || d.list[i-1].next != d.list[i].line {
		return false
	}
	o := d.list[i-1]
	other := o.start + bytes.LastIndexByte(d.text[o.start:o.value], '=')
	return other-o.line == sign-d.list[i].line && d.text[other-1] == ' ' && d.text[other-2] == ' '
}

// addLine writes an assignment below an expression, with the indentation of the one above.
func (d *document) addLine(above int, like bool, key string, value any) error {
	e := d.list[above]
	line := d.indent(e) + key + string(appendValue(nil, value)) + d.nl
	return d.splice(splice{e.next, e.next, []byte(d.terminated(e.next) + line)})
}

// addSections writes a table or a list of tables below the section whose last expression is given.
func (d *document) addSections(parent, key string, value any, last int) error {
	at := d.sectionEnd(last)
	style := d.styleOf(last)
	text := style.sections(parent+"."+string(appendKey(nil, key)), value)
	return d.splice(splice{at, at, []byte(d.terminated(at) + text)})
}

// addElement writes a table below an element of an array of tables, or above the first if that is -1.
func (d *document) addElement(path []string, after int, value map[string]any) error {
	t := d.find(path)
	name := d.spelled(d.list[t.sections[0]], len(path))
	if after < 0 {
		first := t.sections[0]
		at := d.commentStart(first)
		style := d.styleOf(d.sectionLast(first))
		text := strings.TrimPrefix(style.sections(name, []any{value}), style.blank) + style.blank
		return d.splice(splice{at, at, []byte(d.terminated(at) + text)})
	}
	run := d.runs(d.find(below(path, Element(after))).sections)
	last := run[len(run)-1][1]
	at := d.sectionEnd(last)
	return d.splice(splice{at, at, []byte(d.terminated(at) + d.styleOf(last).sections(name, []any{value}))})
}

// style is how sections are written here.
type style struct {
	nl     string
	blank  string // between sections: a line end, or nothing
	header string // indentation of headers
	key    string // and of keys
}

// styleOf returns the style of the section whose last expression is given.
func (d *document) styleOf(last int) style {
	s := style{nl: d.nl, blank: d.nl}
	head := last
	for head >= 0 && d.list[head].kind == assignment {
		head--
	}
	if head < 0 {
		return s
	}
	s.header = d.indent(d.list[head])
	s.key = s.header
	if last > head {
		s.key = d.indent(d.list[head+1])
	}
	if start := d.commentStart(head); head > 0 && start > 0 && !d.blank(d.lineAbove(start)) {
		s.blank = ""
	}
	return s
}

// sections writes a table, or a list of tables, with headers.
func (s style) sections(name string, value any) string {
	if list, ok := value.([]any); ok {
		var b strings.Builder
		for _, v := range list {
			b.WriteString(s.section("[["+name+"]]", name, sortedMembers(v.(map[string]any))))
		}
		return b.String()
	}
	return s.section("["+name+"]", name, sortedMembers(value.(map[string]any)))
}

func sortedMembers(table map[string]any) []Member {
	var members []Member
	for _, key := range slices.Sorted(maps.Keys(table)) {
		members = append(members, Member{key, table[key]})
	}
	return members
}

// section writes a header, the keys below it, and then the tables that need headers of their own.
func (s style) section(header, name string, members []Member) string {
	var b strings.Builder
	b.WriteString(s.blank + s.header + header + s.nl)
	for _, m := range members {
		if !wantsHeader(m.Value) {
			b.WriteString(s.key + string(appendValue(append(appendKey(nil, m.Key), " = "...), m.Value)) + s.nl)
		}
	}
	for _, m := range members {
		if wantsHeader(m.Value) {
			b.WriteString(s.sections(name+"."+string(appendKey(nil, m.Key)), m.Value))
		}
	}
	return b.String()
}
