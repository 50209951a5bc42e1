package autodiscover

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"

	"golang.org/x/net/html/charset"
)

// request is what the body of a POST contains.
type request struct {
	address    string // the text of EMailAddress, trimmed and otherwise as the client sent it
	schema     string // the text of AcceptableResponseSchema, trimmed; empty if there is none
	mobilesync bool   // the request is in ActiveSync's namespace
}

// errRequest is wrapped by every error about a body that cannot be read, which ErrorCode 600 reports. Such an error may quote the body
// and must not be logged.
var errRequest = errors.New("not a valid Autodiscover request")

// parseRequest reads a request strictly: one Autodiscover element with one EMailAddress below Request, no document type, nothing
// after the root. It is lenient where clients need it: letter case and prefix of the names do not matter, nor does a byte order
// mark, white space before the XML declaration, or the declared character set. Thunderbird (128 to 153) inserts the address without
// escaping it, so if a body fails, it is read once more with the address escaped.
//
// A LegacyDN is ignored: [MS-OXDSCLI] section 3.2.5 prefers it to the address, but only an Exchange server could resolve it.
func parseRequest(body []byte) (request, error) {
	if req, ok := scanRequest(string(body)); ok {
		return req, nil
	}
	body = toUTF8(body)
	req, err := readRequest(body)
	var syntax *xml.SyntaxError
	if !errors.As(err, &syntax) {
		return req, err
	}
	escaped, ok := escapeAddress(body)
	if !ok {
		return request{}, err
	}
	return readRequest(escaped)
}

// readRequest reads a request in UTF-8. Its time and memory are proportional to the body, whatever that contains.
//
// It matches start and end tags itself, which is one comparison with so few levels, and looks at no namespace except the root's: the
// decoder's own way of doing both is a fifth of the work.
func readRequest(body []byte) (request, error) {
	var b builder
	d := xml.NewDecoder(bytes.NewReader(body))
	d.CharsetReader = alreadyUTF8
	for {
		token, err := d.RawToken()
		if err == io.EOF && b.depth == 0 {
			return b.request()
		}
		if err == io.EOF {
			err = &xml.SyntaxError{Msg: "unexpected EOF", Line: 1}
		}
		if err != nil {
			return request{}, fmt.Errorf("%w: %w", errRequest, err)
		}
		switch t := token.(type) {
		case xml.Directive:
			return request{}, fmt.Errorf("%w: it has a document type", errRequest)
		case xml.StartElement:
			err = b.start(t)
		case xml.CharData:
			if !b.text(string(t)) {
				err = fmt.Errorf("%w: text is outside the root", errRequest)
			}
		case xml.EndElement:
			err = b.end(t.Name)
		}
		if err != nil {
			return request{}, err
		}
	}
}

// escapeAddress escapes the text between the first EMailAddress tags. It reports false if there is no such text, or nothing to escape
// in it.
func escapeAddress(body []byte) ([]byte, bool) {
	tag := []byte("emailaddress>")
	lower := lowerASCII(body)
	start := bytes.Index(lower, tag)
	if start < 0 {
		return nil, false
	}
	start += len(tag)
	closing := bytes.Index(lower[start:], tag)
	if closing < 0 {
		return nil, false
	}
	length := bytes.LastIndex(lower[start:start+closing], []byte("</"))
	if length < 0 {
		return nil, false
	}
	address := body[start : start+length]
	escaped := bytes.ReplaceAll(address, []byte("&"), []byte("&amp;"))
	escaped = bytes.ReplaceAll(escaped, []byte("<"), []byte("&lt;"))
	return bytes.Join([][]byte{body[:start], escaped, body[start+length:]}, nil), len(escaped) > len(address)
}

// lowerASCII lower-cases only ASCII letters, so that offsets stay the same.
func lowerASCII(s []byte) []byte {
	lower := bytes.Clone(s)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
	}
	return lower
}

// toUTF8 returns a body in UTF-8, without a byte order mark and white space around it. All decoding is done here, once: a decoder that
// does it at each XML declaration (encoding/xml with a CharsetReader, Go 1.26) can be made to turn 64 KiB into gigabytes with thirty
// declarations in a row.
//
// A character set that is unknown, or that the readable declaration itself disproves, counts as UTF-8: .NET's StringWriter declares
// UTF-16 for text that is then sent as UTF-8.
func toUTF8(body []byte) []byte {
	switch {
	case bytes.HasPrefix(body, []byte("\xEF\xBB\xBF")):
		return bytes.TrimSpace(body[3:]) // the mark overrides the declaration
	case bytes.HasPrefix(body, []byte("\xFF\xFE")), bytes.HasPrefix(body, []byte("<\x00")):
		return fromUTF16(body, binary.LittleEndian)
	case bytes.HasPrefix(body, []byte("\xFE\xFF")), bytes.HasPrefix(body, []byte("\x00<")):
		return fromUTF16(body, binary.BigEndian)
	}
	body = bytes.TrimSpace(body)
	label := declaredCharset(body)
	if label == "" || strings.EqualFold(label, "utf-8") {
		return body
	}
	encoding, name := charset.Lookup(label)
	if encoding == nil || strings.HasPrefix(name, "utf-") {
		return body
	}
	decoded, err := encoding.NewDecoder().Bytes(body)
	if err != nil {
		return body
	}
	return decoded
}

// fromUTF16 decodes UTF-16 with or without a byte order mark. A single octet at the end is dropped.
func fromUTF16(body []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, len(body)/2)
	for i := range units {
		units[i] = order.Uint16(body[2*i:])
	}
	return bytes.TrimSpace(bytes.TrimPrefix([]byte(string(utf16.Decode(units))), []byte("\uFEFF")))
}

// declaredCharset returns the character set that an XML declaration names, or "" if there is none.
func declaredCharset(body []byte) string {
	if !bytes.HasPrefix(body, []byte("<?xml")) {
		return ""
	}
	declaration, _, _ := bytes.Cut(body, []byte("?>"))
	_, value, _ := bytes.Cut(declaration, []byte("encoding"))
	value = bytes.TrimLeft(value, " \t\r\n='\"")
	if end := bytes.IndexAny(value, " \t\r\n'\""); end >= 0 {
		value = value[:end]
	}
	return string(value)
}

// alreadyUTF8 is the CharsetReader for text that toUTF8 has decoded.
func alreadyUTF8(_ string, decoded io.Reader) (io.Reader, error) { return decoded, nil }
