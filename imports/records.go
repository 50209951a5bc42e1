package imports

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/settings"
)

// Group is domains that have the same values.
type Group struct {
	Domains []settings.Domain
	// Fallback is true if the values are also for all domains that are not configured.
	Fallback bool
	Values   edits.Values
	Comments []string
	// At is the place of the first entry, and Where has that of each domain.
	At    domains.Position
	Where []domains.Position
}

// Groups returns what has been collected, in the order in which it was found. Domains with the same settings are in one group; so are those whose
// settings differ only in the domain's own name, as in mail.a.example for a.example and mail.b.example for b.example.
func (c *Collection) Groups() ([]Group, error) {
	keys := make([]string, len(c.entries))
	size := make(map[string]int)
	for i, e := range c.entries {
		keys[i] = e.key()
		size[keys[i]] += len(e.Domains)
	}
	c.generalise(keys, size)
	var groups []Group
	at := make(map[string]int)
	for i, e := range c.entries {
		n, known := at[keys[i]]
		if !known {
			values, err := e.values()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e.Where, err)
			}
			n = len(groups)
			at[keys[i]] = n
			groups = append(groups, Group{Values: values, At: e.Where})
		}
		g := &groups[n]
		g.Domains = append(g.Domains, e.Domains...)
		g.Fallback = g.Fallback || e.Fallback
		for range e.Domains {
			g.Where = append(g.Where, e.Where)
		}
		for _, comment := range append([]string{"From " + cmp.Or(e.Source, filepath.Base(e.Where.File))}, e.Comments...) {
			g.comment(comment)
		}
	}
	return groups, nil
}

// comment adds a comment, once, unless there are many.
func (g *Group) comment(text string) {
	const enough = 20
	switch {
	case slices.Contains(g.Comments, text) || len(g.Comments) > enough:
	case len(g.Comments) == enough:
		g.Comments = append(g.Comments, "…")
	default:
		g.Comments = append(g.Comments, text)
	}
}

// key is the same for entries with the same settings.
func (e Entry) key() string {
	text, err := json.Marshal([]any{e.Settings, e.Plaintext, e.Values})
	if err != nil { // no type in it can fail
		panic(err)
	}
	return string(text)
}

// generalise writes %EMAILDOMAIN% for the domain in entries that nothing else would be in one group with, if that brings them into one with others.
func (c *Collection) generalise(keys []string, size map[string]int) {
	general := make(map[int]Entry)
	count := make(map[string]int)
	for i, e := range c.entries {
		if size[keys[i]] != 1 || e.Settings == nil || e.Fallback {
			continue
		}
		e.Settings = relativeTo(e.Settings, e.Domains[0])
		general[i] = e
		count[e.key()]++
	}
	for i, e := range general {
		if key := e.key(); count[key]+size[key] > 1 && key != keys[i] {
			c.entries[i].Settings, keys[i] = e.Settings, key
		}
	}
}

// relativeTo returns settings with %EMAILDOMAIN% instead of a domain. Texts that people read stay as they are.
func relativeTo(s *settings.Settings, d settings.Domain) *settings.Settings {
	relative := *s
	relative.Servers = slices.Clone(s.Servers)
	for i := range relative.Servers {
		relative.Servers[i].Host = settings.Pattern(relativeHost(string(relative.Servers[i].Host), d))
	}
	for _, p := range []*settings.Pattern{&relative.Docs, &relative.Webmail, &relative.CalDAV, &relative.CardDAV, &relative.WebDAV, &relative.JMAP,
		&relative.ActiveSync, &relative.EWS, &relative.PasswordURL} {
		*p = settings.Pattern(relativeURL(string(*p), d))
	}
	if relative.Name == settings.Pattern(d) {
		relative.Name = settings.EmailDomain
	}
	return &relative
}

func relativeHost(host string, d settings.Domain) string {
	if host == string(d) || strings.HasSuffix(host, "."+string(d)) {
		return strings.TrimSuffix(host, string(d)) + settings.EmailDomain
	}
	return host
}

func relativeURL(text string, d settings.Domain) string {
	u, err := url.Parse(text)
	if err != nil || strings.Contains(text, "%") || u.Host == "" || u.Port() != "" {
		return text
	}
	return strings.Replace(text, "//"+u.Host, "//"+relativeHost(u.Host, d), 1)
}

// values returns the entry as the keys of domains.toml.
func (e Entry) values() (edits.Values, error) {
	if e.Settings == nil {
		return e.Values, nil
	}
	const sample = "sample.example"
	entry := domains.Entry{Kind: domains.Single, Names: []settings.Domain{sample}, Choice: domains.Choice{Settings: e.Settings}}
	if e.Plaintext {
		entry.Networks = settings.AllNetworks()
	}
	text, err := domains.Printer{}.Entry(entry)
	if err != nil {
		return nil, err
	}
	records, problems := domains.ReadRecords("the entry", text)
	if len(problems) > 0 {
		return nil, problems
	}
	return records[0].Values, nil
}
