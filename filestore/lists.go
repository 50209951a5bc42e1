package filestore

import (
	"cmp"
	"slices"
	"strings"

	"mailhint/settings"
)

// listChange is what becomes of the names in a domains_file. Everything else, such as comments, stays as it is.
type listChange struct {
	remove map[string]bool        // names in lower case and A-labels
	goes   func(name string) bool // which other names are removed; nil for none
	add    []listLine             // in their order
}

// listLine is a line to add to a list.
type listLine struct {
	text         string // without its end
	above, below string // the lines that it was between, if it was removed before; empty for the end of the file
	nl           string // how the lines of the file ended then; empty if it is not known
	open         bool   // it had no line end
}

// apply changes a text. New lines are put where they were, if one of their neighbours is still there, else at the end.
func (c listChange) apply(text string) string {
	nl := lineEnd(text)
	ended := strings.HasSuffix(text, "\n")
	for _, l := range c.add {
		if nl == "" {
			nl = l.nl
		}
		if strings.TrimPrefix(text, "\uFEFF") == "" {
			ended = !l.open
		}
	}
	nl = cmp.Or(nl, "\n")
	mark := ""
	if rest, ok := strings.CutPrefix(text, "\uFEFF"); ok {
		mark, text = "\uFEFF", rest
	}
	var lines []string // with their ends
	for line := range strings.Lines(text) {
		if !c.removes(line) {
			lines = append(lines, line)
		}
	}
	for _, l := range c.add {
		at := l.place(lines)
		if at == len(lines) && at > 0 && !strings.HasSuffix(lines[at-1], "\n") {
			lines[at-1] += nl
		}
		lines = slices.Insert(lines, at, l.text+nl)
	}
	text = strings.Join(lines, "")
	if !ended {
		text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	}
	return mark + text
}

// lineEnd returns how the lines of a text end; "" if there is only one, without an end.
func lineEnd(text string) string {
	switch i := strings.IndexByte(text, '\n'); {
	case i < 0:
		return ""
	case i > 0 && text[i-1] == '\r':
		return "\r\n"
	}
	return "\n"
}

// removes reports whether a line has a name that is removed.
func (c listChange) removes(line string) bool {
	if c.goes != nil {
		name, ok := nameOf(line)
		return ok && (c.remove[name] || c.goes(name))
	}
	if len(c.remove) == 0 {
		return false
	}
	_, ok := nameOn(line, c.remove)
	return ok
}

// itemOn returns what is on a line of a list besides a comment, as package domains has it.
func itemOn(line string) string {
	for i := range len(line) {
		if line[i] == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			line = line[:i]
			break
		}
	}
	return strings.TrimSpace(line)
}

// nameOf returns the domain on a line of a list.
func nameOf(line string) (string, bool) {
	item := itemOn(line)
	if item == "" {
		return "", false
	}
	d, err := settings.ParseDomain(item)
	return string(d), err == nil
}

// nameOn returns the domain on a line of a list if it is one of those that are wanted. Others in plain ASCII are not parsed, because lists can have
// a million lines.
func nameOn(line string, wanted map[string]bool) (string, bool) {
	item := itemOn(line)
	isPlain := strings.IndexFunc(item, func(r rune) bool { return r > 0x7E || r <= ' ' }) < 0
	if isPlain && !wanted[strings.ToLower(strings.TrimSuffix(item, "."))] {
		return "", false
	}
	name, ok := nameOf(item)
	return name, ok && wanted[name]
}

// place returns where the line is to be.
func (l listLine) place(lines []string) int {
	same := func(line, other string) bool { return strings.TrimRight(line, "\r\n") == other }
	if l.above != "" {
		if i := slices.IndexFunc(lines, func(line string) bool { return same(line, l.above) }); i >= 0 {
			return i + 1
		}
	}
	if l.below != "" {
		if i := slices.IndexFunc(lines, func(line string) bool { return same(line, l.below) }); i >= 0 {
			return i
		}
	}
	return len(lines)
}

// linesOf returns the lines of a text that have one of the names, with what they are between, by name.
func linesOf(text string, names map[string]bool) map[string][]listLine {
	found := make(map[string][]listLine)
	above, last, nl := "", "", lineEnd(text)
	for line := range strings.Lines(strings.TrimPrefix(text, "\uFEFF")) {
		plain := strings.TrimRight(line, "\r\n")
		if last != "" { // the line above had one of the names
			list := found[last]
			list[len(list)-1].below = plain
			last = ""
		}
		if name, ok := nameOn(line, names); ok {
			found[name] = append(found[name], listLine{text: plain, above: above, nl: nl, open: !strings.HasSuffix(line, "\n")})
			last = name
		}
		above = plain
	}
	return found
}
