package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"mailhint/admin"
)

// Reference is the documentation of all operations as Markdown, made from the OpenAPI document.
func Reference() string {
	_, made := build(new(admin.Service), Options{})
	r := reference{doc: made.OpenAPI()}
	for _, tag := range r.doc.Tags {
		r.line("## %s\n\n%s\n", strings.ToUpper(tag.Name[:1])+tag.Name[1:], tag.Description)
		for _, at := range r.operations(tag.Name) {
			r.operation(at)
		}
	}
	r.line("## Types\n")
	for _, name := range slices.Sorted(maps.Keys(r.doc.Components.Schemas.Map())) {
		if s := r.doc.Components.Schemas.Map()[name]; r.isUsed(name) {
			r.schema(name, s)
		}
	}
	return strings.TrimRight(r.String(), "\n") + "\n"
}

type reference struct {
	strings.Builder
	doc *huma.OpenAPI
}

func (r *reference) line(format string, args ...any) { fmt.Fprintf(r, format+"\n", args...) }

// described is an operation and where it is.
type described struct {
	method, path string
	op           *huma.Operation
}

// operations returns those of a tag, ordered by path and method.
func (r *reference) operations(tag string) []described {
	var all []described
	for _, path := range slices.Sorted(maps.Keys(r.doc.Paths)) {
		item := r.doc.Paths[path]
		for _, d := range []described{{http.MethodGet, path, item.Get}, {http.MethodPut, path, item.Put}, {http.MethodPatch, path, item.Patch}, {http.MethodPost, path, item.Post}, {http.MethodDelete, path, item.Delete}} {
			if d.op != nil && slices.Contains(d.op.Tags, tag) {
				all = append(all, d)
			}
		}
	}
	return all
}

func (r *reference) operation(d described) {
	r.line("### %s\n\n`%s %s`\n", d.op.Summary, d.method, d.path)
	if d.op.Description != "" {
		r.line("%s\n", d.op.Description)
	}
	if len(d.op.Parameters) > 0 {
		r.line("| parameter | in | meaning |\n| --- | --- | --- |")
		for _, p := range d.op.Parameters {
			r.line("| `%s` | %s | %s |", p.Name, p.In, cell(p.Description+limitsOf(p.Schema)))
		}
		r.line("")
	}
	if b := d.op.RequestBody; b != nil {
		for _, kind := range slices.Sorted(maps.Keys(b.Content)) {
			r.line("Body (`%s`): %s\n", kind, r.typeOf(b.Content[kind].Schema))
		}
	}
	for _, status := range slices.Sorted(maps.Keys(d.op.Responses)) {
		if answer := d.op.Responses[status]; status < "300" {
			text := "nothing"
			for _, kind := range slices.Sorted(maps.Keys(answer.Content)) {
				text = r.typeOf(answer.Content[kind].Schema)
			}
			r.line("Answer %s: %s\n", status, text)
		}
	}
}

// limitsOf says which values a parameter takes.
func limitsOf(s *huma.Schema) string {
	if s == nil || len(s.Enum) == 0 {
		return ""
	}
	var words []string
	for _, e := range s.Enum {
		words = append(words, fmt.Sprintf("`%v`", e))
	}
	return " One of " + strings.Join(words, ", ") + "."
}

// cell makes a text fit into a cell of a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(text), "|", "\\|"), "\n", " ")
}

// typeOf names a type, with a link if it has a section.
func (r *reference) typeOf(s *huma.Schema) string {
	switch {
	case s == nil:
		return "anything"
	case s.Ref != "":
		name := s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
		return fmt.Sprintf("[%s](#%s)", name, strings.ToLower(name))
	case s.Type == huma.TypeArray:
		return "list of " + r.typeOf(s.Items)
	case s.Type == "":
		return "anything"
	case s.Format != "" && s.Format != "binary":
		return s.Type + ", " + s.Format
	}
	return s.Type
}

// isUsed reports whether a schema has something to say.
func (r *reference) isUsed(name string) bool {
	return len(r.doc.Components.Schemas.Map()[name].Properties) > 0
}

func (r *reference) schema(name string, s *huma.Schema) {
	r.line("### %s\n\n| member | type | meaning |\n| --- | --- | --- |", name)
	for _, member := range slices.Sorted(maps.Keys(s.Properties)) {
		if member == "$schema" {
			continue
		}
		p := s.Properties[member]
		r.line("| `%s` | %s | %s |", member, r.typeOf(p), cell(p.Description+limitsOf(p)))
	}
	r.line("")
}
