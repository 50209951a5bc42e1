package filestore

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/tomledit"
)

// writeLists changes the lists, each once.
func (p *planner) writeLists() error {
	for _, file := range slices.Sorted(maps.Keys(p.lists)) {
		c := p.lists[file]
		for name, lines := range linesOf(p.text(file), c.remove) {
			ref := edits.Ref{Kind: edits.Domain, Name: name}
			for _, line := range lines {
				p.restores[ref] = append(p.restores[ref], lineOf(p.key(file), line))
			}
		}
		p.texts[file] = c.apply(p.text(file))
	}
	for _, profile := range slices.Sorted(maps.Keys(p.inline)) {
		if err := p.writeInline(profile, p.inline[profile]); err != nil {
			return err
		}
	}
	if p.problems != nil {
		return p.problems
	}
	return nil
}

// editList plans what becomes of the line of a domain in a list.
func (p *planner) editList(e edits.Edit, now *domains.Listing) {
	wanted := e.List
	if e.Values == nil {
		wanted = ""
	}
	if now != nil && now.Profile == wanted {
		return
	}
	if now != nil {
		p.removeFromList(e.Ref, now.Profile)
	}
	if wanted != "" {
		p.addToList(e, wanted)
	}
}

func (p *planner) list(file string) *listChange {
	if p.lists[file] == nil {
		p.lists[file] = &listChange{remove: make(map[string]bool)}
	}
	return p.lists[file]
}

// inlineChange is what becomes of the key domains of a profile.
type inlineChange struct {
	remove map[string]bool
	goes   func(name string) bool // which other names are removed; nil for none
	add    []any
	refs   []edits.Ref
}

func (p *planner) inlineList(ref edits.Ref, profile string) *inlineChange {
	c := p.inlineOf(profile)
	c.refs = append(c.refs, ref)
	return c
}

func (p *planner) inlineOf(profile string) *inlineChange {
	if p.inline[profile] == nil {
		p.inline[profile] = &inlineChange{remove: make(map[string]bool)}
	}
	return p.inline[profile]
}

// removeFromList removes a domain from the lists of a profile, which may have it in both.
func (p *planner) removeFromList(ref edits.Ref, profile string) {
	if file, ok := p.domainsFile(profile); ok {
		p.list(file).remove[ref.Name] = true
	}
	if r, ok := p.Source.Record(domains.ProfileRecord, profile); ok && r.Values["domains"] != nil {
		p.inlineList(ref, profile).remove[ref.Name] = true
	}
}

func (p *planner) addToList(e edits.Edit, profile string) {
	file, ok := p.domainsFile(profile)
	if !ok {
		c := p.inlineList(e.Ref, profile)
		c.add = append(c.add, e.Name)
		return
	}
	line := listLine{text: e.Name}
	if name, ok := nameOn(e.Text, map[string]bool{e.Name: true}); ok && name == e.Name && !strings.ContainsAny(e.Text, "\r\n") {
		line.text = e.Text
	}
	p.list(file).add = append(p.list(file).add, line)
	p.restores[e.Ref] = append(p.restores[e.Ref], restoration{File: p.key(file)})
}

// domainsFile returns the file with the list of a profile.
func (v view) domainsFile(profile string) (string, bool) {
	for _, f := range v.Files {
		if f.Role == domains.DomainsFile && f.Profile == profile {
			return f.Name, true
		}
	}
	return "", false
}

// writeInline changes the key domains of a profile.
func (p *planner) writeInline(profile string, c *inlineChange) error {
	at, ok := p.added[profile]
	if r, exists := p.Source.Record(domains.ProfileRecord, profile); exists {
		at, ok = tablePlace{r.File, r.Path}, true
	}
	if !ok {
		for _, ref := range c.refs {
			p.note(ref, "", fmt.Sprintf("there is no profile %q for its list", profile))
		}
		return p.problems
	}
	ref := edits.Ref{Kind: edits.Profile, Name: profile}
	if len(c.refs) == 1 {
		ref = c.refs[0] // can be put back as it was
	}
	return p.change(ref, at.file, func(t *tomledit.Text) (tomledit.Undo, error) {
		names, err := inlineNames(t, at.path)
		if errors.Is(err, tomledit.ErrNotFound) {
			return tomledit.Undo{}, nil // the profile is removed with its list
		}
		if err != nil {
			return tomledit.Undo{}, err
		}
		names = slices.DeleteFunc(names, func(v any) bool {
			text, _ := v.(string)
			name := plainName(text)
			return c.remove[name] || c.goes != nil && c.goes(name)
		})
		value := any(append(names, c.add...))
		if len(names)+len(c.add) == 0 {
			value = nil
		}
		return t.Set(at.path, []tomledit.Member{{Key: "domains", Value: value}})
	})
}

// inlineNames returns the key domains of a profile.
func inlineNames(t *tomledit.Text, path []string) ([]any, error) {
	entry, err := t.Extract(path)
	if err != nil {
		return nil, err
	}
	var root map[string]any
	if _, err := toml.Decode(string(entry), &root); err != nil {
		return nil, fmt.Errorf("%w: %w", edits.ErrUnsafe, err)
	}
	tables := []map[string]any{root}
	if all, ok := root[path[0]].(map[string]any); ok {
		tables = append(tables, all)
	}
	for _, all := range tables {
		table, ok := all[path[1]].(map[string]any)
		if !ok {
			continue
		}
		names, _ := table["domains"].([]any)
		if one, ok := table["domains"].(string); ok {
			names = []any{one}
		}
		return names, nil
	}
	return nil, nil
}
