package domains

import (
	"cmp"
	"fmt"
	"strings"
)

// Key describes one key of domains.toml. Every key has one row in keys.go, and everything that has to do with keys loops over these
// rows: reading and its messages, inheritance, explanations, TOML, JSON, and the documentation. Only the JSON form of a rule is written by
// hand (see ruleJSON): it has the users themselves instead of users_file, and null for what is not limited.
type Key struct {
	// Name is the key as it is written in the file.
	Name string
	// Type says what kind of value the key takes: "string", "https URL", "list of networks".
	Type string
	// JSONTypes are the types of JSON and TOML that a value may have: "string", "boolean", "integer", "array" or "object".
	JSONTypes []string
	// Default is the value used where the key is missing, as TOML; empty if there is none.
	Default string
	// Example is a value as TOML.
	Example string
	// Description says what the key means: a phrase that fits into a comment behind the value.
	Description string
	// Formats are the answers that depend on the key, such as "autoconfig"; nil if no client sees it.
	Formats []string
	// Form says what values look like.
	Form Form
	// Editable is true if admins of single domains can be allowed to change the key (see the key editable).
	Editable bool
}

// key is a row: a Key, and how its value gets from a table into the struct S and out of it again.
type key[S any] struct {
	Key
	// read reads the value into s, and reports false if the key is missing or its value is wrong, which has been noted then.
	read func(t *table, s *S) bool
	// copy copies the value, for inheritance.
	copy func(from, to *S)
	// plain returns the value for output: a string, bool, []string, []any or object as domains.toml spells it, or nil if there is
	// nothing to write.
	plain func(s *S) any
	// explain appends where the value was written, in several parts if it was written in several places.
	explain func(list []Origin, s *S, at Position) []Origin
	// json adds the value to the settings in the JSON form.
	json func(o *object, s *S)
	// isTable is true if the value may be a table below the one that the key is in.
	isTable bool
	// hole is what an Outline has in place of the value.
	hole hole
	// isService is true if a domain that has the key offers something, even if it has no other.
	isService bool
	// readsMissing is true if read has something to say about a table without the key.
	readsMissing bool
	// isLong is true if the value is a list that is written with an element on each line.
	isLong bool
}

// kind is a type of value.
type kind[T any] struct {
	name    string // for Key.Type
	types   string // for Key.JSONTypes, between spaces; empty for a string
	read    func(t *table, key string) (T, bool)
	plain   func(T) any
	form    Form // for Key.Form
	isTable bool
	hole    hole
	// readsMissing is as in key.
	readsMissing bool
}

// row makes the row of a key: its name, the kind of its value, the field of S that holds it, an example as TOML, and what it means.
func row[S, T any](name string, k kind[T], field func(*S) *T, example, description string) key[S] {
	r := key[S]{Key: Key{Name: name, Type: k.name, JSONTypes: strings.Fields(cmp.Or(k.types, "string")), Example: example, Description: description, Form: k.form}, isTable: k.isTable, hole: k.hole, readsMissing: k.readsMissing}
	r.read = func(t *table, s *S) bool {
		v, ok := k.read(t, name)
		if ok {
			*field(s) = v
		}
		return ok
	}
	r.copy = func(from, to *S) { *field(to) = *field(from) }
	r.plain = func(s *S) any { return k.plain(*field(s)) }
	r.explain = func(list []Origin, s *S, at Position) []Origin {
		v := r.plain(s)
		if v == nil || v == true && at == (Position{}) { // nothing, or on by default
			return list
		}
		return append(list, Origin{name, explained(v), at})
	}
	r.json = func(o *object, s *S) {
		if v := r.plain(s); v != nil {
			o.add(name, v)
		}
	}
	return r
}

// byDefault sets the value that is used where the key is missing.
func (k key[S]) byDefault(toml string) key[S] {
	k.Default = toml
	return k
}

// in sets the formats whose answers depend on the key.
func (k key[S]) in(formats ...string) key[S] {
	k.Formats = formats
	return k
}

// editable marks a key that admins of single domains can be allowed to change.
func (k key[S]) editable() key[S] {
	k.Editable = true
	return k
}

// required marks a key without which its table is not complete.
func (k key[S]) required() key[S] {
	k.Form.Required = true
	return k
}

// notEmpty marks a list that must have an element.
func (k key[S]) notEmpty() key[S] {
	k.Form.MinItems = 1
	return k
}

// service marks a key with a service to answer with.
func (k key[S]) service() key[S] {
	k.isService = true
	return k
}

// long marks a list that is written with an element on each line.
func (k key[S]) long() key[S] {
	k.isLong = true
	return k
}

// readKeys reads the values of a table into s, and returns where those that are there and right were written.
func readKeys[S any](t *table, keys []key[S], s *S) places {
	t.known = append(t.known, keyRows[S](keys))
	at := make(places, 0, len(t.values))
	for i := range keys {
		k := &keys[i]
		if (k.readsMissing || t.has(k.Name)) && k.read(t, s) {
			at = append(at, placed{k.Name, t.at(k.Name)})
		}
	}
	return at
}

// places are the keys of a table that are set, and where they were written, in the order of their rows.
type places []placed

type placed struct {
	key string
	at  Position
}

// of returns where a key was written; the zero Position if it is not set.
func (ps places) of(key string) Position {
	at, _ := ps.find(key)
	return at
}

// has reports whether a key is set.
func (ps places) has(key string) bool {
	_, set := ps.find(key)
	return set
}

func (ps places) find(key string) (Position, bool) {
	for i := range ps {
		if ps[i].key == key {
			return ps[i].at, true
		}
	}
	return Position{}, false
}

// keyRows are rows of which only the names matter.
type keyRows[S any] []key[S]

func (rows keyRows[S]) names() []string {
	names := make([]string, len(rows))
	for i := range rows {
		names[i] = rows[i].Name
	}
	return names
}

// object is a table for output: its values in order.
type object []member

type member struct {
	name  string
	value any
}

func (o *object) add(name string, value any) { *o = append(*o, member{name, value}) }

// explained spells a plain value for people.
func explained(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []string:
		return "[" + strings.Join(v, ", ") + "]"
	case object:
		var parts []string
		for _, m := range v {
			parts = append(parts, m.name+" "+explained(m.value))
		}
		return strings.Join(parts, " ")
	}
	return fmt.Sprint(v)
}
