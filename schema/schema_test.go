package schema

import (
	"encoding/json"
	"strings"
	"testing"

	"mailhint/domains"
)

// resolve follows references.
func resolve(t *testing.T, of, n *node) *node {
	t.Helper()
	if n == nil {
		t.Fatal("there is no such schema")
	}
	if n.Ref == "" {
		return n
	}
	return resolve(t, of, of.Definitions[strings.TrimPrefix(n.Ref, "#/definitions/")])
}

// tableOf returns the schema of a table of domains.toml.
func tableOf(t *testing.T, file *node, name string) *node {
	switch {
	case name == "":
		return file
	case strings.HasPrefix(name, "*."):
		key := strings.FieldsFunc(name[2:], func(r rune) bool { return r == ',' || r == ' ' })[0]
		imap := resolve(t, file, resolve(t, file, file.Properties["defaults"]).Properties[key])
		for _, alternative := range append(imap.OneOf, imap.AllOf...) {
			if alternative.Ref != "" {
				return resolve(t, file, alternative)
			}
		}
	}
	n := file
	for part := range strings.SplitSeq(name, ".") {
		n = resolve(t, file, n)
		if n.Items == nil && len(n.OneOf) > 0 { // a key with tables in a list
			n = n.OneOf[len(n.OneOf)-1]
		}
		switch {
		case part != "*":
			n = n.Properties[part]
		default:
			for _, n = range n.PatternProperties {
				if strings.HasSuffix(n.Ref, "wildcard") {
					continue
				}
				break
			}
		}
	}
	n = resolve(t, file, n)
	for n.Properties == nil {
		switch {
		case n.Items != nil:
			n = resolve(t, file, n.Items)
		case len(n.OneOf) > 0:
			for _, a := range n.OneOf {
				if a.Ref != "" || a.Items != nil {
					n = resolve(t, file, a)
				}
			}
		default:
			t.Fatalf("[%s] is not a table", name)
		}
	}
	return n
}

// Every key of every table is in the schema, explained, and no other; and every table may have no more.
func TestEveryKeyIsInTheSchema(t *testing.T) {
	text, err := JSON()
	if err != nil {
		t.Fatal(err)
	}
	file := new(node)
	if err := json.Unmarshal(text, file); err != nil {
		t.Fatal(err)
	}
	if file.ID != ID || !strings.Contains(file.Schema, "draft-07") {
		t.Errorf("$id %q, $schema %q", file.ID, file.Schema)
	}
	for _, table := range domains.Tables() {
		n := tableOf(t, file, table.Name)
		if n.Additional == nil || *n.Additional {
			t.Errorf("[%s] may have other keys", table.Name)
		}
		for _, k := range table.Keys {
			key := resolve(t, file, n.Properties[k.Name])
			if key.Description != k.Description || len(key.Examples) != 1 || (key.Default != nil) != (k.Default != "") {
				t.Errorf("[%s] %s is %q with default %v and examples %v; want %q", table.Name, k.Name, key.Description, key.Default, key.Examples, k.Description)
			}
		}
		for name := range n.Properties {
			isKey := false
			for _, k := range table.Keys {
				isKey = isKey || k.Name == name
			}
			isTable := false
			for _, other := range domains.Tables() {
				isTable = isTable || strings.HasSuffix(strings.TrimSuffix(other.Name, ".*"), "."+name) || strings.HasPrefix(other.Name+".", name+".")
			}
			if !isKey && !isTable {
				t.Errorf("[%s] has %s, which is not a key", table.Name, name)
			}
		}
	}
}
