package autodiscover

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// maxDepth bounds how deep elements nest. A request has three levels.
const maxDepth = 8

// outer are the elements around those that matter.
var outer = [...]string{"Autodiscover", "Request"}

// builder makes a request out of the tags and texts of a body, for both of the ways to read one.
type builder struct {
	req                request
	elements           [maxDepth]xml.Name // the open ones
	depth, inside      int                // how many elements are open, and how many of these are in outer
	rooted             bool               // there has been a root
	field              field              // where the text of the open element belongs
	value              string             // that text so far, if it is needed: its first piece
	more               []byte             // and the pieces after it
	addresses, schemas int
}

// field is where the text of an element belongs.
type field uint8

const (
	noField field = iota
	addressField
	schemaField
)

func (b *builder) start(t xml.StartElement) error {
	switch {
	case b.depth == maxDepth, b.depth == 0 && b.rooted:
		return fmt.Errorf("%w: elements are nested too deeply or follow the root", errRequest)
	case b.field != noField:
		return fmt.Errorf("%w: an element is inside the address or schema", errRequest)
	case b.depth == b.inside && b.inside < len(outer):
		if strings.EqualFold(t.Name.Local, outer[b.inside]) {
			b.inside++
		}
	case b.depth == len(outer) && b.inside == len(outer) && strings.EqualFold(t.Name.Local, "EMailAddress"):
		b.field = addressField
		b.addresses++
	case b.depth == len(outer) && b.inside == len(outer) && strings.EqualFold(t.Name.Local, "AcceptableResponseSchema"):
		b.field = schemaField
		b.schemas++
	}
	if b.depth == 0 {
		b.rooted = true
		b.req.mobilesync = isMobilesync(t)
	}
	b.elements[b.depth] = t.Name
	b.depth++
	return nil
}

// text reports false for text that is not inside the root.
func (b *builder) text(t string) bool {
	switch {
	case b.field == noField:
	case b.value == "":
		b.value = t
	default:
		b.more = append(b.more, t...) // a comment or CDATA section cuts text into several tokens
	}
	return b.depth > 0 || strings.TrimSpace(t) == ""
}

func (b *builder) end(name xml.Name) error {
	if b.depth == 0 || b.elements[b.depth-1] != name {
		return fmt.Errorf("%w: %w", errRequest, &xml.SyntaxError{Msg: "an end tag has no matching start tag", Line: 1})
	}
	switch b.field {
	case addressField:
		b.req.address = strings.TrimSpace(b.value + string(b.more))
	case schemaField:
		b.req.schema = strings.TrimSpace(b.value + string(b.more))
	}
	b.field, b.value, b.more = noField, "", b.more[:0]
	b.depth--
	b.inside = min(b.inside, b.depth)
	return nil
}

// request returns the request when the body has ended.
func (b *builder) request() (request, error) {
	if b.depth > 0 || b.addresses != 1 || b.schemas > 1 {
		return request{}, fmt.Errorf("%w: it does not have exactly one address and at most one schema", errRequest)
	}
	return b.req, nil
}

// outlookNamespace is the namespace of nearly all requests, as they write it.
const outlookNamespace = schemaPrefix + "outlook/requestschema/2006"

// isMobilesync reports whether a root element is in ActiveSync's namespace.
func isMobilesync(root xml.StartElement) bool {
	for _, a := range root.Attr {
		declares := a.Name.Local == "xmlns" && root.Name.Space == "" || a.Name.Space == "xmlns" && a.Name.Local == root.Name.Space
		if declares && a.Value != outlookNamespace && strings.Contains(strings.ToLower(a.Value), "/mobilesync/") {
			return true
		}
	}
	return false
}
