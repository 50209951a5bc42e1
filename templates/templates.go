// Package templates holds the documents that mailhint answers with, as files that read like what a client will see. They are embedded in
// the program.
//
// An XML template is executed once for a set of settings, not once for each request. What depends on the request, such as the domain and
// the login name, is left open as a hole. A Document is the executed text with its holes; all that remains for a request is to fill them.
package templates

import (
	"embed"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
)

//go:embed *.tmpl
var files embed.FS

// XML parses the named XML template and appends the XML escaper to every action, so that no template can forget it: html/template would
// break the "<?xml" line, and text/template alone escapes nothing. It panics if the file is missing or broken, which stops the program when
// it starts.
func XML(name string) *Template {
	t := template.Must(template.New(name).Funcs(template.FuncMap{"escape": escape}).ParseFS(files, name))
	for _, part := range t.Templates() {
		appendToActions(part.Root, "escape")
	}
	return &Template{t}
}

// Template is a parsed XML document.
type Template struct{ t *template.Template }

// Prepare executes the template. Data may contain the Holes with numbers below holes, which remain open in the Document.
func (t *Template) Prepare(data any, holes int) (Document, error) {
	var text strings.Builder
	if err := t.t.Execute(&text, data); err != nil {
		return Document{}, fmt.Errorf("template %s: %w", t.t.Name(), err)
	}
	d, err := newDocument(text.String(), holes)
	if err != nil {
		return Document{}, fmt.Errorf("template %s: %w", t.t.Name(), err)
	}
	return d, nil
}

// The characters that mark holes are the private-use ones, which XML allows and settings must not contain.
const firstHole, lastHole = '\uE000', '\uF8FF'

// Hole returns the mark for hole number i, counted from 0, to be put into a template's data.
func Hole(i int) string { return string(firstHole + rune(i)) }

// Document is an executed template with holes.
type Document struct {
	text  []string // the fixed parts, one more than holes
	holes []uint16 // what belongs between them: indexes into the values
	size  int      // octets in text
	sum   uint64   // of everything above
}

func newDocument(marked string, holes int) (Document, error) {
	if holes > lastHole-firstHole+1 {
		return Document{}, fmt.Errorf("it needs %d different values from each request; %d is the most", holes, lastHole-firstHole+1)
	}
	var d Document
	sum := fnv.New64a()
	sum.Write([]byte(marked))
	d.sum = sum.Sum64()
	start := 0
	for i, r := range marked {
		if r < firstHole || r > lastHole {
			continue
		}
		if int(r-firstHole) >= holes { // Fill would have no value for it
			return Document{}, fmt.Errorf("a setting contains the private-use character %U; remove it", r)
		}
		d.text = append(d.text, marked[start:i])
		d.holes = append(d.holes, uint16(r-firstHole))
		start = i + len(string(r))
	}
	d.text = append(d.text, marked[start:])
	d.size = len(marked)
	return d, nil
}

// Fill returns the document with values[i], escaped, in every hole i.
func (d *Document) Fill(values []string) []byte {
	size := d.size
	for _, h := range d.holes {
		size += len(values[h])
	}
	return d.Append(make([]byte, 0, size), values)
}

// Append appends the filled document to out.
func (d *Document) Append(out []byte, values []string) []byte {
	escaped := values
	for i, v := range values { // once for each value, which may go into many holes
		if isPlain(v) {
			continue
		}
		if &escaped[0] == &values[0] {
			escaped = slices.Clone(values)
		}
		escaped[i] = escapeText(v)
	}
	for i, h := range d.holes {
		out = append(out, d.text[i]...)
		out = append(out, escaped[h]...)
	}
	return append(out, d.text[len(d.text)-1]...)
}

// Tag returns an entity tag (RFC 9110 section 8.8.3) for the document with these values: the same on every replica that has the
// same settings.
func (d *Document) Tag(values []string) string {
	h := d.sum
	for _, v := range values {
		for ; len(v) >= 8; v = v[8:] { // not octet by octet: that would take as long as filling the document
			h = (h ^ binary.LittleEndian.Uint64([]byte(v))) * 1099511628211
			h ^= h >> 32
		}
		for i := range len(v) {
			h = (h ^ uint64(v[i])) * 1099511628211 // FNV-1a continues from the fixed text
		}
		h = (h ^ 0xFF) * 1099511628211
	}
	tag := append(make([]byte, 0, 18), '"')
	tag = strconv.AppendUint(tag, h, 16)
	return string(append(tag, '"'))
}

// appendToActions appends the function with a name to the pipeline of every action below a node.
func appendToActions(node parse.Node, name string) {
	switch n := node.(type) {
	case *parse.ListNode:
		if n == nil {
			return
		}
		for _, child := range n.Nodes {
			appendToActions(child, name)
		}
	case *parse.ActionNode:
		if len(n.Pipe.Decl) == 0 {
			n.Pipe.Cmds = append(n.Pipe.Cmds, &parse.CommandNode{
				NodeType: parse.NodeCommand,
				Args:     []parse.Node{parse.NewIdentifier(name).SetTree(nil).SetPos(n.Pos)},
			})
		}
	case *parse.IfNode:
		appendToActions(n.List, name)
		appendToActions(n.ElseList, name)
	case *parse.RangeNode:
		appendToActions(n.List, name)
		appendToActions(n.ElseList, name)
	case *parse.WithNode:
		appendToActions(n.List, name)
		appendToActions(n.ElseList, name)
	}
}

// escape is the template function: it returns any value as XML text.
func escape(value any) string { return escapeText(fmt.Sprint(value)) }

// escapeText returns s as XML text that is also suitable for an attribute. Control characters and invalid UTF-8 become U+FFFD.
func escapeText(s string) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) // writing to a strings.Builder cannot fail
	return b.String()
}

// isPlain reports whether s needs no escaping, which is true of nearly every domain and login name.
func isPlain(s string) bool {
	for i := range len(s) {
		if !plain[s[i]] {
			return false
		}
	}
	return true
}

var plain = func() (set [256]bool) {
	for c := ' '; c <= '~'; c++ {
		set[c] = !strings.ContainsRune(`<>&"'`, c)
	}
	return set
}()
