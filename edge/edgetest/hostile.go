package edgetest

import (
	"encoding/xml"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"mailhint/settings"
)

// Hostile are texts that would do harm if an answer repeated them. Each contains "evil", so that it can be recognised.
var Hostile = []string{
	"evil", "<evil/>", `"><evil>`, "]]><evil/>", "<!--evil", "--><evil>", "<![CDATA[evil", "<?evil?>", "<!DOCTYPE evil>", "&evil;", "&#101;evil",
	"</username><evil>", "evil\r\nSet-Cookie: a=b", "evil\x00", "evil\x1b[31m", "evil\u2028", "evil\ufffe", "evil\ue000\ue001\ue002", "evil\ue063",
	"%EMAILADDRESS%evil", "%EMAILLOCALPART%evil", "evil%EMAILDOMAIN%", "%s%n%xevil", "{{.}}evil", "${evil}", "../../evil", "\\evil", "evil'--", "evil\" OR 1",
	"evil.example", "firm.example.evil", "evil@firm.example", "firm.example@evil.example", "evil.example/firm.example", "evil.example#firm.example",
	"evil.example\\@firm.example", "evil\tfirm.example", "evil:firm.example", "evil.example:443", "[::1]evil", "http://evil.example/", "javascript:evil",
	"ｅvil", "evil\u202efirm", "xn--evil-", "xn--a", strings.Repeat("evil", 20), strings.Repeat("evil.", 60), strings.Repeat("evil", 1000), "\xff\xfeevil", "é\xcc\x81evil",
}

// Escaped returns a text as XML has it.
func Escaped(text string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(text)) // writing to a strings.Builder cannot fail
	return b.String()
}

// HarmlessHeader checks that the answer to a hostile request has one of the given statuses and repeats nothing in its header, and
// returns the body.
func HarmlessHeader(t *testing.T, request string, answer *http.Response, statuses ...int) string {
	t.Helper()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(statuses, answer.StatusCode) {
		t.Errorf("%q: status %d", request, answer.StatusCode)
	}
	for key, values := range answer.Header {
		if strings.Contains(strings.ToLower(key+strings.Join(values, " ")), "evil") {
			t.Errorf("%q: header %s: %q", request, key, values)
		}
	}
	return string(content)
}

// HarmlessText checks that a document, less what it may repeat, repeats nothing of a hostile request and names no other domain than that
// of the settings.
func HarmlessText(t *testing.T, request, text string, wanted settings.Found, all ...string) {
	t.Helper()
	if strings.Contains(strings.ToLower(text), "evil") {
		t.Errorf("%q: repeated in\n%s", request, text)
	}
	for _, other := range all {
		if other != string(wanted.Domain) && other != string(wanted.Primary) && strings.Contains(text, other) {
			t.Errorf("%q: names %s in\n%s", request, other, text)
		}
	}
}

// Elements checks that a document has no other elements than those named, and no comment or document type.
func Elements(t *testing.T, request, document, names string) {
	t.Helper()
	allowed := strings.Fields(names)
	d := xml.NewDecoder(strings.NewReader(document))
	for {
		token, err := d.Token()
		if err != nil {
			return
		}
		switch token := token.(type) {
		case xml.StartElement:
			if !slices.Contains(allowed, token.Name.Local) {
				t.Errorf("%q: element %s in\n%s", request, token.Name.Local, document)
			}
		case xml.Comment, xml.Directive:
			t.Errorf("%q: %s in\n%s", request, token, document)
		}
	}
}

// Discard is a ResponseWriter for benchmarks, which counts what is written.
type Discard struct {
	Head    http.Header
	Status  int // of the last answer that set one
	Written int
}

func (d *Discard) Header() http.Header                     { return d.Head }
func (d *Discard) WriteHeader(status int)                  { d.Status = status }
func (d *Discard) Write(p []byte) (int, error)             { d.Written += len(p); return len(p), nil }
func (d *Discard) WriteString(s string) (n int, err error) { d.Written += len(s); return len(s), nil }
