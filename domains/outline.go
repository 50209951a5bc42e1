package domains

import (
	"crypto/rand"
	"strconv"
	"strings"

	"mailhint/settings"
)

// Outline is the table of a domain in JSON with samples in the places of texts: of names that people see, of URLs, and of hosts. What a table means
// depends on these texts in no other way than that they are in the settings, so that tables with the same outline need to be read only once.
type Outline struct {
	JSON    string             // with the samples
	Texts   []settings.Pattern // what the samples stand for
	Aliases []string           // left out of JSON
}

// The limits of an outline. A table beyond them has none.
const (
	maxOutline = 4 << 10 // octets
	maxHoles   = 100
)

// NewOutline returns the outline of a table in JSON without white space. Some have none, such as those with rules; these must be read by Resolve.
func NewOutline(table string) (Outline, bool) {
	if len(table) > maxOutline {
		return Outline{}, false
	}
	o := outliner{rest: table}
	o.out.Grow(len(table) + 64)
	if !o.object(holeOf) || o.rest != "" {
		return Outline{}, false
	}
	o.JSON = o.out.String()
	return o.Outline, true
}

// hole is what kind of text can be a hole.
type hole uint8

const (
	noHole    hole = iota
	textHole       // any text
	urlHole        // a URL with https
	hostHole       // a host name, alone or in a URL
	aliasHole      // a domain, which is left out
	noOutline      // a value because of which the table has no outline
)

// holeOf returns what kind of hole the value of a key of a domain is.
func holeOf(key string) hole { return holes[key] }

var holes = func() map[string]hole {
	holes := map[string]hole{"aliases": aliasHole, "rules": noOutline}
	for _, k := range settingKeys {
		holes[k.Name] = k.hole
	}
	return holes
}()

// holeOfServer returns what kind of hole the value of a key of a server is that is written as a table.
func holeOfServer(key string) hole {
	if key == "url" {
		return hostHole
	}
	return noHole
}

func holeOfNone(string) hole { return noHole }

// outliner reads a table, and writes its outline.
type outliner struct {
	Outline
	out  strings.Builder
	rest string // what has not been read
}

// object reads an object, whose values are holes as kindOf says, and reports whether it can be in an outline.
func (o *outliner) object(kindOf func(key string) hole) bool {
	if !o.copy("{") {
		return false
	}
	for first := true; !o.copy("}"); first = false {
		if !first && !o.copy(",") {
			return false
		}
		key, ok := o.text()
		o.quote(key)
		if !ok || !o.copy(":") || !o.value(kindOf(key)) {
			return false
		}
	}
	return true
}

// value reads a value.
func (o *outliner) value(kind hole) bool {
	switch {
	case kind == noOutline:
		return false
	case kind == aliasHole:
		o.out.WriteString("[]")
		return o.aliases()
	case strings.HasPrefix(o.rest, `"`):
		text, ok := o.text()
		o.string(text, kind)
		return ok
	case strings.HasPrefix(o.rest, "["):
		return o.array(kind)
	case strings.HasPrefix(o.rest, "{") && kind == hostHole:
		return o.object(holeOfServer)
	case strings.HasPrefix(o.rest, "{"):
		return o.object(holeOfNone)
	}
	end := strings.IndexAny(o.rest, ",]}")
	return end > 0 && o.copy(o.rest[:end])
}

func (o *outliner) array(kind hole) bool {
	o.copy("[")
	for first := true; !o.copy("]"); first = false {
		if !first && !o.copy(",") || !o.value(kind) {
			return false
		}
	}
	return true
}

// aliases reads a domain, or an array of domains.
func (o *outliner) aliases() bool {
	isArray := o.skip("[")
	for first := true; !isArray || !o.skip("]"); first = false {
		if !first && !o.skip(",") {
			return false
		}
		text, ok := o.text()
		if !ok {
			return false
		}
		if o.Aliases = append(o.Aliases, text); !isArray {
			return true
		}
	}
	return true
}

// string writes a string, or a sample for it. An empty one is not like others: it drops what is inherited.
func (o *outliner) string(text string, kind hole) {
	before, host, after := cutHost(text)
	switch {
	case text == "" || len(o.Texts) == maxHoles:
	case kind == textHole:
		o.hole("", text, "")
		return
	case kind == urlHole:
		o.hole("https://", text, ".invalid/")
		return
	case kind == hostHole && isHost(host):
		o.hole(before, host, ".invalid"+after)
		return
	}
	o.quote(text)
}

// hole writes the sample for a text.
func (o *outliner) hole(before, text, after string) {
	var number [4]byte
	o.out.WriteString(`"`)
	o.out.WriteString(before)
	o.out.WriteString(samplePrefix)
	o.out.Write(strconv.AppendInt(number[:0], int64(len(o.Texts)), 10))
	o.out.WriteString(after)
	o.out.WriteString(`"`)
	if o.Texts == nil {
		o.Texts = make([]settings.Pattern, 0, 8)
	}
	o.Texts = append(o.Texts, settings.Pattern(text))
}

// samplePrefix begins each sample. No table has such a text by chance, and nobody can know it.
var samplePrefix = strings.ToLower(rand.Text()[:10]) + "-"

// holeOfSample returns the hole for a sample, and every other text as it is.
func holeOfSample(p settings.Pattern) settings.Pattern {
	number, ok := strings.CutPrefix(strings.TrimPrefix(string(p), "https://"), samplePrefix)
	if !ok {
		return p
	}
	number, _, _ = strings.Cut(number, ".")
	i, _ := strconv.Atoi(number)
	return settings.Hole(i)
}

// cutHost cuts the host out of a server's text, a host or a URL.
func cutHost(text string) (before, host, after string) {
	if i := strings.Index(text, "://"); i >= 0 {
		before, text = text[:i+3], text[i+3:]
	}
	if i := strings.IndexByte(text, ':'); i >= 0 && before != "" {
		text, after = text[:i], text[i:]
	}
	return before, text, after
}

// isHost reports whether a host is kept as it is written. Those with placeholders are left in the outline: other tables have the same.
func isHost(text string) bool {
	if strings.Contains(text, "%") {
		return false
	}
	host, err := settings.ParseHost(text)
	return err == nil && string(host) == text
}

// text reads a string. Those with escapes, which nearly no table has, are not read.
func (o *outliner) text() (string, bool) {
	if !o.skip(`"`) {
		return "", false
	}
	end := strings.IndexAny(o.rest, `"\`)
	if end < 0 || o.rest[end] != '"' {
		return "", false
	}
	text := o.rest[:end]
	o.rest = o.rest[end+1:]
	return text, true
}

func (o *outliner) quote(text string) {
	o.out.WriteByte('"')
	o.out.WriteString(text)
	o.out.WriteByte('"')
}

// copy reads and writes a text, if it is next.
func (o *outliner) copy(text string) bool {
	if !o.skip(text) {
		return false
	}
	o.out.WriteString(text)
	return true
}

// skip reads a text, if it is next.
func (o *outliner) skip(text string) bool {
	if !strings.HasPrefix(o.rest, text) {
		return false
	}
	o.rest = o.rest[len(text):]
	return true
}
