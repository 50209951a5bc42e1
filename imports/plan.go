package imports

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/settings"
)

// ActionImport is what the history calls changes of an import.
const ActionImport = "import"

// PlanOptions say how a store takes what was collected.
type PlanOptions struct {
	// Overwrite gives domains that are configured already the collected settings.
	Overwrite bool
	// Lists is true if the store keeps names in the lists of profiles; in others, each domain names its profile.
	Lists bool
}

// Plan returns what a store lacks of what was collected. Nothing is removed. A domain that is configured already with the same meaning is left
// alone; one with another is reported and left alone, unless Overwrite. The wanted records have the places in the source, for errors of the store.
func (c *Collection) Plan(ctx context.Context, s edits.Store, o PlanOptions) (edits.Plan, []edits.Wanted, error) {
	groups, err := c.Groups()
	if err != nil {
		return edits.Plan{}, nil, err
	}
	p := &planner{c: c, options: o, profiles: make(map[string]edits.Record), domains: make(map[string]edits.Record), aliases: make(map[string]string),
		taken: make(map[string]bool), meanings: make(map[string]string)}
	if err := p.read(ctx, s); err != nil {
		return edits.Plan{}, nil, err
	}
	for _, g := range groups {
		p.add(g)
	}
	return p.plan, p.wanted, nil
}

// planner compares groups with the records of a store.
type planner struct {
	c        *Collection
	options  PlanOptions
	profiles map[string]edits.Record
	domains  map[string]edits.Record
	aliases  map[string]string // the domain that has an alias
	taken    map[string]bool   // names of profiles
	meanings map[string]string

	plan   edits.Plan
	wanted []edits.Wanted
}

func (p *planner) read(ctx context.Context, s edits.Store) error {
	for _, kind := range []edits.Kind{edits.Profile, edits.Domain} {
		page, err := s.List(ctx, edits.Query{Kind: kind})
		if err != nil {
			return err
		}
		for _, r := range page.Records {
			p.options.Lists = p.options.Lists && r.ManagedBy != edits.ByStore
			if kind == edits.Profile {
				p.profiles[r.Name] = r
				p.taken[r.Name] = true
				continue
			}
			p.domains[r.Name] = r
			names, _ := r.Values["aliases"].([]any)
			for _, name := range names {
				if text, ok := name.(string); ok {
					if ref, err := edits.ParseDomain(text); err == nil {
						p.aliases[ref.Name] = r.Name
					}
				}
			}
		}
	}
	return nil
}

// add plans what is missing of a group.
func (p *planner) add(g Group) {
	meaning := p.meaning(g.Values)
	var missing []int // indexes of domains
	list := ""        // of a domain that is configured already in the same way
	for i, d := range g.Domains {
		r, exists := p.domains[string(d)]
		owner, isAlias := p.aliases[string(d)]
		switch {
		case isAlias && !exists:
			p.c.Remark(g.Where[i], "%s is configured already, as an alias of %s, and is left as it is", d, owner)
		case !exists:
			missing = append(missing, i)
		case p.meaning(p.effective(r)) == meaning:
			p.plan.Same++
			list = r.List
		case p.options.Overwrite:
			missing = append(missing, i)
		default:
			p.c.Remark(g.Where[i], "%s is configured already, with other settings, and is left as it is; --overwrite replaces them", d)
		}
	}
	if g.Fallback {
		p.addFallback(g)
	}
	if len(missing) > 0 {
		p.addDomains(g, missing, list)
	}
}

// addFallback adds the profile for domains that are not configured. [fallback] is not a record, so it must be written by hand.
func (p *planner) addFallback(g Group) {
	name := p.profile(g, "fallback")
	p.c.Lose(g.At, "it answers for every domain, which cannot be added as a record: write [fallback] with profile = %q in domains.toml, and mx if you can", name)
}

// addDomains adds some domains of a group.
func (p *planner) addDomains(g Group, missing []int, list string) {
	values, inList := g.Values, ""
	profile, _ := g.Values["profile"].(string)
	_, exists := p.profiles[profile]
	switch {
	case profile != "" && len(g.Values) == 1 && exists && p.options.Lists && len(missing) > 1:
		values, inList = edits.Values{}, profile
	case profile != "" || g.needsTables():
	case list != "" && p.options.Lists:
		values, inList = edits.Values{}, list
	case len(g.Domains) > 1:
		profile = p.profile(g, string(g.Domains[0]))
		values = edits.Values{"profile": profile}
		if p.options.Lists {
			values, inList = edits.Values{}, profile
		}
	}
	for _, i := range missing {
		p.edit(edits.Ref{Kind: edits.Domain, Name: string(g.Domains[i])}, values, inList, g.Where[i])
	}
}

// profile returns the name of a profile with the values of a group: one that there is, or else a new one.
func (p *planner) profile(g Group, wanted string) string {
	meaning := p.meaning(g.Values)
	for _, name := range slices.Sorted(maps.Keys(p.profiles)) {
		if len(p.profiles[name].Values) > 0 && p.meaning(p.effective(p.profiles[name])) == meaning {
			return name
		}
	}
	name := profileName(wanted, p.taken)
	ref := edits.Ref{Kind: edits.Profile, Name: name}
	p.edit(ref, g.Values, "", g.At)
	p.profiles[name] = edits.Record{Ref: ref, Values: g.Values}
	return name
}

func (p *planner) edit(ref edits.Ref, values edits.Values, list string, where domains.Position) {
	e := edits.Edit{Ref: ref, If: edits.Absent, Action: ActionImport, Values: values, List: list}
	if r, exists := p.domains[ref.Name]; exists && ref.Kind == edits.Domain {
		e.If = r.Revision
		p.plan.Changed++
	} else {
		p.plan.Added++
	}
	p.plan.Edits = append(p.plan.Edits, e)
	p.wanted = append(p.wanted, edits.Wanted{Ref: ref, List: list, Values: values, Position: where})
}

// effective returns the values of a record with those that it inherits from its profile.
func (p *planner) effective(r edits.Record) edits.Values {
	if r.Kind == edits.Profile {
		values := maps.Clone(r.Values)
		delete(values, "domains_file")
		return values
	}
	values := make(edits.Values)
	profile := r.Profile
	if profile != "" {
		maps.Copy(values, p.profiles[profile].Values)
		delete(values, "domains_file")
	}
	maps.Copy(values, r.Values)
	delete(values, "profile")
	return values
}

// meaning is the same for values that are answered in the same way, however they are written: a bare host name means two servers.
func (p *planner) meaning(values edits.Values) string {
	if profile, ok := values["profile"].(string); ok {
		values = p.effective(edits.Record{Ref: edits.Ref{Kind: edits.Domain}, Profile: profile, Values: values})
	}
	spelled := edits.TOML(edits.Ref{Kind: edits.Domain, Name: "sample.example"}, values)
	if known, ok := p.meanings[spelled]; ok {
		return known
	}
	p.meanings[spelled] = meaningOf(spelled)
	return p.meanings[spelled]
}

// meaningOf returns what a table of a domain says; the table itself if it cannot be read on its own.
func meaningOf(table string) string {
	const file = "sample.toml"
	source, err := domains.Read(file, map[string][]byte{file: []byte(table)})
	if err != nil || source.Snapshot == nil {
		return table
	}
	found, err := source.Snapshot.Lookup(context.Background(), settings.Question{Host: "sample.example"})
	if err != nil {
		return table
	}
	text, err := json.Marshal([]any{found.Settings, source.Snapshot.Entries()})
	if err != nil {
		return fmt.Sprint(table)
	}
	return string(text)
}
