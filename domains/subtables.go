package domains

import (
	"maps"
	"slices"

	"mailhint/tomledit"
)

// table returns a table below this one.
func (t *table) table(key string) (*table, bool) {
	v, ok := t.value(key)
	if !ok {
		return nil, false
	}
	return t.below(key, v)
}

// below returns a value of this table as a table.
func (t *table) below(key string, v any) (*table, bool) {
	values, ok := v.(map[string]any)
	if !ok {
		t.failNoTable(key, v)
		return nil, false
	}
	return t.src.table(append(t.path[:len(t.path):len(t.path)], key), values), true
}

// namedTables are the tables of which there may be many, each with a name, and how one is written.
var namedTables = map[string]string{"domains": `domains."example.com"`, "profiles": "profiles.shared", "lookups": "lookups.people"}

// failNoTable notes that there is something else where a table belongs.
func (t *table) failNoTable(key string, v any) {
	path, brackets := spell(append(t.path[:len(t.path):len(t.path)], key)), ""
	if example := namedTables[key]; example != "" && len(t.path) == 0 {
		path = example
	}
	if _, isArray := v.([]map[string]any); isArray {
		brackets = " in single brackets"
	}
	t.fail(key, "must be a table; write [%s]%s", path, brackets)
}

// children returns the tables below this one by their names, sorted. Their names are all the keys that there may be here.
func (t *table) children() []*table {
	children := make([]*table, 0, len(t.values))
	for _, key := range slices.Sorted(maps.Keys(t.values)) {
		if child, ok := t.below(key, t.values[key]); ok {
			children = append(children, child)
		}
	}
	return children
}

// tables returns an array of tables.
func (t *table) tables(key string) []*table {
	v, ok := t.value(key)
	if !ok {
		return nil
	}
	var list []map[string]any
	switch v := v.(type) {
	case []map[string]any:
		list = v
	case []any:
		for _, element := range v {
			values, ok := element.(map[string]any)
			if !ok {
				t.fail(key, "must contain only tables; write [[%s]]", spell(append(t.path[:len(t.path):len(t.path)], key)))
				return nil
			}
			list = append(list, values)
		}
	default:
		t.fail(key, "must be an array of tables; write [[%s]]", spell(append(t.path[:len(t.path):len(t.path)], key)))
		return nil
	}
	tables := make([]*table, len(list))
	for i, values := range list {
		tables[i] = t.src.table(append(t.path[:len(t.path):len(t.path)], key, tomledit.Element(i)), values)
	}
	return tables
}
