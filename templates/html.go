package templates

import (
	"embed"
	"fmt"
	"html/template"
	"strings"
)

//go:embed *.css *.js *.svg
var assets embed.FS

// Asset returns a file that pages for people refer to: "style.css", "script.js" or "icon.svg". It panics if there is no such file.
func Asset(name string) []byte {
	text, err := assets.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return text
}

// HTML parses a page for people: base.html.tmpl, which every page has, around the named file. It panics if one of them is missing or broken,
// which stops the program when it starts.
func HTML(name string) *HTMLTemplate {
	return &HTMLTemplate{template.Must(template.New("base.html.tmpl").Option("missingkey=error").ParseFS(files, "base.html.tmpl", name))}
}

// HTMLTemplate is a parsed page for people. html/template escapes everything in it.
type HTMLTemplate struct{ t *template.Template }

// Prepare executes the template. Data may contain the Holes with numbers below holes, which remain open in the Document. They may be in text
// and in quoted attributes, but not in URLs, styles or scripts, where html/template would encode them.
func (t *HTMLTemplate) Prepare(data any, holes int) (Document, error) {
	var text strings.Builder
	if err := t.t.Execute(&text, data); err != nil {
		return Document{}, fmt.Errorf("page: %w", err)
	}
	d, err := newDocument(text.String(), holes)
	if err != nil {
		return Document{}, fmt.Errorf("page: %w", err)
	}
	return d, nil
}
