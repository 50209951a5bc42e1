package tomledit

import (
	"slices"
	"strings"
)

// owned reports for each segment whether it belongs to an entry, as the package comment says.
func (f *file) owned(e *entry) []bool {
	owned := make([]bool, len(f.segments))
	for i, s := range f.segments {
		owned[i] = s.owner == e
	}
	if e.layout == headers || e.layout == onlyBelow {
		return owned
	}
	for i := len(f.segments) - 1; i >= 0; i-- { // a comment above lines that another key follows directly may be about both
		if s := f.segments[i]; s.owner != e || s.role != roleComment {
			continue
		}
		next := i + 1
		for next < len(f.segments) && f.segments[next].role == roleLine && f.segments[next].owner == e {
			next++
		}
		if next < len(f.segments) && f.segments[next].role == roleLine {
			owned[i] = false
		}
	}
	return owned
}

// of returns the text of an entry.
func (f *file) of(e *entry) string {
	owned := f.between(e)
	var b strings.Builder
	for i, s := range f.segments {
		if owned[i] {
			if b.Len() > 0 && !strings.HasSuffix(b.String(), "\n") {
				b.WriteString(f.nl)
			}
			b.WriteString(s.text)
		}
	}
	return b.String()
}

// between is like owned, with what is between two sections of an entry if nothing of others is.
func (f *file) between(e *entry) []bool {
	owned := f.owned(e)
	last := -1
	for i, s := range f.segments {
		switch {
		case owned[i] && (s.role == roleLine && (e.layout != headers && e.layout != onlyBelow)):
			last = -1
		case owned[i]:
			if last >= 0 {
				for j := last + 1; j < i; j++ {
					owned[j] = true
				}
			}
			last = i
		case s.role != roleBlank && s.role != roleFree:
			last = -1
		}
	}
	return owned
}

// without returns the text without an entry: of the blank lines around what is taken out, those below go if there are some above or if nothing
// is above; those above go if nothing is below.
func (f *file) without(e *entry) string {
	gone := f.between(e)
	for i := 0; i < len(gone); i++ {
		if !gone[i] || f.segments[i].owner != e {
			continue
		}
		end := i
		for end < len(gone) && gone[end] {
			end++
		}
		below := end
		for below < len(gone) && f.segments[below].role == roleBlank {
			below++
		}
		above := i
		for above > 0 && f.segments[above-1].role == roleBlank {
			above--
		}
		switch {
		case below == len(gone):
			for j := above; j < i; j++ {
				gone[j] = true
			}
		case i == 0 || above < i:
			for j := end; j < below; j++ {
				gone[j] = true
			}
		}
		i = end
	}
	var b strings.Builder
	b.WriteString(f.bom)
	for i, s := range f.segments {
		if !gone[i] {
			b.WriteString(s.text)
		}
	}
	return b.String()
}

// patternOfSet returns a pattern of the text after a Set, or after the removal of an item of an inline table: everything that it
// does not concern is literal.
func (f *file) patternOfSet(e *entry, members []Member) pattern {
	touched := map[string]Member{}
	adds := len(members) > 0 // something may be added or taken out as whole lines
	for _, m := range members {
		touched[m.Key] = m
	}
	var p pattern
	literal := func(s string) {
		if s != "" {
			p = append(p, token{text: s})
		}
	}
	maybe := func(s string) { p = append(p, token{text: s, optional: true}) }
	anything := func() { p = append(p, token{anything: true}) }
	for i, s := range f.segments {
		m, touches := touched[s.key]
		if s.owner == e {
			if e.layout == onlyBelow && adds && (s.role == roleComment || s.role == roleHead) {
				anything() // a header of its own
			}
			_, exists := e.values[s.key]
			exact := s.role == roleLine && e.layout != inlineBelow && f.only(e, s.key) == i
			switch {
			case s.role == roleItem:
				anything()
			case e.layout == inlineBelow && s.role == roleLine:
				literal(s.before)
				anything()
				literal(s.after)
			case adds && s.role == roleWithin && strings.TrimSpace(s.text) == "":
				maybe(s.text)
			case s.key == "" || !touches || !exists:
				literal(s.text)
			case exact && m.Value != nil:
				literal(s.before)
				anything()
				literal(strings.TrimLeft(s.after, " \t"))
			case s.role == roleComment && f.segments[i+1].role == roleLine && m.Value != nil && f.only(e, s.key) == i+1:
				literal(s.text)
			case s.role == roleLine || s.role == roleHead:
				anything()
				maybe(s.text)
			default:
				maybe(s.text)
			}
			if adds && e.layout != inlineBelow && s.role != roleItem && s.role != roleComment {
				anything()
			}
			continue
		}
		removes := adds && slices.ContainsFunc(f.segments[max(i-2, 0):min(i+3, len(f.segments))], func(o segment) bool { return o.owner == e })
		switch {
		case s.role == roleSeparator && members == nil, s.role == roleBlank && removes, s.role == roleFree && removes && f.between(e)[i]:
			maybe(s.text)
		default:
			literal(s.text)
		}
	}
	return p
}

// only returns the index of the line of a key whose value is written on this line; -1 if it is written otherwise.
func (f *file) only(e *entry, key string) int {
	found := -1
	for i, s := range f.segments {
		if s.owner != e || s.key != key || s.role == roleComment {
			continue
		}
		if found >= 0 || s.role != roleLine || key == "oauth2" || key == "rules" {
			return -1
		}
		found = i
	}
	return found
}

// pattern describes texts.
type pattern []token

// token is a text, one that may be missing, or anything.
type token struct {
	text               string
	optional, anything bool
}

// match reports whether a text matches as a whole; if it does not, the number of the token that cannot be found.
func (p pattern) match(text string) (failed int, ok bool) {
	at, anywhere := []int{0}, false // where the next token may begin; with anywhere, also everywhere behind
	for i, t := range p {
		switch {
		case t.anything:
			at, anywhere = at[:1], true
		case t.optional && anywhere:
		case anywhere:
			next := occurrences(text, t.text, at[0])
			at, anywhere = next, false
		default:
			var next []int
			if t.optional {
				next = slices.Clone(at)
			}
			for _, from := range at {
				if strings.HasPrefix(text[from:], t.text) {
					next = append(next, from+len(t.text))
				}
			}
			slices.Sort(next)
			at = slices.Compact(next)
		}
		if len(at) == 0 {
			return i, false
		}
	}
	return len(p), anywhere || at[len(at)-1] == len(text)
}

// occurrences returns the offsets behind all occurrences of a part.
func occurrences(text, part string, from int) []int {
	var found []int
	for {
		i := strings.Index(text[from:], part)
		if i < 0 {
			return found
		}
		found = append(found, from+i+len(part))
		from += i + 1
	}
}
