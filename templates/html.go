package templates

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"reflect"
	"slices"
	"strings"

	"mailhint/untrusted"
)

//go:embed *.css *.js *.svg
var assets embed.FS

// Asset returns a file that pages for people refer to: "style.css", which begins with what all pages share (base.css), "script.js" or
// "icon.svg". It panics if there is no such file.
func Asset(name string) []byte {
	if name == "style.css" {
		return slices.Concat(read(assets, "base.css"), read(assets, name))
	}
	return read(assets, name)
}

func read(files embed.FS, name string) []byte {
	text, err := files.ReadFile(name)
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

//go:embed admin/*
var adminFiles embed.FS

// AdminAsset returns a file of the admin page: "style.css", which begins with what all pages share, or "script.js", which begins with the
// script of the pages for people. It panics if there is no such file.
func AdminAsset(name string) []byte {
	shared := map[string]string{"style.css": "base.css", "script.js": "script.js"}[name]
	return slices.Concat(read(assets, shared), read(adminFiles, "admin/"+name))
}

// AdminHTML parses a part of the admin page: admin/base.html.tmpl around the named file in the folder admin. It panics if one of them is
// missing or broken, which stops the program when it starts.
//
// Every text in it is made printable before html/template escapes it: line feeds stay, and other characters that could steer a terminal or
// reverse what is read are replaced, so that no template can forget it.
func AdminHTML(name string) *AdminTemplate {
	t := template.New("base.html.tmpl").Option("missingkey=error").Funcs(template.FuncMap{"printable": printable})
	t = template.Must(t.ParseFS(adminFiles, "admin/base.html.tmpl", "admin/parts.html.tmpl", "admin/"+name))
	for _, part := range t.Templates() {
		appendToActions(part.Tree.Root, "printable")
	}
	return &AdminTemplate{t}
}

// AdminTemplate is a parsed part of the admin page.
type AdminTemplate struct{ t *template.Template }

// Execute writes the page for data.
func (t *AdminTemplate) Execute(w io.Writer, data any) error { return t.t.Execute(w, data) }

// printable returns a string, whatever its type is called, with printable characters and line feeds only. Other values, and those that
// html/template knows to be safe, are returned as they are.
func printable(v any) any {
	text := ""
	switch known := v.(type) {
	case template.URL, template.HTML, template.CSS, template.HTMLAttr, template.JS, template.JSStr, template.Srcset:
		return v
	case fmt.Stringer:
		text = known.String()
	case error:
		text = known.Error()
	default:
		r := reflect.ValueOf(v)
		if r.Kind() != reflect.String {
			return v
		}
		text = r.String()
	}
	all := strings.Split(text, "\n")
	for i, line := range all {
		all[i] = untrusted.Printable(strings.TrimSuffix(line, "\r"))
	}
	return strings.Join(all, "\n")
}
