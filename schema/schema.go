// Package schema makes a JSON schema of domains.toml, from the table of keys in package domains. With it, editors complete keys, explain them
// and mark mistakes while the file is being written (taplo and tombi, which many editors use). The schema is strict, but it never refuses
// what mailhint accepts. What only the program can check, such as references between tables, is for mailhint check.
package schema

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"mailhint/domains"
)

// Version is the version of domains.toml that the schema describes.
const Version = 1

// ID identifies the schema, in this version of it. Nothing is to be found there.
const ID = "urn:mailhint:domains.toml:1"

// JSON returns the schema.
func JSON() ([]byte, error) {
	text, err := json.MarshalIndent(root(), "", "  ")
	return append(text, '\n'), err
}

// root is the schema of a file.
func root() *node {
	b := &builder{definitions: make(map[string]*node)}
	properties := make(map[string]*node)
	for _, t := range domains.Tables() {
		b.tables = append(b.tables, table{t, strings.Split(t.Name, ".")})
	}
	for _, t := range b.tables {
		switch {
		case t.Name == "":
			for _, k := range t.Keys {
				properties[k.Name] = b.key(t, k)
			}
		case len(t.path) == 1:
			properties[t.Name] = b.table(t)
		case len(t.path) == 2 && t.path[1] == "*":
			properties[t.path[0]] = b.namedTables(t)
		}
	}
	file := closed(properties)
	file.Schema, file.ID, file.TOML = "http://json-schema.org/draft-07/schema#", ID, "v1.1.0"
	file.Title = "domains.toml, the configuration of mailhint"
	file.Definitions = b.definitions
	return file
}

// table is a table of domains.toml, and the parts of its name.
type table struct {
	domains.Table
	path []string
}

// builder makes the parts of the schema. Each key with its table is defined once.
type builder struct {
	tables      []table
	definitions map[string]*node
}

// define adds a definition, unless it is there, and refers to it. The name is given up while it is made, because tables may be in tables.
func (b *builder) define(name string, make func() *node) *node {
	if _, defined := b.definitions[name]; !defined {
		b.definitions[name] = nil
		b.definitions[name] = make()
	}
	return &node{Ref: "#/definitions/" + name}
}

// table is the schema of a table, which may also have the tables that are part of it.
func (b *builder) table(t table) *node {
	return b.define(nameOf(t), func() *node {
		n := closed(make(map[string]*node))
		for _, k := range t.Keys {
			n.Properties[k.Name] = b.key(t, k)
			if k.Form.Required {
				n.Required = append(n.Required, k.Name)
			}
		}
		for _, part := range b.tables {
			if len(part.path) == len(t.path)+1 && strings.HasPrefix(part.Name, t.Name+".") && n.Properties[part.path[len(part.path)-1]] == nil {
				n.Properties[part.path[len(part.path)-1]] = &node{Type: "array", Items: b.table(part)}
			}
			if len(part.path) == len(t.path)+2 && strings.HasPrefix(part.Name, t.Name+".") && strings.HasSuffix(part.Name, ".*") {
				n.Properties[part.path[len(t.path)]] = b.namedTables(part)
			}
		}
		if relate := relations[t.Name]; relate != nil {
			relate(n)
		}
		return n
	})
}

// namedTables is the schema of the tables with names that people choose. Domains have names of their own, and a wildcard has no aliases.
func (b *builder) namedTables(t table) *node {
	if t.path[0] != "domains" {
		return named(map[string]*node{"^": b.table(t)})
	}
	name := strings.TrimSuffix(strings.TrimPrefix(domains.NamePattern(), "^"), "$")
	wildcard := b.define("wildcard", func() *node {
		b.table(t)
		n := *b.definitions[nameOf(t)]
		n.Properties = make(map[string]*node)
		for key, of := range b.definitions[nameOf(t)].Properties {
			if key != "aliases" {
				n.Properties[key] = of
			}
		}
		return &n
	})
	return named(map[string]*node{"^" + name + "$": b.table(t), `^\*\.` + name + "$": wildcard})
}

// nameOf is the name of a table's definition.
func nameOf(t table) string {
	if strings.HasPrefix(t.Name, "*.imap") {
		return "server-of-a-domain"
	}
	parts := slices.DeleteFunc(slices.Clone(t.path), func(s string) bool { return s == "*" })
	return "table-" + strings.Join(parts, "-")
}

// key is the schema of a key in a table. The keys of [defaults] mean the same in all tables that may have them.
func (b *builder) key(t table, k domains.Key) *node {
	name := "key-" + strings.Join(slices.DeleteFunc(slices.Clone(t.path), func(s string) bool { return s == "*" || s == "" }), "-") + "-" + k.Name
	defaults := b.tables[slices.IndexFunc(b.tables, func(t table) bool { return t.Name == "defaults" })]
	if slices.ContainsFunc(defaults.Keys, func(d domains.Key) bool { return d.Name == k.Name && d.Description == k.Description }) {
		name = "key-" + k.Name
	}
	if strings.HasPrefix(t.Name, "*.imap") {
		name = "key-of-a-server-" + k.Name
	}
	return b.define(strings.ReplaceAll(name, "--", "-"), func() *node {
		n := b.values(t, k)
		n.Description = k.Description
		n.Default = value(k.Default)
		n.Examples = []any{value(k.Example)}
		return n
	})
}

// values is the schema of the values that a key may have.
func (b *builder) values(t table, k domains.Key) *node {
	below := b.below(t, k)
	var list []*node
	for _, kind := range k.JSONTypes {
		switch kind {
		case "string":
			list = append(list, text(k.Form))
		case "object":
			if below != nil {
				list = append(list, below)
			}
		case "array":
			items := text(k.Form)
			if below != nil {
				items = &node{OneOf: []*node{text(k.Form), below}}
			}
			list = append(list, &node{Type: "array", Items: items, MinItems: k.Form.MinItems, Unique: k.Form.Distinct})
		case "integer":
			n := &node{Type: kind, Minimum: k.Form.Min}
			if k.Form.Only != 0 {
				n.Enum = []any{k.Form.Only}
			}
			list = append(list, n)
		default:
			list = append(list, &node{Type: kind})
		}
	}
	if len(list) > 1 {
		return &node{OneOf: list}
	}
	if list[0].Ref != "" { // nothing may stand beside a reference
		return &node{AllOf: list}
	}
	return list[0]
}

// below is the table that the value of a key may be, or have as an element; nil if there is none.
func (b *builder) below(t table, k domains.Key) *node {
	for _, part := range b.tables {
		anywhere := part.path[0] == "*" && slices.Contains(strings.FieldsFunc(part.path[1], func(r rune) bool { return r == ',' || r == ' ' }), k.Name)
		if anywhere || part.Name == t.Name+"."+k.Name {
			return b.table(part)
		}
	}
	return nil
}

// text is the schema of a string.
func text(f domains.Form) *node {
	n := &node{Type: "string", Pattern: f.Pattern, MaxLength: f.MaxLength}
	for _, w := range f.Words {
		n.Enum = append(n.Enum, w)
	}
	if f.Except != "" {
		n.Not = &node{Pattern: f.Except}
	}
	return n
}

// value returns TOML as JSON has it.
func value(text string) any {
	var values struct{ V any }
	if text == "" {
		return nil
	}
	if _, err := toml.Decode("V = "+text, &values); err != nil {
		panic(err) // the table of keys does not change
	}
	return values.V
}
