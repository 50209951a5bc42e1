package autodiscover

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/net/html/charset"
)

// request is what the body of a POST asks for.
type request struct {
	address    string // the text of EMailAddress, trimmed; a stranger's
	schema     string // the text of AcceptableResponseSchema; empty if there is none
	mobilesync bool   // the request is in ActiveSync's namespace
}

// errRequest is wrapped by every error about a body that cannot be read: ErrorCode 600.
var errRequest = errors.New("no Autodiscover request")

// maxDepth bounds how deep elements nest. A request has three levels.
const maxDepth = 8

// parseRequest reads a request strictly: one Autodiscover element with one EMailAddress below Request, no document type, nothing
// after the root. It is lenient where programs need it: letter case and prefix of the names do not matter, nor does a byte order
// mark, space before the XML declaration, or the declared character set. Thunderbird (128 to 153) puts the address in without
// escaping it, so a body that fails is read once more with the address escaped.
func parseRequest(body []byte) (request, error) {
	body = bytes.TrimSpace(toUTF8(body))
	req, err := readRequest(body)
	var syntax *xml.SyntaxError
	if !errors.As(err, &syntax) {
		return req, err
	}
	mended, ok := escapeAddress(body)
	if !ok {
		return request{}, err
	}
	return readRequest(mended)
}

func readRequest(body []byte) (request, error) {
	var (
		req    request
		path   []string
		number = map[string]int{} // how often each element of interest came
		text   strings.Builder
	)
	d := xml.NewDecoder(bytes.NewReader(body))
	d.CharsetReader = charset.NewReaderLabel
	for rooted := false; ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return request{}, fmt.Errorf("%w: %w", errRequest, err)
		}
		switch t := token.(type) {
		case xml.Directive:
			return request{}, fmt.Errorf("%w: it has a document type", errRequest)
		case xml.StartElement:
			if len(path) == maxDepth || rooted && len(path) == 0 {
				return request{}, fmt.Errorf("%w: elements nest too deep or follow the root", errRequest)
			}
			if !rooted {
				req.mobilesync = strings.Contains(t.Name.Space, "/mobilesync/")
			}
			rooted = true
			path = append(path, strings.ToLower(t.Name.Local))
			text.Reset()
		case xml.CharData:
			if len(path) == 0 && len(bytes.TrimSpace(t)) > 0 {
				return request{}, fmt.Errorf("%w: text outside the root", errRequest)
			}
			text.Write(t)
		case xml.EndElement:
			place := strings.Join(path, "/")
			number[place]++
			switch place {
			case "autodiscover/request/emailaddress":
				req.address = strings.TrimSpace(text.String())
			case "autodiscover/request/acceptableresponseschema":
				req.schema = strings.TrimSpace(text.String())
			}
			path = path[:len(path)-1]
			text.Reset()
		}
	}
	if number["autodiscover/request/emailaddress"] != 1 || number["autodiscover/request/acceptableresponseschema"] > 1 {
		return request{}, fmt.Errorf("%w: it does not hold exactly one address", errRequest)
	}
	return req, nil
}

// escapeAddress escapes the text between the only EMailAddress tags of a body. It reports false if there is no such text, or
// nothing in it to escape.
func escapeAddress(body []byte) ([]byte, bool) {
	lower := bytes.ToLower(body) // only ASCII letters matter, but the length must stay
	if len(lower) != len(body) {
		return nil, false
	}
	start := bytes.Index(lower, []byte("emailaddress>"))
	if start < 0 {
		return nil, false
	}
	start += len("emailaddress>")
	length := bytes.Index(lower[start:], []byte("</"))
	if length < 0 {
		return nil, false
	}
	var mended bytes.Buffer
	mended.Write(body[:start])
	xml.EscapeText(&mended, body[start:start+length]) // writing to a bytes.Buffer cannot fail
	mended.Write(body[start+length:])
	return mended.Bytes(), mended.Len() > len(body)
}

// toUTF8 removes a byte order mark, and decodes UTF-16 that has one.
func toUTF8(body []byte) []byte {
	if rest, ok := bytes.CutPrefix(body, []byte("\xEF\xBB\xBF")); ok {
		return rest
	}
	if !bytes.HasPrefix(body, []byte("\xFF\xFE")) && !bytes.HasPrefix(body, []byte("\xFE\xFF")) {
		return body
	}
	encoding, _, _ := charset.DetermineEncoding(body, "")
	decoded, err := encoding.NewDecoder().Bytes(body)
	if err != nil {
		return body
	}
	// The declaration names an encoding that the bytes no longer have.
	if end := bytes.Index(decoded, []byte("?>")); bytes.HasPrefix(decoded, []byte("<?xml")) && end > 0 {
		decoded = decoded[end+len("?>"):]
	}
	return decoded
}
