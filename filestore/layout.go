package filestore

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"mailhint/domains"
	"mailhint/tomledit"
)

// layout is how the octets of a TOML file belong to its records, with the comments that belong to them, and what is left for everything else.
type layout struct {
	records map[tablePath]*written
	order   []tablePath // as they begin in the file
	rest    written
	valid   bool // the text is TOML

	body     string // the text without a byte order mark
	sections []int  // where they begin: what is above the first header, and then what is from the line of a header to that of the next one
}

// written is what a file has of a record. One that has keys elsewhere than in its sections, such as "x" = { … } below [domains], is loose.
type written struct {
	pieces      []string // of the text, as long as possible
	from, to    int      // of the last piece
	first, last int      // sections
	count       int      // of sections
	loose       bool
}

// contiguous reports whether all that is written of a record is in sections that follow each other.
func (w *written) contiguous() bool {
	return w != nil && !w.loose && w.count > 0 && w.last-w.first+1 == w.count
}

// add adds a piece of a text.
func (w *written) add(text string, from, to int) {
	if len(w.pieces) > 0 && w.to == from {
		w.to, w.pieces[len(w.pieces)-1] = to, text[w.from:to]
		return
	}
	w.from, w.to, w.pieces = from, to, append(w.pieces, text[from:to])
}

// same reports whether two records are written alike.
func (w *written) same(other *written) bool {
	return slices.Equal(w.pieces, other.pieces) || strings.Join(w.pieces, "") == strings.Join(other.pieces, "")
}

// fingerprint is the same for records that are written alike. It is empty for a record that has no place of its own, such as one in domains = { … }.
func (w *written) fingerprint() string {
	if w == nil {
		return ""
	}
	sum := sha256.Sum256([]byte(strings.Join(w.pieces, "")))
	return string(sum[:])
}

// textOf returns how a record is written; empty if it is spread over a layout that has no text of its own.
func (l *layout) textOf(path []string) string {
	record := tablePath{path[0], path[1]}
	if w := l.records[record]; w.contiguous() && w.count == 1 && len(w.pieces) == 1 {
		return w.pieces[0]
	}
	t, err := tomledit.Open([]byte(l.around(record)))
	if err != nil {
		return ""
	}
	text, err := t.Extract(path)
	if err != nil {
		return ""
	}
	return string(text)
}

// around returns the part of a file with a record and the sections before and after it, which is enough to edit it; the whole file if the record is not
// contiguous.
func (l *layout) around(path tablePath) string {
	w := l.records[path]
	if !w.contiguous() {
		return l.body
	}
	end := len(l.body)
	if w.last+2 < len(l.sections) {
		end = l.sections[w.last+2]
	}
	return l.body[l.sections[max(w.first-1, 0)]:end]
}

// tablePath is the table that a record is, as the file spells it, such as domains and Bücher.example.
type tablePath struct{ table, name string }

// layoutOf reads a valid text. Comments belong to the expression that they are directly above, to the record around them, or to the section that they
// are directly below, as in tomledit.
func layoutOf(text string) layout {
	l := layout{records: make(map[tablePath]*written), body: strings.TrimPrefix(text, "\uFEFF"), sections: []int{0}}
	body := []byte(l.body)
	var p unstable.Parser
	p.Reset(body)
	var table []string
	var around, last tablePath // of the header, and of the expression before
	in := &l.rest              // what has the expression before
	end := 0                   // of the line of the expression before
	headed := false            // it is in a section of its record
	for p.NextExpression() {
		e := p.Expression()
		start, next := extent(body, e)
		var record tablePath
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = appendKey(nil, e)
			around = recordOf(table)
			record = around
			l.sections = append(l.sections, start)
		case unstable.KeyValue:
			if record = around; around == (tablePath{}) {
				record = recordOf(appendKey(table, e))
			}
		default:
			continue
		}
		gap := body[min(end, start):start]
		within := record == last && e.Kind == unstable.KeyValue
		if below := commentsBelow(gap); headed && !within && below < len(gap) {
			in.add(l.body, end, end+below)
		}
		if record != last {
			in = l.of(record)
		}
		in.note(len(l.sections)-1, record != around)
		above := belonging(gap, end == 0, within)
		in.add(l.body, start-len(above), next)
		last, end, headed = record, next, record != (tablePath{}) && record == around
	}
	if headed {
		in.add(l.body, end, end+commentsBelow(body[end:]))
	}
	l.valid = p.Error() == nil
	return l
}

// of returns what has a record, or everything else.
func (l *layout) of(record tablePath) *written {
	if record == (tablePath{}) {
		return &l.rest
	}
	w := l.records[record]
	if w == nil {
		w = new(written)
		l.records[record] = w
		l.order = append(l.order, record)
	}
	return w
}

// note notes that a record has something in the latest section.
func (w *written) note(section int, loose bool) {
	if w.count == 0 {
		w.first = section
	}
	if w.count == 0 || w.last != section {
		w.count++
	}
	w.last, w.loose = section, w.loose || loose
}

// recordOf returns the record that a path is in; zero for none.
func recordOf(path []string) tablePath {
	if len(path) > 1 && (path[0] == "domains" || path[0] == "profiles") {
		return tablePath{path[0], path[1]}
	}
	return tablePath{}
}

func appendKey(path []string, e *unstable.Node) []string {
	path = path[:len(path):len(path)]
	for it := e.Key(); it.Next(); {
		path = append(path, string(it.Node().Data))
	}
	return path
}

// extent returns where the line of an expression begins, and where the line ends that it ends on.
func extent(body []byte, e *unstable.Node) (start, next int) {
	it := e.Key()
	it.Next()
	first := int(it.Node().Raw.Offset)
	start = bytes.LastIndexByte(body[:first], '\n') + 1
	end := first
	for it := e.Key(); it.Next(); {
		end = int(it.Node().Raw.Offset + it.Node().Raw.Length)
	}
	if e.Kind == unstable.KeyValue {
		end = int(e.Raw.Offset + e.Raw.Length)
	}
	if i := bytes.IndexByte(body[end:], '\n'); i >= 0 {
		return start, end + i + 1
	}
	return start, len(body)
}

// commentsBelow returns the length of the comment lines that a text begins with.
func commentsBelow(text []byte) int {
	length := 0
	for line := range bytes.Lines(text) {
		if !isComment(line) {
			break
		}
		length += len(line)
	}
	return length
}

func isComment(line []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(line, " \t"), []byte("#")) }

// belonging returns the part of the lines above an expression that belongs to it: all if they are within one table, else the comment lines directly
// above, except at the beginning of a file, where they may be about the whole file.
func belonging(above []byte, first, within bool) []byte {
	if within {
		return above
	}
	start := len(above)
	for start > 0 {
		line := bytes.LastIndexByte(above[:start-1], '\n') + 1
		if !isComment(above[line:start]) {
			break
		}
		start = line
	}
	if first && start == 0 {
		return nil
	}
	return above[start:]
}

// layouts returns the layouts of the TOML files of a configuration, by their names. Those that are already known, of the same text, are used.
func layouts(src *domains.Source, known map[string]layout) map[string]layout {
	all := make(map[string]layout)
	for _, f := range src.Files {
		if f.Role != domains.MainFile && f.Role != domains.IncludedFile {
			continue
		}
		l, ok := known[f.Name]
		if !ok || l.body != strings.TrimPrefix(f.Content, "\uFEFF") {
			l = layoutOf(f.Content)
		}
		all[f.Name] = l
	}
	return all
}
