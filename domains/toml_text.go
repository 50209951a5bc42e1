package domains

import (
	"fmt"
	"slices"
	"strings"

	"mailhint/settings"
	"mailhint/tomledit"
	"mailhint/untrusted"
)

// tomlText is TOML being written.
type tomlText struct{ strings.Builder }

func (b *tomlText) line(s string) {
	b.WriteString(s)
	b.WriteByte('\n')
}

// Comment returns a text as a comment of TOML, in lines of readable length, whatever it contains.
func Comment(text string) string {
	var b tomlText
	b.comment(text)
	return b.String()
}

// comment writes a comment in lines of readable length, whatever the text contains.
func (b *tomlText) comment(s string) {
	line := "#"
	for _, word := range strings.Fields(untrusted.Printable(s)) {
		if len(line)+len(word) >= wide && line != "#" && line != "#  " {
			b.line(line)
			line = "#  "
		}
		line += " " + word
	}
	b.line(line)
}

// wide is the length in octets at which lines are broken.
const wide = 120

func (b *tomlText) header(path ...string) { b.line("[" + spellKey(path...) + "]") }

// object writes the values of a table, which has none below it.
func (b *tomlText) object(o object) {
	for _, m := range o {
		b.plain(m.name, m.value)
	}
}

// plain writes a value; no nil, and no table.
func (b *tomlText) plain(key string, v any) {
	switch v := v.(type) {
	case []string:
		b.list(key, v)
	case []any:
		list := make([]string, len(v))
		for i := range v {
			list[i] = inline(v[i])
		}
		if len(list) == 1 {
			b.line(key + " = " + list[0])
			return
		}
		b.elements(key, list)
	default:
		b.line(key + " = " + inline(v))
	}
}

// inline spells a value on one line.
func inline(v any) string {
	switch v := v.(type) {
	case string:
		return tomledit.Quote(v)
	case []string:
		return "[" + strings.Join(quoteAll(v), ", ") + "]"
	case object:
		parts := make([]string, len(v))
		for i, m := range v {
			parts[i] = m.name + " = " + inline(m.value)
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	}
	return fmt.Sprint(v)
}

func (b *tomlText) list(key string, list []string) { b.elements(key, quoteAll(list)) }

// elements writes a list on one line if it fits.
func (b *tomlText) elements(key string, list []string) {
	if text := key + " = [" + strings.Join(list, ", ") + "]"; len(text) <= wide {
		b.line(text)
		return
	}
	b.lines(key, list)
}

func (b *tomlText) lines(key string, list []string) {
	b.line(key + " = [")
	for _, element := range list {
		b.line("  " + element + ",")
	}
	b.line("]")
}

// spellKey joins the parts of a table's name. Names of domains are always quoted, as the documentation shows them.
func spellKey(path ...string) string {
	parts := slices.Clone(path)
	if len(parts) > 1 && (strings.ContainsFunc(parts[1], notBare) || parts[0] == "domains" || parts[1] == "") {
		parts[1] = tomledit.Quote(parts[1])
	}
	return strings.Join(parts, ".")
}

func quoteAll(list []string) []string {
	q := make([]string, len(list))
	for i, s := range list {
		q[i] = tomledit.Quote(s)
	}
	return q
}

func texts(names []settings.Domain) []string {
	list := make([]string, len(names))
	for i, d := range names {
		list[i] = string(d)
	}
	return list
}

func networkTexts(networks settings.Networks) []string {
	list := make([]string, len(networks))
	for i, n := range networks {
		list[i] = n.String()
	}
	return list
}
