package tomledit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// file is a random TOML text of which every octet is known to belong to an entry or to nobody. It is made without the code that is tested.
type file struct {
	bom      string
	nl       string
	segments []segment
	entries  []*entry
}

// entry is a table domains.NAME of a file.
type entry struct {
	name   string
	layout layout
	values map[string]any
}

type layout int

const (
	headers     layout = iota // [domains.x], [domains.x.oauth2], [[domains.x.rules]], possibly far apart
	onlyBelow                 // only [domains.x.oauth2] and [[domains.x.rules]]
	dottedTop                 // domains.x.imap = … at the top of the file
	dottedBelow               // x.imap = … below [domains]
	inlineBelow               // x = { … } below [domains]
	inlineWhole               // domains = { x = { … } }
)

// segment is a piece of a file: whole lines, or a part of a line.
type segment struct {
	owner *entry // nil for nobody
	key   string // of the entry's table; empty for its header
	role  role
	text  string
	// For lines: text without the value, which is between them.
	before, after string
}

type role int

const (
	roleOther     role = iota
	roleBlank          // blank lines
	roleFree           // comment lines that belong to nobody
	roleComment        // comment lines directly above a header or line
	roleHead           // a header line
	roleLine           // a key and its value
	roleWithin         // a comment or blank line in a section
	roleSeparator      // between items of an inline table
	roleItem           // an item of an inline table
)

func (f *file) text() string {
	var b strings.Builder
	b.WriteString(f.bom)
	for _, s := range f.segments {
		b.WriteString(s.text)
	}
	return b.String()
}

type generator struct {
	*rand.Rand
	nl     string
	indent string
}

func (g *generator) maybe(percent int) bool { return g.IntN(100) < percent }

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

var names = []string{
	"example.com", "example.org", "a.b", "x", "ünï.example", "with space", `quo"te`, "it's", "*.wild.example", "1234", "tab\there", "", "é",
	"[domains.x]", "# name", "xn--bcher-kva.example", "X", "domains", "UPPER.example", "a", "a.b.c",
}

var keyNames = []string{"imap", "smtp", "pop3", "name", "enabled", "auth", "quota", "hint", "webmail", "odd key", "a.b", "größe", "k"}

// generate returns a random file.
func generate(r *rand.Rand) *file {
	g := &generator{Rand: r, nl: "\n"}
	f := &file{}
	if g.maybe(30) {
		g.nl = "\r\n"
	}
	if g.maybe(15) {
		f.bom = "\xEF\xBB\xBF"
	}
	f.nl = g.nl
	g.indent = pick(g, "", "", "", "  ", "\t")
	chosen := slices.Clone(names)
	g.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
	chosen = chosen[:1+g.IntN(7)]
	whole := g.maybe(8)
	top := g.maybe(25) // dotted at the top: no header [domains] then
	for _, name := range chosen {
		e := &entry{name: name, values: map[string]any{}}
		switch {
		case whole:
			e.layout = inlineWhole
		case top:
			e.layout = pick(g, headers, dottedTop, dottedTop, onlyBelow)
		default:
			e.layout = pick(g, headers, headers, headers, onlyBelow, dottedBelow, inlineBelow)
		}
		f.entries = append(f.entries, e)
	}
	if g.maybe(60) {
		f.add(segment{role: roleFree, text: g.commentLine("")})
		f.add(segment{role: roleBlank, text: g.blankLines(1)})
	}
	if g.maybe(30) {
		f.add(segment{text: "version = 1 # of the file" + g.nl})
	}
	if whole {
		f.add(g.wholeInline(f)...)
	}
	for _, e := range f.entries {
		if e.layout == dottedTop {
			f.add(g.dotted(e, g.tableName()+pick(g, ".", ".", " . "), true)...)
		}
	}
	f.add(segment{role: roleBlank, text: g.blankLines(0)})
	for _, b := range g.shuffled(f) {
		f.add(b...)
	}
	if g.maybe(20) {
		f.add(segment{role: roleBlank, text: g.blankLines(1)}, segment{role: roleFree, text: g.commentLine("")})
	}
	g.finish(f)
	return f
}

