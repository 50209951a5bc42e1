package edits

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"mailhint/tomledit"
)

// tableOf is the table that has the tables of a kind.
var tableOf = map[Kind]string{Domain: "domains", Profile: "profiles"}

// TOML spells a record as domains.toml would have it, with the keys in their usual order. A record without values is a header only.
func TOML(ref Ref, values Values) string {
	path := tableOf[ref.Kind] + "." + tomledit.QuoteKey(ref.Name)
	if ref.Kind == Domain {
		path = tableOf[ref.Kind] + "." + tomledit.Quote(ref.Name)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[%s]\n", path)
	spellKeys(&b, ref.Kind, values)
	if oauth, ok := values["oauth2"].(map[string]any); ok {
		fmt.Fprintf(&b, "[%s.oauth2]\n", path)
		spellKeys(&b, ref.Kind, oauth)
	}
	rules, _ := values["rules"].([]any)
	for _, rule := range rules {
		if rule, ok := rule.(map[string]any); ok {
			fmt.Fprintf(&b, "[[%s.rules]]\n", path)
			spellKeys(&b, ref.Kind, rule)
			if oauth, ok := rule["oauth2"]; ok {
				fmt.Fprintf(&b, "oauth2 = %s\n", SpellValue(oauth))
			}
		}
	}
	return b.String()
}

// spellKeys spells the values of a table that are not tables of their own.
func spellKeys(b *strings.Builder, kind Kind, values map[string]any) {
	for _, key := range inOrder(kind, values) {
		if key == "oauth2" || key == "rules" {
			continue
		}
		line := fmt.Sprintf("%s = %s\n", tomledit.QuoteKey(key), SpellValue(values[key]))
		if list, ok := values[key].([]any); ok && len(line) > wide {
			line = tomledit.QuoteKey(key) + " = [\n"
			for _, element := range list {
				line += "  " + SpellValue(element) + ",\n"
			}
			line += "]\n"
		}
		b.WriteString(line)
	}
}

// wide is the length in octets from which a list has an element on each line.
const wide = 120

// inOrder returns the keys of a record or of a table in it: those that are described, in the order of their descriptions, and then the others.
func inOrder(kind Kind, values map[string]any) []string {
	names := slices.Sorted(maps.Keys(values))
	rank := ranks[kind]
	slices.SortStableFunc(names, func(a, b string) int { return rank[a] - rank[b] })
	return names
}

// ranks are the positions of keys in a record; those below rules and oauth2 have none, and come first.
var ranks = func() map[Kind]map[string]int {
	ranks := make(map[Kind]map[string]int)
	for kind := range tableOf {
		ranks[kind] = make(map[string]int)
		for i, key := range Keys(kind) {
			ranks[kind][key.Name] = i + 1
		}
		ranks[kind]["rules"] = len(ranks[kind]) + 1
	}
	return ranks
}()

// SpellValue spells a value of a record as TOML on one line.
func SpellValue(v any) string {
	switch v := v.(type) {
	case string:
		return tomledit.Quote(v)
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = SpellValue(v[i])
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for _, key := range inOrder(Domain, v) {
			parts = append(parts, tomledit.QuoteKey(key)+" = "+SpellValue(v[key]))
		}
		if parts == nil {
			return "{}"
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}
