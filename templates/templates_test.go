package templates

import (
	"encoding/xml"
	"io/fs"
	"strings"
	"testing"
	"text/template"
)

// hostile would be markup, or would end an attribute, if a template did not escape it.
const hostile = `"><script>&'` + "\x00\x1b"

func TestEveryTemplateEscapesEverything(t *testing.T) {
	names, err := fs.Glob(files, "*.xml.tmpl")
	if err != nil || len(names) < 4 {
		t.Fatalf("found %d XML templates (%v), want at least 4", len(names), err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			xml := XML(name)
			xml.t.Option("missingkey=error") // every field has a hostile text
			d, err := xml.Prepare(hostileData(), 3)
			if err != nil {
				t.Fatal(err)
			}
			values := []string{hostile, hostile, hostile}
			answer := string(d.Fill(values))
			if !strings.Contains(answer, "&gt;&lt;script&gt;&amp;") {
				t.Errorf("the hostile text is not in the answer, so nothing was tested:\n%s", answer)
			}
			if strings.Contains(answer, "<script") || strings.ContainsAny(answer, "\x00\x1b") {
				t.Errorf("unescaped text in\n%s", answer)
			}
			if err := wellFormed(answer); err != nil {
				t.Errorf("%v in\n%s", err, answer)
			}
		})
	}
}

// TestAppendToActions escapes a template with every kind of node, in both branches.
func TestAppendToActions(t *testing.T) {
	parsed, err := template.New("").Funcs(template.FuncMap{"escape": escape}).Parse(
		`{{if .No}}{{else}}1{{.Text}}{{end}}{{if .Text}}2{{.Text}}{{end}}{{range .No}}{{else}}3{{.Text}}{{end}}{{range .All}}4{{.}}{{end}}` +
			`{{with .No}}{{else}}5{{.Text}}{{end}}{{with .Text}}6{{.}}{{end}}{{$once := .Text}}7{{$once}}{{template "part" .Text}}{{define "part"}}8{{.}}{{end}}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range parsed.Templates() {
		appendToActions(part.Root, "escape")
	}
	var got strings.Builder
	if err := parsed.Execute(&got, map[string]any{"Text": "<&>", "All": []string{"<&>"}}); err != nil {
		t.Fatal(err)
	}
	const e = "&lt;&amp;&gt;"
	if want := "1" + e + "2" + e + "3" + e + "4" + e + "5" + e + "6" + e + "7" + e + "8" + e; got.String() != want {
		t.Errorf("got  %s\nwant %s", &got, want)
	}
}

// hostileData has text that must be escaped, or a hole for it, in every field of every template.
func hostileData() map[string]any {
	auth := []map[string]any{{"System": hostile, "Method": hostile}}
	server := map[string]any{"Type": hostile, "Hostname": hostile, "Port": hostile, "SocketType": hostile,
		"Authentication": []string{hostile}, "Username": Hole(1)}
	url := map[string]any{"Type": hostile, "URL": hostile, "Authentication": auth, "Username": hostile}
	protocol := map[string]any{"Type": hostile, "Server": hostile, "Port": hostile, "LoginName": Hole(2), "SPA": hostile,
		"SSL": hostile, "Encryption": hostile, "AuthRequired": hostile, "UsePOPAuth": hostile}
	return map[string]any{
		"Version": hostile, "Domain": Hole(0), "Domains": []string{Hole(0), hostile}, "Webmail": hostile, "DisplayName": hostile, "DisplayShortName": hostile,
		"IncomingServers": []any{server}, "OutgoingServers": []any{server}, "SetupServers": []any{server},
		"Services": []any{url}, "AddressBook": url, "Calendar": url, "FileShare": url, "Documentation": hostile,
		"OAuth2": map[string]any{"AuthURL": hostile, "TokenURL": hostile, "Issuer": hostile, "Scope": hostile, "ClientID": hostile},
		"User":   Hole(1), "Protocols": []any{protocol},
		"URL":       hostile,
		"Namespace": hostile, "Time": hostile, "ID": hostile, "ErrorCode": hostile, "Message": hostile,
	}
}

func wellFormed(s string) error {
	return xml.Unmarshal([]byte(s), new(struct {
		XMLName xml.Name
		Inner   string `xml:",innerxml"`
	}))
}

func TestDocumentFill(t *testing.T) {
	d := document(t, "a "+Hole(0)+" b "+Hole(1)+Hole(0)+" c")
	if got, want := string(d.Fill([]string{"1<", "2"})), "a 1&lt; b 21&lt; c"; got != want {
		t.Errorf("Fill = %q, want %q", got, want)
	}
	values := []string{"<", ">"}
	first, again := string(d.Fill(values)), string(d.Fill(values))
	if first != again || values[0] != "<" || values[1] != ">" {
		t.Errorf("filling changes the values: %q, then %q, values %q", first, again, values)
	}
	if d.Tag([]string{"1", "2"}) == d.Tag([]string{"12", ""}) {
		t.Error("different values have the same tag")
	}
	other := document(t, "z "+Hole(0)+Hole(1))
	if d.Tag([]string{"1", "2"}) == other.Tag([]string{"1", "2"}) {
		t.Error("different documents have the same tag")
	}
}

func document(t *testing.T, marked string) Document {
	t.Helper()
	d, err := newDocument(marked, 2)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestHolesWithoutValue(t *testing.T) {
	if _, err := newDocument("issuer"+Hole(2), 2); err == nil || !strings.Contains(err.Error(), "U+E002") {
		t.Errorf("a private-use character in a setting: %v, want an error that names it", err)
	}
	if _, err := newDocument("", 6401); err == nil {
		t.Error("more holes than there are marks: no error")
	}
	d, err := newDocument(Hole(6399), 6400)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(d.Fill(append(make([]string, 6399), "last"))); got != "last" {
		t.Errorf("the last hole has %q", got)
	}
}

func TestEscapeText(t *testing.T) {
	for _, text := range []string{"", "plain", "ä", "%EMAILADDRESS%", `<&>"'`, "]]>", "<![CDATA[x]]>", "<!--", "a\tb\r\nc", "\x00\x1b", "\x7f",
		"\xff\xfe", "\uFFFE", "\u2028", "\U0001F600", strings.Repeat("<", 1000), hostile} {
		var read struct {
			Attribute string `xml:"a,attr"`
			Text      string `xml:",chardata"`
		}
		document := `<x a="` + escapeText(text) + `">` + escapeText(text) + `</x>`
		if err := xml.Unmarshal([]byte(document), &read); err != nil {
			t.Errorf("%q: %v in %s", text, err, document)
			continue
		}
		want := strings.Map(func(r rune) rune { // characters that XML 1.0 section 2.2 does not allow
			if r < ' ' && r != '\t' && r != '\r' && r != '\n' || r == 0xFFFE {
				return 0xFFFD
			}
			return r
		}, text)
		if read.Text != want || read.Attribute != want {
			t.Errorf("%q is read as %q and %q", text, read.Text, read.Attribute)
		}
	}
}
