package replica

import (
	"maps"
	"slices"
	"strings"

	"mailhint/domains"
	"mailhint/edits"
)

// profile is a profile of the database.
type profile struct {
	newest   string           // its values in JSON, also if they are not good
	good     string           // its latest good values; empty for none
	problems domains.Problems // why newest is not used; nil if it is
}

// inherit makes everything inherit from the files as they are now.
func (c *change) inherit(files *domains.Snapshot) {
	c.files, c.base = files, files.Base()
	c.useProfiles(slices.Sorted(maps.Keys(c.profiles)))
	c.check(func(*class) bool { return true })
}

// takeProfiles takes what changes in the database have made of profiles.
func (c *change) takeProfiles(list []record) {
	changed := make(map[string]bool)
	for _, r := range list {
		changed[r.name] = true
		if r.removed {
			delete(c.profiles, r.name)
			continue
		}
		p := c.profiles[r.name]
		if p == nil {
			p = new(profile)
			c.profiles[r.name] = p
		}
		p.newest = orEmpty(r.own)
	}
	if len(changed) == 0 {
		return
	}
	c.useProfiles(slices.Sorted(maps.Keys(changed)))
	c.check(func(class *class) bool { return changed[class.profile] || strings.Contains(class.shape, "rule ") })
}

// orEmpty returns an object without members for a record without values.
func orEmpty(own string) string {
	if own == "" {
		return "{}"
	}
	return own
}

// useProfiles puts profiles into the base. One that the files have as well, or that does not check, is reported; its last good form stays.
func (c *change) useProfiles(names []string) {
	wanted := make(map[string]map[string]any)
	for _, name := range names {
		inFiles := c.files.Base().HasProfile(name)
		p := c.profiles[name]
		switch {
		case inFiles && p != nil:
			p.problems = problem(record{kind: edits.Profile, name: name}, "is already defined at %s, which is used; remove one of them", c.files.ProfileAt(name))
		case inFiles:
		case p == nil:
			wanted[name] = nil
		default:
			values, err := valuesOf("", []byte(p.newest))
			if err != nil {
				p.problems = problem(record{kind: edits.Profile, name: name}, "%v", err)
				continue
			}
			wanted[name] = values
		}
	}
	base, failed := c.base.With(wanted)
	last := make(map[string]map[string]any)
	for name := range wanted {
		p := c.profiles[name]
		if p == nil {
			continue
		}
		if p.problems = failed[name]; p.problems == nil {
			p.good = p.newest
		}
	}
	for _, name := range names {
		if p := c.profiles[name]; p != nil && p.problems != nil && p.good != "" && !base.HasProfile(name) {
			last[name], _ = valuesOf("", []byte(p.good)) // it has been read before
		}
	}
	if len(last) > 0 {
		base, _ = base.With(last)
	}
	c.base = base
}

// check looks whether classes are good in the present base, and records that were refused are good now. A class that is not good any more stays as
// it was, and so do its records.
func (c *change) check(concerned func(*class) bool) {
	c.view.classes = slices.Clone(c.view.classes)
	for n, class := range c.view.classes {
		switch {
		case class == nil:
		case concerned(class):
			c.view.classes[n] = class.in(c.base)
		case class.problems == nil:
			same := *class
			same.base = c.base
			c.view.classes[n] = &same
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.bad)) {
		c.take(c.bad[name].record)
	}
	c.wantsCopy = c.wantsCopy || c.unlisted > 0
}
