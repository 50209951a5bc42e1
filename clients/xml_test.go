package clients_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Clients get different things from their XML parsers: some a tree, some a stream in which CDATA, comments and character references split a text
// into pieces. events has all of that; the tree is made from it.

type eventKind int

const (
	startTag eventKind = iota
	endTag
	text
	cdata
	comment
	other // processing instructions, doctype
)

type event struct {
	kind  eventKind
	name  string // with its prefix, as written
	attrs map[string]string
	text  string
	raw   string // as written, with character references
}

// events splits a document into its parts. Each is well-formed; their nesting is not checked.
func events(doc []byte) ([]event, error) {
	var out []event
	d := xml.NewDecoder(bytes.NewReader(doc))
	for {
		from := d.InputOffset()
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("not well-formed: %w", err)
		}
		out = append(out, newEvent(token, string(doc[from:d.InputOffset()])))
	}
}

func newEvent(token xml.Token, raw string) event {
	switch token := token.(type) {
	case xml.StartElement:
		attrs := make(map[string]string)
		for _, a := range token.Attr {
			attrs[qualified(a.Name)] = a.Value
		}
		return event{kind: startTag, name: qualified(token.Name), attrs: attrs}
	case xml.EndElement:
		return event{kind: endTag, name: qualified(token.Name)}
	case xml.CharData:
		kind := text
		if strings.HasPrefix(raw, "<![CDATA[") {
			kind = cdata
		}
		return event{kind: kind, text: string(token), raw: raw}
	case xml.Comment:
		return event{kind: comment}
	}
	return event{kind: other}
}

func qualified(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

// joined returns events as a pull parser returns them: text and CDATA around comments are one text.
func joined(list []event) []event {
	var out []event
	for _, e := range list {
		switch last := len(out) - 1; {
		case e.kind == comment || e.kind == other:
		case (e.kind == text || e.kind == cdata) && last >= 0 && out[last].kind == text:
			out[last].text += e.text
		case e.kind == cdata:
			e.kind = text
			out = append(out, e)
		default:
			out = append(out, e)
		}
	}
	return out
}

// element is a node of a document's tree.
type element struct {
	name     string // with its prefix, as written
	space    string // the default namespace it is in
	attrs    map[string]string
	children []*element
	text     string // its own text and CDATA, without comments
}

var byteOrderMark = []byte("\uFEFF")

// parse reads a document as a client with an ordinary XML parser does, and returns its root. A byte order mark is allowed.
func parse(doc []byte) (*element, error) {
	list, err := events(bytes.TrimPrefix(doc, byteOrderMark))
	if err != nil {
		return nil, err
	}
	document := &element{}
	open := []*element{document}
	for _, e := range list {
		parent := open[len(open)-1]
		switch e.kind {
		case startTag:
			child := &element{name: e.name, space: parent.space, attrs: e.attrs}
			if space, ok := e.attrs["xmlns"]; ok {
				child.space = space
			}
			parent.children = append(parent.children, child)
			open = append(open, child)
		case endTag:
			if parent == document || parent.name != e.name {
				return nil, fmt.Errorf("not well-formed: unexpected </%s>", e.name)
			}
			open = open[:len(open)-1]
		case text, cdata:
			parent.text += e.text
		}
	}
	if len(open) > 1 || len(document.children) != 1 || strings.TrimSpace(document.text) != "" {
		return nil, errors.New("not well-formed: it must be one closed element")
	}
	return document.children[0], nil
}

// all returns the children of a name. A missing element has none.
func (e *element) all(name string) []*element {
	var out []*element
	if e != nil {
		for _, child := range e.children {
			if child.name == name {
				out = append(out, child)
			}
		}
	}
	return out
}

// first returns the first child of a name, or nil.
func (e *element) first(name string) *element {
	if list := e.all(name); len(list) > 0 {
		return list[0]
	}
	return nil
}

// content returns the text of the first child of a name, or "".
func (e *element) content(name string) string {
	if child := e.first(name); child != nil {
		return child.text
	}
	return ""
}

// is reports whether an element has a name and a default namespace.
func (e *element) is(space, name string) bool {
	return e != nil && e.name == name && e.space == space
}