func (f *file) add(segments ...segment) {
	for _, s := range segments {
		if s.text != "" {
			f.segments = append(f.segments, s)
		}
	}
}

// finish sometimes takes away the last line end.
func (g *generator) finish(f *file) {
	if n := len(f.segments); n > 0 && g.maybe(25) {
		last := &f.segments[n-1]
		if last.role != roleBlank && strings.HasSuffix(last.text, g.nl) {
			last.text = strings.TrimSuffix(last.text, g.nl)
			last.after = strings.TrimSuffix(last.after, g.nl)
		}
	}
	if first := &f.segments[0]; first.role == roleComment {
		first.owner, first.role = nil, roleFree // it may be about the whole file
	}
}

// shuffled returns the sections of all entries and of other tables in random order, in which those of an entry keep theirs.
func (g *generator) shuffled(f *file) [][]segment {
	var queues [][][]segment
	for _, e := range f.entries {
		if e.layout == headers || e.layout == onlyBelow {
			queues = append(queues, g.sections(e))
		}
	}
	below := false
	for _, e := range f.entries {
		below = below || e.layout == dottedBelow || e.layout == inlineBelow
	}
	if below {
		queues = append(queues, [][]segment{g.domainsSection(f)})
	}
	for i := range g.IntN(4) {
		queues = append(queues, [][]segment{g.foreign(i)})
	}
	together := g.maybe(50) // the sections of an entry
	var blocks [][]segment
	for len(queues) > 0 {
		i := g.IntN(len(queues))
		n := 1
		if together {
			n = len(queues[i])
		}
		for _, b := range queues[i][:n] {
			blocks = append(blocks, b)
			if g.maybe(10) {
				blocks = append(blocks, []segment{{role: roleBlank, text: g.blankLines(1)}, {role: roleFree, text: g.commentLine("")}, {role: roleBlank, text: g.blankLines(1)}})
			}
		}
		if queues[i] = queues[i][n:]; len(queues[i]) == 0 {
			queues = slices.Delete(queues, i, i+1)
		}
	}
	return blocks
}

// foreign returns a table that is no entry.
func (g *generator) foreign(i int) []segment {
	name := []string{"defaults", "profiles.shared", `profiles."domains.x"`, "[lists]"}[i]
	text := "[" + name + "]" + g.nl
	for _, key := range g.keys(3) {
		value, _ := g.value(2)
		text += spellKey(g, key) + " = " + value + g.nl
	}
	return []segment{{text: text}, {role: roleBlank, text: g.blankLines(1)}}
}

// sections returns the sections of an entry with headers: one for each header.
func (g *generator) sections(e *entry) [][]segment {
	var blocks [][]segment
	table := g.tableName() + "." + spellKey(g, e.name)
	if e.layout == headers {
		blocks = append(blocks, g.section(e, "", g.header("[", table, "]"), e.values))
	}
	if e.layout == onlyBelow || g.maybe(40) {
		oauth2 := map[string]any{}
		blocks = append(blocks, g.section(e, "oauth2", g.header("[", table+".oauth2", "]"), oauth2))
		e.values["oauth2"] = oauth2
	}
	if g.maybe(40) {
		var rules []any
		for range 1 + g.IntN(3) {
			rule := map[string]any{}
			b := g.section(e, "rules", g.header("[[", table+".rules", "]]"), rule)
			if g.maybe(20) {
				below := map[string]any{}
				b = append(b, g.section(e, "rules", g.header("[", table+".rules.login", "]"), below)...)
				rule["login"] = below
			}
			blocks = append(blocks, b)
			rules = append(rules, rule)
		}
		e.values["rules"] = rules
	}
	return blocks
}

// header spells a header, sometimes with spaces.
func (g *generator) header(open, name, close string) string {
	space := pick(g, "", "", "", " ")
	return g.indent + open + space + name + space + close + pick(g, "", "", "", " # [domains.x]", "\t#") + g.nl
}

