package domains

import (
	"strings"

	"mailhint/settings"
)

// Template is what tables with the same Outline answer: the texts are holes.
type Template struct {
	entry entry
	shape string
}

// Template reads the table of an outline, which has the given values. It returns nil if the tables with the outline must be read one by one.
func (b *Base) Template(values map[string]any) *Template {
	r, _ := b.Resolve("any.invalid", values) // a name that no table has
	if r == nil {
		return nil
	}
	t := &Template{r.entry, r.shape}
	t.entry.choice = r.choice.each(func(s *settings.Settings) *settings.Settings { return s.Replace(holeOfSample) })
	return t
}

// filled says of an entry what it was made of.
type filled struct {
	template *Template
	values   []settings.Pattern
}

// Fill returns what Resolve returns for a table with a name and an outline; nil if the table has a mistake. It checks nothing that does not depend on
// what the table inherits: the table must have been read by Resolve before. Where the values were written is not part of the result.
func (t *Template) Fill(name string, o Outline) *Resolved {
	r := &Resolved{entry: t.entry, shape: t.shape}
	base, isWildcard := strings.CutPrefix(name, "*.")
	r.primary = ""
	if !isWildcard {
		r.primary = settings.Domain(base)
	}
	for _, alias := range o.Aliases {
		d, err := parseDomain(alias)
		if err != nil {
			return nil
		}
		r.aliases = append(r.aliases, d)
	}
	if r.disabled {
		return r
	}
	if _, isOwn := pointsBack(t.entry.settings.AutodiscoverRedirect, name); isOwn {
		return nil
	}
	if len(o.Texts) > 0 {
		r.choice = t.entry.choice.each(func(s *settings.Settings) *settings.Settings { return s.Fill(o.Texts) })
		r.filled = &filled{t, o.Texts}
	}
	return r
}

// of returns which settings of the template settings of the entry were made of.
func (f *filled) of(e *entry, s *settings.Settings) *settings.Settings {
	if s == e.settings {
		return f.template.entry.settings
	}
	return f.template.entry.outside
}

// each returns the choice between other settings, of which each is made of one.
func (c choice) each(other func(*settings.Settings) *settings.Settings) choice {
	same := c.outside == c.settings
	if c.settings != nil {
		c.settings = other(c.settings)
	}
	switch {
	case same:
		c.outside = c.settings
	case c.outside != nil:
		c.outside = other(c.outside)
	}
	return c
}
