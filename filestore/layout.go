package filestore

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"mailhint/domains"
)

// layout is how the octets of a TOML file belong to its records: a fingerprint for each of them, and one for everything else. Two files in which a
// record has the same fingerprint spell it alike, with the comments that belong to it.
type layout struct {
	records map[tablePath]string
	order   []tablePath // as they begin in the file
	rest    string
	valid   bool // the text is TOML

	body     string    // the text without a byte order mark
	sections []section // what is above the first header, and then what each header begins
	spans    map[tablePath]span
}

// section is a part of a file from the line of a header to the line of the next one.
type section struct {
	start  int
	record tablePath // that it belongs to; zero for none
}

// span is where the sections of a record are. One that has keys elsewhere, such as "x" = { … } below [domains], is loose.
type span struct {
	first, last int
	count       int
	loose       bool
}

// contiguous reports whether all that is written of a record is in sections that follow each other.
func (s span) contiguous() bool { return !s.loose && s.count > 0 && s.last-s.first+1 == s.count }

// text returns a section.
func (l *layout) text(i int) string {
	if i+1 < len(l.sections) {
		return l.body[l.sections[i].start:l.sections[i+1].start]
	}
	return l.body[l.sections[i].start:]
}

// around returns the part of a file with a record and the sections before and after it, which is enough to edit it; the whole file if the record is not
// contiguous.
func (l *layout) around(path tablePath) string {
	s := l.spans[path]
	if !s.contiguous() {
		return l.body
	}
	end := len(l.body)
	if s.last+2 < len(l.sections) {
		end = l.sections[s.last+2].start
	}
	return l.body[l.sections[max(s.first-1, 0)].start:end]
}

// tablePath is the table that a record is, as the file spells it, such as domains and Bücher.example.
type tablePath struct{ table, name string }

// layoutOf reads a valid text. Comments belong to the expression that they are directly above, or to the record around them.
func layoutOf(text string) layout {
	l := layout{records: make(map[tablePath]string), body: strings.TrimPrefix(text, "\uFEFF"), sections: []section{{}}, spans: make(map[tablePath]span)}
	body := []byte(l.body)
	sums := make(map[tablePath]hash.Hash)
	rest := sha256.New()
	var p unstable.Parser
	p.Reset(body)
	var table []string
	var last tablePath // of the expression before
	end := 0           // of the line of the expression before
	for p.NextExpression() {
		e := p.Expression()
		start, next := extent(body, e)
		var path []string
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = appendKey(nil, e)
			path = table
		case unstable.KeyValue:
			path = appendKey(table, e)
		default:
			continue
		}
		record := recordOf(path)
		if e.Kind != unstable.KeyValue {
			l.sections = append(l.sections, section{start, record})
		}
		l.note(record, recordOf(table) != record)
		sum := rest
		if record != (tablePath{}) {
			known := sums[record]
			if known == nil {
				known = sha256.New()
				sums[record] = known
				l.order = append(l.order, record)
			}
			sum = known
		}
		sum.Write(belonging(body[min(end, start):start], end == 0, record == last && e.Kind == unstable.KeyValue))
		sum.Write(body[start:next])
		last, end = record, next
	}
	for record, sum := range sums {
		l.records[record] = string(sum.Sum(nil))
	}
	l.rest, l.valid = string(rest.Sum(nil)), p.Error() == nil
	return l
}

// note notes that a record has something in the latest section.
func (l *layout) note(record tablePath, loose bool) {
	if record == (tablePath{}) {
		return
	}
	s, known := l.spans[record]
	now := len(l.sections) - 1
	if !known {
		s.first = now
	}
	if !known || s.last != now {
		s.count++
	}
	s.last, s.loose = now, s.loose || loose
	l.spans[record] = s
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
		end = valueEnd(body, end)
	}
	if i := bytes.IndexByte(body[end:], '\n'); i >= 0 {
		return start, end + i + 1
	}
	return start, len(body)
}

// valueEnd returns where the value ends whose equals sign is behind an offset.
func valueEnd(body []byte, at int) int {
	depth := 0
	for i := at; i < len(body); {
		switch c := body[i]; {
		case c == '"' || c == '\'':
			i = stringEnd(body, i)
			continue
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		case c == '#':
			if depth == 0 {
				return i
			}
			for i < len(body) && body[i] != '\n' {
				i++
			}
			continue
		case c == '\n' && depth == 0:
			return i
		}
		i++
	}
	return len(body)
}

// stringEnd returns where the string ends that begins at an offset.
func stringEnd(body []byte, at int) int {
	quote := body[at : at+1]
	if triple := bytes.Repeat(quote, 3); bytes.HasPrefix(body[at:], triple) {
		quote = triple
	}
	i := at + len(quote)
	for i < len(body) && !bytes.HasPrefix(body[i:], quote) {
		if body[i] == '\\' && quote[0] == '"' {
			i++
		}
		i++
	}
	i += len(quote)
	for len(quote) == 3 && i < len(body) && body[i] == quote[0] { // up to two more may belong to it
		i++
	}
	return min(i, len(body))
}

// belonging returns the part of the lines above an expression that belongs to it: all if they are within one table, else the comment lines directly
// above, except at the beginning of a file, where they may be about the whole file.
func belonging(above []byte, first, within bool) []byte {
	if within {
		return above
	}
	start := len(above)
	for start > 0 {
		line := bytes.LastIndexByte(above[:start-1], '\n') + 1
		if !bytes.HasPrefix(bytes.TrimLeft(above[line:start], " \t"), []byte("#")) {
			break
		}
		start = line
	}
	if first && start == 0 {
		return nil
	}
	return above[start:]
}

// layouts returns the layouts of the TOML files of a configuration, by their names. Those that are already known, by content, are used.
func layouts(src *domains.Source, known map[string]layout) map[string]layout {
	all := make(map[string]layout)
	for _, f := range src.Files {
		if f.Role != domains.MainFile && f.Role != domains.IncludedFile {
			continue
		}
		l, ok := known[f.Content]
		if !ok {
			l = layoutOf(f.Content)
		}
		all[f.Name] = l
	}
	return all
}
