// Package imports turns what other programs and services say about mail domains into entries of domains.toml. Each source has a package of its
// own below this one, such as automx and postfixadmin, which reads it and hands what it finds to a Collection. What they share is here:
//
//   - imports.go: the Collection; every domain is imported once, and everything that will be answered differently from what the source
//     says is reported with its place
//   - mail.go: servers and services, checked as strictly as in domains.toml; document.go: those of an answer to a client
//   - lookups.go: look-ups of login names
//   - hosted.go: domains of a mail server that have the same settings
//   - input.go: files of limited size
//   - records.go, print.go: domains with the same settings become one profile that lists them
//   - plan.go: what a store lacks of them
package imports

import (
	"fmt"
	"path/filepath"
	"slices"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/settings"
)

// Report is called with what an administrator should know: where it was found (the line is 0 for a whole file), and a sentence.
type Report func(where domains.Position, text string)

// Result counts what was imported.
type Result struct {
	Entries int // entries that were found
	Domains int // domains in them
	Failed  int // sources that could not be converted at all
	Remarks int // what will be answered differently
	Lost    int // the remarks among them that are about a domain or a server that is not converted
}

// Complete reports whether no domain, server or source was lost.
func (r Result) Complete() bool { return r.Failed == 0 && r.Lost == 0 }

// Entry is what one source says about some domains.
type Entry struct {
	// Where is the place that it was read from.
	Where domains.Position
	// Source is what comments call the source; the file of Where if it is empty.
	Source string
	// Domains share the settings. There is at least one, unless Fallback.
	Domains []settings.Domain
	// Fallback is true if the entry is for all domains that are not configured.
	Fallback bool
	// Settings are complete: what they do not have is not offered.
	Settings *settings.Settings
	// Plaintext is true if servers without encryption are published to everyone.
	Plaintext bool
	// Values are keys of domains.toml, for sources that have these instead of Settings. They may name a profile.
	Values edits.Values
	// Comments are written above the entry, a line each.
	Comments []string
}

// Collection is what has been read so far.
type Collection struct {
	Result Result

	report  Report
	entries []Entry
	lookups []domains.LoginLookup
	owner   map[settings.Domain]domains.Position // where a domain was imported from
	said    map[said]bool
}

// said is a remark that was reported.
type said struct {
	where domains.Position
	text  string
}

// New returns an empty Collection that reports remarks as they come.
func New(report Report) *Collection {
	return &Collection{report: report, owner: make(map[settings.Domain]domains.Position), said: make(map[said]bool)}
}

// Remark reports what will be answered differently from what a source says. The same remark about the same place is reported once.
func (c *Collection) Remark(where domains.Position, format string, args ...any) {
	if c.say(where, fmt.Sprintf(format, args...)) {
		c.Result.Remarks++
	}
}

// Lose reports that a source has a domain or a server that cannot be converted.
func (c *Collection) Lose(where domains.Position, format string, args ...any) {
	if c.say(where, fmt.Sprintf(format, args...)) {
		c.Result.Remarks++
		c.Result.Lost++
	}
}

// Fail reports that a source could not be converted at all.
func (c *Collection) Fail(where domains.Position, format string, args ...any) {
	c.Result.Failed++
	c.say(where, "not converted: "+fmt.Sprintf(format, args...))
}

// say reports something, unless it was reported before.
func (c *Collection) say(where domains.Position, text string) bool {
	key := said{where, text}
	if c.said[key] {
		return false
	}
	c.said[key] = true
	c.report(where, text)
	return true
}

// Add adds an entry for the domains that no entry before has.
func (c *Collection) Add(e Entry) {
	names, taken := c.claim(e)
	if len(names) == 0 && !e.Fallback {
		if !slices.ContainsFunc(e.Domains, func(d settings.Domain) bool { return c.owner[d].File == e.Where.File }) {
			c.Fail(domains.Position{File: e.Where.File}, "all its domains have been imported already")
		}
		return
	}
	e.Domains, e.Comments = names, append(e.Comments, taken...)
	c.Result.Entries++
	c.Result.Domains += len(names)
	c.entries = append(c.entries, e)
}

// claim returns the domains that no entry before has, and remarks on the others.
func (c *Collection) claim(e Entry) (names []settings.Domain, remarks []string) {
	for _, d := range e.Domains {
		if first, taken := c.owner[d]; taken {
			from := filepath.Base(first.File)
			switch {
			case first.File == e.Where.File && first.Line != 0:
				from = fmt.Sprintf("line %d", first.Line)
			case first.File == e.Where.File:
				from = "an earlier entry of this source"
			}
			text := fmt.Sprintf("%s is left out: it has been imported from %s", d, from)
			c.Remark(e.Where, "%s", text)
			remarks = append(remarks, text)
			continue
		}
		c.owner[d] = e.Where
		names = append(names, d)
	}
	return names, remarks
}

// Domain reads the name of a mail domain. One that is not valid is reported as lost.
func (c *Collection) Domain(where domains.Position, text string) (settings.Domain, bool) {
	d, err := settings.ParseDomain(text)
	if err != nil {
		c.Lose(where, "the domain %q is left out: %v", clip(text), err)
		return "", false
	}
	return d, true
}
