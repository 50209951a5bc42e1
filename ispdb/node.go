package ispdb

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"mailhint/untrusted"
)

// MaxSize is the largest size of a file, in octets. The largest published one has 8 KB.
const MaxSize = 1 << 20

// More limits of a file. The largest published one has about 250 elements, and none has more than 5 levels.
const (
	maxDepth    = 16
	maxElements = 20_000
	maxQuoted   = 300 // characters of a comment or a quoted value
	maxRemark   = 800 // characters of a remark
	maxComments = 50
)

// node is an element. What the reader uses is marked as read; for the rest there are remarks.
type node struct {
	name     string
	line     int
	attrs    []attr
	text     []byte
	children []*node

	read, textRead bool
}

type attr struct {
	name, value string
	read        bool
}

// parse reads a document strictly: it must be well-formed UTF-8 within the limits, without a DOCTYPE and therefore without its own entities.
func parse(text []byte) (root *node, comments []Comment, err error) {
	switch {
	case len(text) > MaxSize:
		return nil, nil, fault(0, "it is %d KB long; the limit is %d KB, and provider files have a few", len(text)>>10, MaxSize>>10)
	case !utf8.Valid(text):
		return nil, nil, fault(invalidLine(text), "it is not UTF-8; convert it, for example with iconv")
	}
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte("\uFEFF"))))
	d.CharsetReader = asUTF8
	var open []*node
	elements := 0
	for {
		line, _ := d.InputPos()
		token, err := d.Token()
		if errors.Is(err, io.EOF) && root != nil {
			return root, comments, nil
		}
		if err != nil {
			return nil, nil, syntaxFault(err, line)
		}
		switch t := token.(type) {
		case xml.Directive:
			return nil, nil, fault(line, "<!%s is not allowed: provider files have no document type", firstWord(string(t)))
		case xml.Comment:
			if c := oneLine(string(t)); c != "" && len(comments) < maxComments {
				comments = append(comments, Comment{line, c})
			}
		case xml.StartElement:
			n := newNode(t, line)
			switch elements++; {
			case elements > maxElements:
				return nil, nil, fault(line, "it has more than %d elements", maxElements)
			case len(open) >= maxDepth:
				return nil, nil, fault(line, "elements are nested more than %d deep", maxDepth)
			case len(open) > 0:
				parent := open[len(open)-1]
				parent.children = append(parent.children, n)
			case root != nil:
				return nil, nil, fault(line, "there is a second root element <%s>; a file has one <clientConfig>", oneLine(n.name))
			default:
				root = n
			}
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				n := open[len(open)-1]
				n.text = append(n.text, t...)
			} else if s := oneLine(string(t)); s != "" {
				return nil, nil, fault(line, "there is text outside the root element")
			}
		}
	}
}

func newNode(t xml.StartElement, line int) *node {
	n := &node{name: name(t.Name), line: line}
	for _, a := range t.Attr {
		n.attrs = append(n.attrs, attr{name: name(a.Name), value: a.Value})
	}
	return n
}

// asUTF8 accepts the declared encodings that UTF-8 text can have.
func asUTF8(charset string, input io.Reader) (io.Reader, error) {
	switch strings.ToLower(charset) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return input, nil
	}
	return nil, fault(0, "its declared encoding is %s; convert it to UTF-8", charset)
}

func syntaxFault(err error, line int) *Error {
	var own *Error
	if errors.As(err, &own) {
		return fault(line, "%s", own.Text)
	}
	var syntax *xml.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return fault(syntax.Line, "not valid XML: %s", syntax.Msg)
	case errors.Is(err, io.EOF):
		return fault(0, "it is empty")
	}
	return fault(line, "not valid XML: %s", strings.TrimPrefix(err.Error(), "xml: "))
}

func invalidLine(text []byte) int {
	line := 1
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 {
			break
		}
		if r == '\n' {
			line++
		}
		text = text[size:]
	}
	return line
}

// name returns the name of an element or attribute for comparison. Names with a namespace do not belong to the format: Thunderbird does not
// find prefixed elements.
func name(n xml.Name) string {
	if n.Space != "" {
		return n.Space + ":" + n.Local
	}
	return n.Local
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(oneLine(s), " ")
	return word
}

// oneLine returns untrusted text on one line, cleaned and shortened.
func oneLine(s string) string { return untrusted.Clip(strings.Join(strings.Fields(s), " "), maxQuoted) }

// all returns the children with a name.
func (n *node) all(name string) []*node {
	var found []*node
	for _, c := range n.children {
		if c.name == name {
			c.read = true
			found = append(found, c)
		}
	}
	return found
}

// child returns the first child with a name, which is the one that Thunderbird uses, or nil if there is none.
func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			c.read = true
			return c
		}
	}
	return nil
}

// attr returns the value of an attribute, or "" if it is missing.
func (n *node) attr(name string) string {
	for i := range n.attrs {
		if n.attrs[i].name == name {
			n.attrs[i].read = true
			return n.attrs[i].value
		}
	}
	return ""
}

// forget marks everything below an element as read, because there is a remark on the element as a whole.
func (n *node) forget() {
	n.read, n.textRead, n.attrs, n.children = true, true, nil, nil
}