// section returns a section: header, lines, comments, and what separates it from the next.
func (g *generator) section(e *entry, key, header string, values map[string]any) []segment {
	var s []segment
	if g.maybe(40) {
		s = append(s, segment{e, key, roleComment, g.commentLines(g.indent), "", ""})
	}
	s = append(s, segment{owner: e, key: key, role: roleHead, text: header})
	for _, k := range g.keys(5) {
		if key == "" && g.maybe(15) {
			s = append(s, segment{owner: e, key: k, role: roleComment, text: g.commentLines(g.indent)})
		} else if g.maybe(10) {
			s = append(s, segment{owner: e, key: key, role: roleWithin, text: g.blankLines(1)})
		}
		top := key
		if key == "" {
			top = k
		}
		s = append(s, g.line(e, top, g.indent+spellKey(g, k), k, values))
	}
	if g.maybe(10) {
		s = append(s, segment{owner: e, key: key, role: roleWithin, text: g.commentLines("")})
		return append(s, segment{role: roleBlank, text: g.blankLines(1)})
	}
	return append(s, segment{role: roleBlank, text: g.blankLines(0)})
}

// line returns a key with a random value, which it also notes in values.
func (g *generator) line(e *entry, top, spelled, key string, values map[string]any) segment {
	text, value := g.value(3)
	values[key] = value
	before := spelled + pick(g, " = ", " = ", "=", "   = ", " =  ")
	after := pick(g, "", "", "  # comment", " # [domains.x]", "\t# \"quoted\" = 1", " ") + g.nl
	return segment{e, top, roleLine, before + text + after, before, after}
}

// dotted returns an entry as lines with dotted keys.
func (g *generator) dotted(e *entry, prefix string, top bool) []segment {
	var s []segment
	table := prefix + spellKey(g, e.name) + "."
	for _, k := range g.keys(4) {
		if g.maybe(15) {
			s = append(s, segment{owner: e, key: k, role: roleComment, text: g.commentLines("")})
		}
		s = append(s, g.line(e, k, table+spellKey(g, k), k, e.values))
	}
	if len(s) == 0 || g.maybe(30) {
		oauth2 := map[string]any{}
		for _, k := range []string{"issuer", "client"}[:1+g.IntN(2)] {
			s = append(s, g.line(e, "oauth2", table+"oauth2."+k, k, oauth2))
		}
		e.values["oauth2"] = oauth2
	}
	if g.maybe(50) {
		s = append(s, segment{role: roleBlank, text: g.blankLines(1)})
	}
	return s
}

// domainsSection returns the table [domains] with its entries.
func (g *generator) domainsSection(f *file) []segment {
	s := []segment{{text: g.header("[", g.tableName(), "]")}}
	for _, e := range f.entries {
		switch e.layout {
		case dottedBelow:
			s = append(s, g.dotted(e, "", false)...)
		case inlineBelow:
			if g.maybe(20) {
				s = append(s, segment{e, "", roleComment, g.commentLines(""), "", ""})
			}
			before, after := spellKey(g, e.name)+" = ", pick(g, "", "  # inline")+g.nl
			s = append(s, segment{e, "", roleLine, before + g.inline(e.values) + after, before, after})
		}
	}
	return append(s, segment{role: roleBlank, text: g.blankLines(1)})
}

// wholeInline returns all entries as one line.
func (g *generator) wholeInline(f *file) []segment {
	s := []segment{{text: "domains = {" + pick(g, "", " ")}}
	for i, e := range f.entries {
		if i > 0 {
			s = append(s, segment{role: roleSeparator, text: pick(g, ", ", ",", " , ")})
		}
		s = append(s, segment{owner: e, role: roleItem, text: spellKey(g, e.name) + " = " + g.inline(e.values)})
	}
	return append(s, segment{text: pick(g, "}", " }") + " # all" + g.nl}, segment{role: roleBlank, text: g.nl})
}

func (g *generator) inline(values map[string]any) string {
	var items []string
	for _, k := range g.keys(4) {
		text, v := g.value(1)
		if strings.Contains(text, "\n") {
			continue
		}
		values[k] = v
		items = append(items, spellKey(g, k)+pick(g, " = ", "=")+text)
	}
	space := pick(g, "", " ")
	return "{" + space + strings.Join(items, pick(g, ", ", ",")) + space + "}"
}

func (g *generator) keys(most int) []string {
	keys := slices.Clone(keyNames)
	g.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return keys[:g.IntN(most+1)]
}

