package tomledit

import (
	"bytes"
	"slices"
)

// blankLine and comment report what the line at an offset is.
func (d *document) blank(i int) bool {
	i = skipSpace(d.text, i)
	return i < len(d.text) && (d.text[i] == '\n' || d.text[i] == '\r')
}

func (d *document) comment(i int) bool {
	i = skipSpace(d.text, i)
	return i < len(d.text) && d.text[i] == '#'
}

// lineAbove returns the offset of the line above the one that begins at i.
func (d *document) lineAbove(i int) int { return bytes.LastIndexByte(d.text[:i-1], '\n') + 1 }

// floor returns the offset behind the expression above the one with an index.
func (d *document) floor(i int) int {
	if i == 0 {
		return 0
	}
	return d.list[i-1].next
}

// commentStart returns where the comment lines directly above an expression begin; its own line if there are none.
func (d *document) commentStart(i int) int {
	start, floor := d.list[i].line, d.floor(i)
	for start > floor && d.comment(d.lineAbove(start)) {
		start = d.lineAbove(start)
	}
	if start == 0 && d.first {
		return d.list[i].line // it may be about the whole file
	}
	return start
}

// keyFollows reports whether the line directly below an expression is a key.
func (d *document) keyFollows(i int) bool {
	if i+1 < len(d.list) {
		return d.list[i+1].kind == assignment && d.list[i+1].line == d.list[i].next
	}
	return d.after != nil && d.after.kind == assignment && d.list[i].next == len(d.text)
}

// sectionLast returns the index of the last expression below a header, or of the header.
func (d *document) sectionLast(i int) int {
	for i+1 < len(d.list) && d.list[i+1].kind == assignment {
		i++
	}
	return i
}

// sectionEnd returns where the lines of the section end whose last expression has the index: behind the comment lines directly below it,
// unless they are directly above something else.
func (d *document) sectionEnd(last int) int {
	end := d.list[last].next
	limit := len(d.text)
	if last+1 < len(d.list) {
		limit = d.list[last+1].line
	}
	for end < limit && d.comment(end) {
		end = lineEnd(d.text, end)
	}
	if end == limit && (last+1 < len(d.list) || d.after != nil) {
		return d.list[last].next
	}
	return end
}

// blanksFrom returns the offset behind the blank lines at i.
func (d *document) blanksFrom(i int) int {
	for d.blank(i) {
		i = lineEnd(d.text, i)
	}
	return i
}

// runs groups headers that follow each other without a header of something else in between.
func (d *document) runs(sections []int) [][2]int {
	var runs [][2]int // first header, last expression
	for _, i := range sections {
		last := d.sectionLast(i)
		if n := len(runs); n > 0 && runs[n-1][1]+1 == i {
			runs[n-1][1] = last
			continue
		}
		runs = append(runs, [2]int{i, last})
	}
	return runs
}

// sectionSpans returns how to take out sections.
func (d *document) sectionSpans(sections []int) []splice {
	var s []splice
	for _, run := range d.runs(sections) {
		s = append(s, d.closed(d.commentStart(run[0]), d.sectionEnd(run[1])))
	}
	return s
}

// lineSpans returns how to take out assignments.
func (d *document) lineSpans(lines []int) []splice {
	var s []splice
	for _, p := range d.lineParts(lines) {
		s = append(s, d.closed(p.from, p.to))
	}
	return s
}

// closed returns how to take out lines so that no two gaps of blank lines are left where there was something in between, and none at the
// beginning or the end.
func (d *document) closed(from, to int) splice {
	behind := d.blanksFrom(to)
	switch {
	case behind == len(d.text) && d.after == nil:
		for from > 0 && d.blank(d.lineAbove(from)) {
			from = d.lineAbove(from)
		}
	case from == 0 && d.first || from > 0 && d.blank(d.lineAbove(from)):
		to = behind
	}
	return splice{from: from, to: to}
}

// lineParts returns the lines of assignments, with the comments that belong to them; those next to each other together.
func (d *document) lineParts(lines []int) []splice {
	var s []splice
	for _, i := range lines {
		start := d.list[i].line
		last := i
		for d.keyFollows(last) && slices.Contains(lines, last+1) {
			last++
		}
		if !d.keyFollows(last) {
			start = d.commentStart(i)
		}
		if n := len(s); n > 0 && s[n-1].to == start {
			s[n-1].to = d.list[i].next
		} else {
			s = append(s, splice{from: start, to: d.list[i].next})
		}
	}
	return s
}

// indent returns the white space at the beginning of an expression's line.
func (d *document) indent(e expression) string {
	return string(d.text[e.line:skipSpace(d.text, e.line)])
}

// terminated returns the line end that is missing at an offset, which is where a line should begin.
func (d *document) terminated(at int) string {
	if at > 0 && d.text[at-1] != '\n' {
		return d.nl
	}
	return ""
}
