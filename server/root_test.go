package server

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"regexp"
	"strings"
	"testing"
)

// The page at "/" is the same at every host, is well-formed, and allows itself nothing but its style.
func TestRootPage(t *testing.T) {
	t.Parallel()
	s := run(t, offline(), nil)
	var before string
	for _, host := range []string{"autoconfig.example.com", "other.example"} {
		r := send(t, s.http, []string{"GET /?emailaddress=ann@example.com HTTP/1.1\r\nHost: " + host + "\r\n\r\n"}, "GET")[0]
		if r.StatusCode != 200 || r.Header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.HasPrefix(r.body, "<!DOCTYPE html>\n") {
			t.Errorf("%s: %s %v\n%s", host, r.Status, r.Header, r.body)
		}
		if strings.Contains(r.body, "example") || before != "" && r.body != before {
			t.Errorf("%s: the page depends on the request:\n%s", host, r.body)
		}
		before = r.body
		style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(r.body)
		if style == nil {
			t.Fatal("the page has no style")
		}
		sum := sha256.Sum256([]byte(style[1]))
		if want := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(r.Header.Get("Content-Security-Policy"), "style-src "+want) {
			t.Errorf("Content-Security-Policy %q does not allow the style %s", r.Header.Get("Content-Security-Policy"), want)
		}
	}
	page := xml.NewDecoder(strings.NewReader(before))
	page.AutoClose, page.Entity, page.Strict = xml.HTMLAutoClose, xml.HTMLEntity, false
	depth := 0
	for {
		token, err := page.Token()
		if token == nil {
			if err.Error() != "EOF" || depth != 0 {
				t.Errorf("the page is not well-formed: %v, depth %d", err, depth)
			}
			break
		}
		switch token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
	}
}