func (g *generator) tableName() string {
	return pick(g, "domains", "domains", "domains", `"domains"`, "'domains'", `"d\u006Fmains"`)
}

func (g *generator) blankLines(least int) string {
	return strings.Repeat(pick(g, "", "", "  ", "\t")+g.nl, least+pick(g, 0, 0, 0, 1, 1, 2))
}

func (g *generator) commentLine(indent string) string {
	return indent + "#" + pick(g, " about this", "", " [domains.x]", ` imap = "old"`, " ü \t \"\"\"", " {") + g.nl
}

func (g *generator) commentLines(indent string) string {
	text := g.commentLine(indent)
	for g.maybe(30) {
		text += g.commentLine(indent)
	}
	return text
}

// value returns a random value as TOML spells it, and what it means.
func (g *generator) value(depth int) (string, any) {
	text := g.scalar()
	switch n := g.IntN(10); {
	case n == 0:
		text = g.array(depth)
	case n == 1 && depth > 0:
		text = g.inline(map[string]any{})
	}
	return text, meaning(text)
}

// meaning returns the value that a text spells.
func meaning(text string) any {
	var decoded struct{ V any }
	if _, err := toml.Decode("V = "+text+"\n", &decoded); err != nil {
		panic(fmt.Sprintf("%v: %s", err, text))
	}
	return plain(decoded.V)
}

// plain makes lists of tables lists of values.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			v[key] = plain(value)
		}
	case []map[string]any:
		list := make([]any, len(v))
		for i, value := range v {
			list[i] = plain(value)
		}
		return list
	case []any:
		for i, value := range v {
			v[i] = plain(value)
		}
	}
	return v
}

func (g *generator) scalar() string {
	return pick(g,
		`"imap.example.com"`, `'imap.example.com'`, `"imaps://h:993"`, "true", "false", "1_000", "0x1F", "-7", "1.5", "1e3", "inf", "2026-11-29",
		"2026-11-29 10:00:00Z", "07:32:00", `"[domains.\"x\"]"`, `'[domains."x"]'`, `"# no comment"`, `"a \" b \\"`, `"\u00e9\t"`, `"ü 漢"`, `''`, `""`,
		`'''one'''`, `"""two"""`, "'''"+g.nl+"[domains.x]"+g.nl+"imap = 1"+g.nl+"'''", `"""`+g.nl+`[[domains.x.rules]] \`+g.nl+`  # ""`+g.nl+`"""`,
		`"""ends with ""`+`"""`, `'''it's'' '''`,
	)
}

func (g *generator) array(depth int) string {
	n := g.IntN(4)
	switch g.IntN(3) {
	case 0:
		var items []string
		for range n {
			items = append(items, g.scalar())
		}
		return "[" + strings.Join(items, pick(g, ", ", ",", " , ")) + pick(g, "", " ") + "]"
	case 1:
		text := "[" + pick(g, "", " # list ]") + g.nl
		for i := range n {
			comma := ","
			if i == n-1 {
				comma = pick(g, ",", "")
			}
			text += "  " + g.scalar() + comma + pick(g, "", " # one, \"two\" ]") + g.nl
			if g.maybe(20) {
				text += "  # between" + g.nl
			}
		}
		return text + "]"
	}
	if depth == 0 {
		return "[]"
	}
	var items []string
	for range n {
		items = append(items, g.inline(map[string]any{}))
	}
	return "[ " + strings.Join(items, ", ") + " ]"
}

// spellKey spells a key in one of the ways that TOML has for it.
func spellKey(g *generator, key string) string {
	basic := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\t", `\t`).Replace(key) + `"`
	literal, bare, escaped := basic, basic, basic
	if !strings.ContainsAny(key, "'\t") {
		literal = "'" + key + "'"
	}
	if key != "" && strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == "" {
		bare = key
	}
	if r := []rune(key); len(r) > 0 {
		escaped = fmt.Sprintf(`"\U%08X`, r[0]) + basic[1+len(strings.TrimSuffix(strings.TrimPrefix(spellBasic(string(r[:1])), `"`), `"`)):]
	}
	return pick(g, bare, bare, basic, basic, literal, escaped)
}

func spellBasic(key string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\t", `\t`).Replace(key) + `"`
}
