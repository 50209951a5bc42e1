package edits

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"mailhint/spelling"
)

// Difference is one key that a change gives another value.
type Difference struct {
	// Key is written with a dot if it is in a table: oauth2.issuer. It is "list" for the profile whose list has the domain.
	Key string `json:"key"`
	// Before and After are the values as in Values; nil where the key was not there.
	Before any `json:"before"`
	After  any `json:"after"`
}

// Differences returns the keys that a change gives other values, in their usual order.
func (c Change) Differences() []Difference {
	var before, after map[string]any
	var lists [2]any
	for i, s := range []*State{c.Before, c.After} {
		if s != nil && s.List != "" {
			lists[i] = s.List
		}
	}
	if c.Before != nil {
		before = c.Before.Values
	}
	if c.After != nil {
		after = c.After.Values
	}
	list := differences(c.Kind, "", before, after)
	if lists[0] != lists[1] {
		list = append(list, Difference{"list", lists[0], lists[1]})
	}
	return list
}

func differences(kind Kind, prefix string, before, after map[string]any) []Difference {
	keys := maps.Clone(before)
	if keys == nil {
		keys = make(map[string]any)
	}
	maps.Copy(keys, after)
	var list []Difference
	for _, key := range inOrder(kind, keys) {
		b, a := before[key], after[key]
		bTable, _ := b.(map[string]any)
		aTable, _ := a.(map[string]any)
		switch {
		case reflect.DeepEqual(b, a):
		case bTable != nil && aTable != nil:
			list = append(list, differences(kind, prefix+key+".", bTable, aTable)...)
		default:
			list = append(list, Difference{prefix + key, b, a})
		}
	}
	return list
}

// String says what has become of the key: imap "a.example" → "b.example".
func (d Difference) String() string {
	if d.Key == "list" {
		return listDifference(d)
	}
	switch {
	case d.Before == nil:
		return d.Key + " = " + SpellValue(d.After)
	case d.After == nil:
		return fmt.Sprintf("%s removed (was %s)", d.Key, SpellValue(d.Before))
	}
	added, removed, both := elements(d.Before, d.After)
	if both && len(added)+len(removed) > 0 && len(SpellValue(d.Before))+len(SpellValue(d.After)) > wide {
		var parts []string
		for _, e := range added {
			parts = append(parts, "+"+SpellValue(e))
		}
		for _, e := range removed {
			parts = append(parts, "-"+SpellValue(e))
		}
		return d.Key + " " + strings.Join(parts, " ")
	}
	return fmt.Sprintf("%s %s → %s", d.Key, SpellValue(d.Before), SpellValue(d.After))
}

func listDifference(d Difference) string {
	switch {
	case d.Before == nil:
		return fmt.Sprintf("into the list of profile %s", d.After)
	case d.After == nil:
		return fmt.Sprintf("out of the list of profile %s", d.Before)
	}
	return fmt.Sprintf("from the list of profile %s to that of %s", d.Before, d.After)
}

// elements returns what one list has and another has not; both is false unless both are lists.
func elements(before, after any) (added, removed []any, both bool) {
	b, isList := before.([]any)
	a, areLists := after.([]any)
	if !isList || !areLists {
		return nil, nil, false
	}
	lacks := func(list []any, e any) bool {
		return !slices.ContainsFunc(list, func(o any) bool { return reflect.DeepEqual(o, e) })
	}
	for _, e := range a {
		if lacks(b, e) {
			added = append(added, e)
		}
	}
	for _, e := range b {
		if lacks(a, e) {
			removed = append(removed, e)
		}
	}
	return added, removed, true
}

// String says in one line how the list has changed: 2 domains added to customers.txt, 1,204 domains removed from it.
func (s ListSummary) String() string {
	switch {
	case s.Removed == 0:
		return fmt.Sprintf("%s added to %s", spelling.Count(s.Added, "domain"), s.File)
	case s.Added == 0:
		return fmt.Sprintf("%s removed from %s", spelling.Count(s.Removed, "domain"), s.File)
	}
	return fmt.Sprintf("%s added to %s, %s removed from it", spelling.Count(s.Added, "domain"), s.File, spelling.Count(s.Removed, "domain"))
}

// What says in one line what a change did to its record: added (profile = "shared"), removed, or the keys with their old and new values. It contains text
// that others have written; clean it before it is shown at a terminal.
func (c Change) What() string {
	var parts []string
	for _, d := range c.Differences() {
		parts = append(parts, d.String())
	}
	keys := strings.Join(parts, ", ")
	switch {
	case c.Summary != nil && keys != "":
		return c.Summary.String() + ", " + keys
	case c.Summary != nil:
		return c.Summary.String()
	case c.Before == nil && keys == "":
		return "added"
	case c.Before == nil:
		return "added: " + keys
	case c.After == nil && c.Before.List != "" && len(c.Before.Values) == 0:
		return fmt.Sprintf("removed from the list of profile %s", c.Before.List)
	case c.After == nil:
		return "removed"
	case keys == "" && c.Before.Text != c.After.Text:
		return "only comments or spelling"
	case keys == "":
		return "rewritten"
	}
	return keys
}
