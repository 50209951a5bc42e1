package settings

import (
	"slices"
	"unicode/utf8"
)

// Holes are the places of texts in settings that are a template: what is prepared of it serves for all settings that are it with other texts. See
// Found.Template.

// firstHole is the mark of the first hole. The characters from there on are for private use, and settings must not contain them.
const firstHole = '\U000F0000'

// Hole returns the mark of the i-th hole, counted from 0.
func Hole(i int) Pattern { return Pattern(rune(firstHole + i)) }

// Hole returns the number of the hole that a field of a template is, and whether it is one. A field is a hole as a whole, or it has none.
func (p Pattern) Hole() (i int, ok bool) {
	r, length := utf8.DecodeRuneInString(string(p))
	return int(r - firstHole), r >= firstHole && length == len(p)
}

// Holes returns how many values a template needs; 0 for settings without holes.
func (s *Settings) Holes() int {
	n := 0
	s.eachPattern(func(p *Pattern) {
		if i, ok := p.Hole(); ok {
			n = max(n, i+1)
		}
	})
	return n
}

// Fill returns a template with values in its holes.
func (s *Settings) Fill(values []Pattern) *Settings {
	return s.Replace(func(p Pattern) Pattern {
		if i, ok := p.Hole(); ok {
			return values[i]
		}
		return p
	})
}

// Replace returns settings in which each text that depends on nothing but the domain is replaced.
func (s *Settings) Replace(text func(Pattern) Pattern) *Settings {
	replaced := *s
	replaced.Servers = slices.Clone(s.Servers)
	replaced.eachPattern(func(p *Pattern) { *p = text(*p) })
	return &replaced
}

// eachPattern calls do for each Pattern.
func (s *Settings) eachPattern(do func(*Pattern)) {
	for _, p := range [...]*Pattern{&s.Name, &s.ShortName, &s.Docs, &s.Support, &s.Webmail, &s.CalDAV, &s.CardDAV, &s.WebDAV, &s.JMAP, &s.PasswordHint,
		&s.PasswordURL, &s.ActiveSync, &s.EWS} {
		do(p)
	}
	for i := range s.Servers {
		do(&s.Servers[i].Host)
	}
}
