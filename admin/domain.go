package admin

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"mailhint/accounts"
	"mailhint/domains"
	"mailhint/edits"
	"mailhint/settings"
)

// View is a domain or profile with all its keys, as one account sees it.
type View struct {
	edits.Record
	// Unicode is the name as people write it.
	Unicode string `json:"unicode"`
	// Keys are all the keys that the record can have, in their usual order.
	Keys []Key `json:"keys"`
	// May says what the account may do.
	May May `json:"may"`
	// Domains counts the domains that inherit from a profile; of these, the account may not see all.
	Domains int `json:"domains,omitempty"`
}

// May says what an account may do with a record.
type May struct {
	Change  bool `json:"change"`
	Remove  bool `json:"remove"`
	Probe   bool `json:"probe"`
	Restore bool `json:"restore"`
}

// Key is a key of a record.
type Key struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Description string `json:"description"`
	Default     string `json:"default,omitempty"`
	Example     string `json:"example,omitempty"`
	// Own is the record's own value; nil if it has none.
	Own any `json:"own,omitempty"`
	// Effective is the value that clients get, as text, an element for each server; nil for none.
	Effective []string `json:"effective,omitempty"`
	// From says where the effective value is set: "domain", "profile NAME", "defaults" or "built in".
	From string `json:"from,omitempty"`
	// Where is the place in a file; empty for accounts that may not know it.
	Where string `json:"where,omitempty"`
	// Why says why the account may not change the key; empty if it may.
	Why string `json:"why,omitempty"`
}

// Domain returns a domain, by the name of its record.
func (s *Service) Domain(ctx context.Context, p accounts.Principal, ref edits.Ref) (View, error) {
	a, err := s.find(ctx, p, ref)
	if err != nil {
		return View{}, err
	}
	return s.view(ctx, a)
}

func (s *Service) view(ctx context.Context, a access) (View, error) {
	v := View{Record: a.seen(), Unicode: a.record.Shown(), May: a.mays()}
	origins, err := s.origins(ctx, a)
	if err != nil {
		return View{}, err
	}
	for _, k := range edits.Keys(a.record.Kind) {
		key := Key{Name: k.Name, Type: k.Type, Description: k.Description, Default: k.Default, Example: k.Example, Own: a.record.Values[k.Name], Why: a.why(k.Name)}
		for _, o := range origins {
			if name, _, _ := strings.Cut(o.Key, "."); name == k.Name {
				key.Effective, key.From, key.Where = append(key.Effective, o.Value), o.from, o.where
			}
		}
		v.Keys = append(v.Keys, key)
	}
	return v, nil
}

func (a access) mays() May {
	if a.record.Kind == edits.Profile {
		change := a.may(accounts.EditProfile)
		return May{Change: change, Remove: change, Restore: change}
	}
	change := a.may(accounts.Edit)
	return May{Change: change, Remove: a.may(accounts.Remove), Probe: a.may(accounts.Probe), Restore: change}
}

// origin is an effective value and where it is set.
type origin struct {
	domains.Origin
	from, where string
}

// origins returns the effective values of a domain; nil for profiles, which have no clients of their own.
func (s *Service) origins(ctx context.Context, a access) ([]origin, error) {
	current := s.Current()
	if a.record.Kind != edits.Domain || current == nil {
		return nil, nil
	}
	found, err := current.Lookup(ctx, settings.Question{Host: settings.Domain(sampleName(a.record.Name, current))})
	if err != nil {
		return nil, nil // it is disabled, or not served yet
	}
	var profile edits.Values
	if a.record.Profile != "" {
		r, err := s.Store.Get(ctx, edits.Ref{Kind: edits.Profile, Name: a.record.Profile})
		if err == nil {
			profile = r.Values
		}
	}
	var list []origin
	for _, o := range current.Explain(found.Settings) {
		top, _, _ := strings.Cut(o.Key, ".")
		from := "defaults"
		switch {
		case a.record.Values[top] != nil:
			from = "domain"
		case profile[top] != nil:
			from = "profile " + a.record.Profile
		case o.Position == (domains.Position{}):
			from = "built in"
		}
		next := origin{Origin: o, from: from}
		if isInside(a.who) && o.Position != (domains.Position{}) {
			next.where = o.Position.String()
		}
		list = append(list, next)
	}
	return list, nil
}

// sampleName is a name that a record answers for: its own or, for a wildcard, one below it that the configurations do not have as another record's.
func sampleName(name string, configs ...*domains.Snapshot) string {
	base, isWildcard := strings.CutPrefix(name, "*.")
	if !isWildcard {
		return name
	}
	sample := "any." + base
	isAnothers := func(c *domains.Snapshot) bool { return c != nil && c.Names(settings.Domain(sample)) }
	for i := 2; slices.ContainsFunc(configs, isAnothers); i++ {
		sample = fmt.Sprintf("any%d.%s", i, base)
	}
	return sample
}

// Profiles lists the profiles that an account may see.
func (s *Service) Profiles(ctx context.Context, p accounts.Principal) ([]View, error) {
	records, err := s.ProfileRecords(ctx, p)
	if err != nil {
		return nil, err
	}
	views := []View{}
	for _, r := range records {
		v := View{Record: r, Unicode: r.Name, May: access{who: p, record: r}.mays()}
		if v.Domains, err = s.domainsOf(ctx, p, r.Name); err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return views, nil
}

// ProfileRecords is Profiles without counting the domains of each, which takes long if there are many.
func (s *Service) ProfileRecords(ctx context.Context, p accounts.Principal) ([]edits.Record, error) {
	page, err := s.Store.List(ctx, edits.Query{Kind: edits.Profile})
	if err != nil {
		return nil, s.inside(p, err)
	}
	var records []edits.Record
	for _, r := range page.Records {
		if a := (access{who: p, record: r}); s.sees(ctx, a) {
			records = append(records, a.seen())
		}
	}
	return records, nil
}

// Profile returns a profile.
func (s *Service) Profile(ctx context.Context, p accounts.Principal, name string) (View, error) {
	a, err := s.find(ctx, p, edits.Ref{Kind: edits.Profile, Name: name})
	if err != nil {
		return View{}, err
	}
	v, err := s.view(ctx, a)
	if err == nil {
		v.Domains, err = s.domainsOf(ctx, p, name)
	}
	return v, err
}

// domainsOf counts the domains of a profile that an account may see.
func (s *Service) domainsOf(ctx context.Context, p accounts.Principal, profile string) (int, error) {
	query := edits.Query{Kind: edits.Domain, Profile: profile, Among: visible(p)}
	if p.SeesAll() {
		query.Limit = 1
		page, err := s.Store.List(ctx, query)
		return page.Total, s.inside(p, err)
	}
	page, err := s.Store.List(ctx, query)
	if err != nil {
		return 0, s.inside(p, err)
	}
	hidden := func(r edits.Record) bool { return !p.May(accounts.View, target(r)) }
	return len(slices.DeleteFunc(page.Records, hidden)), nil
}
