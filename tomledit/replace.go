package tomledit

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Extract returns the text of a table as a whole, with the comments that belong to it, for an editor or a history. If the table is written in
// several places, these follow each other.
func (t *Text) Extract(path []string) ([]byte, error) {
	r, err := t.locate(path)
	if err != nil {
		return nil, err
	}
	if !r.hasHeader(path) { // may be something else than a table
		if _, err := r.value(path); err != nil {
			return nil, err
		}
	}
	parts, _, err := r.parts(path)
	if err != nil {
		return nil, err
	}
	return bytes.Join(r.texts(parts), nil), nil
}

// hasHeader reports whether a table has a header of its own.
func (d *document) hasHeader(path []string) bool {
	return slices.ContainsFunc(d.list, func(e expression) bool { return e.kind == header && slices.Equal(e.path, path) })
}

// Replace puts another text in place of that which Extract returns. It must define this table and nothing else.
func (t *Text) Replace(path []string, entry []byte) (Undo, error) {
	return t.change(path, t.locate, func(d *document) (map[string]any, error) {
		if _, err := d.value(path); err != nil {
			return nil, err
		}
		parts, around, err := d.parts(path)
		if err != nil {
			return nil, err
		}
		entry := d.withLineEnds(entry)
		e := document{context: context{table: around}}
		if err := e.scan(entry); err != nil {
			return nil, err
		}
		for _, x := range e.list {
			if !hasPrefix(x.path, path) {
				return nil, fmt.Errorf("[%s]: %w: [%s]", spell(x.path), ErrOutside, spell(path))
			}
		}
		if len(e.list) == 0 {
			return nil, fmt.Errorf("the text is empty: %w: [%s]", ErrOutside, spell(path))
		}
		wanted, err := e.value(path)
		if err != nil {
			return nil, err
		}
		return wanted, d.replaceParts(parts, entry)
	})
}

// parts returns where a table is written, and the table that its first lines are in if these have no header of their own.
func (d *document) parts(path []string) (parts []splice, around []string, err error) {
	t := d.find(path)
	if t.braces != nil {
		if len(t.members) > 1 {
			return nil, nil, fmt.Errorf("[%s] is several keys of an inline table: %w; write it as one", spell(path), ErrUnsafe)
		}
		it := t.braces.items[t.members[0]]
		return []splice{{from: it.start, to: it.end}}, t.around, nil
	}
	lines := d.loose(t)
	for _, i := range lines {
		around = d.list[i].path[:d.list[i].table]
		if !slices.Equal(around, d.list[lines[0]].path[:d.list[lines[0]].table]) || len(t.sections) > 0 && i > t.sections[0] {
			return nil, nil, fmt.Errorf("[%s] has keys below several headers: %w; write it as one table", spell(path), ErrUnsafe)
		}
	}
	parts = d.lineParts(lines)
	for _, run := range d.runs(t.sections) {
		parts = append(parts, splice{from: d.commentStart(run[0]), to: d.sectionEnd(run[1])})
	}
	return parts, around, nil
}

// texts returns the text of parts, each ending with a line end if another one follows.
func (d *document) texts(parts []splice) [][]byte {
	var texts [][]byte
	for i, p := range parts {
		text := slices.Clone(d.text[p.from:p.to])
		if i < len(parts)-1 {
			text = append(text, d.terminated(p.to)...)
		}
		texts = append(texts, text)
	}
	return texts
}

// replaceParts writes a text in place of parts. Parts that it begins or ends with stay where they are; the rest comes where the first of the
// others is.
func (d *document) replaceParts(parts []splice, entry []byte) error {
	texts := d.texts(parts)
	first, last := 0, len(parts)
	for first < last-1 && bytes.HasPrefix(entry, texts[first]) {
		entry = entry[len(texts[first]):]
		first++
	}
	for last > first+1 && bytes.HasSuffix(entry, texts[last-1]) {
		entry = entry[:len(entry)-len(texts[last-1])]
		last--
	}
	if d.list[0].kind == assignment && len(entry) > 0 && parts[0].from > 0 && d.text[parts[0].from-1] != '\n' { // within braces
		entry = bytes.TrimSpace(entry)
	} else if n := parts[first].to; len(entry) > 0 && entry[len(entry)-1] != '\n' && (n < len(d.text) || d.after != nil) {
		entry = append(slices.Clone(entry), d.nl...)
	}
	s := []splice{{parts[first].from, parts[first].to, entry}}
	for _, p := range parts[first+1 : last] {
		s = append(s, splice{from: p.from, to: p.to})
	}
	return d.splice(s...)
}

// withLineEnds gives the lines of a text the ends that the document has, if it has only the other ones.
func (d *document) withLineEnds(entry []byte) []byte {
	crlf := strings.Count(string(entry), "\r\n")
	switch {
	case d.nl == "\r\n" && crlf == 0:
		return bytes.ReplaceAll(entry, []byte("\n"), []byte("\r\n"))
	case d.nl == "\n" && crlf > 0 && crlf == bytes.Count(entry, []byte("\n")):
		return bytes.ReplaceAll(entry, []byte("\r\n"), []byte("\n"))
	}
	return entry
}
