package admin

import (
	"context"
	"errors"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"mailhint/accounts"
	"mailhint/edits"
	"mailhint/settings"
)

// errTaken is the same whatever keeps an account from taking a name, so that it does not tell whose the name is.
var errTaken = &DeniedError{"", "this account may not take that name: it is in use, or above or below one that belongs to somebody else"}

// mayTake returns an error unless the account may take names that it did not have before: that of a new domain, or new aliases. Operators may take
// any. Others may not take public suffixes, wildcards, names of this server, names that others have, and names below those.
func (s *Service) mayTake(ctx context.Context, a access, values edits.Values) error {
	if a.who.Role == accounts.Operator && a.who.SeesAll() || a.record.Kind != edits.Domain {
		return nil
	}
	var names []string
	if !a.exists() {
		names = append(names, a.record.Name)
	}
	had := edits.Aliases(a.record.Values)
	for _, alias := range edits.Aliases(values) {
		if !slices.Contains(had, alias) {
			names = append(names, alias)
		}
	}
	const most = 100
	if len(names) > most {
		return invalid("aliases", "has more than %d new names; add them in several steps", most)
	}
	for _, name := range names {
		if err := s.mayTakeName(ctx, a, name); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) mayTakeName(ctx context.Context, a access, name string) error {
	if strings.HasPrefix(name, "*.") {
		return &DeniedError{"", "only an operator may add a wildcard"}
	}
	if suffix, _ := publicsuffix.PublicSuffix(name); suffix == name {
		return &DeniedError{"", "that name is a public suffix, below which anyone can register domains"}
	}
	if s.isServers(name) {
		return errTaken
	}
	// The name itself, then all above it; the name of a service, such as autoconfig.example.com, counts as below that domain.
	for d, ok := settings.Domain(name), true; ok; d, ok = d.Parent() {
		for _, ref := range []edits.Ref{{Kind: edits.Domain, Name: string(d)}, {Kind: edits.Domain, Name: "*." + string(d)}} {
			if string(d) == name && strings.HasPrefix(ref.Name, "*.") {
				continue // names below it
			}
			switch owner, err := s.owner(ctx, ref); {
			case errors.Is(err, edits.ErrNotFound):
			case err != nil:
				return s.inside(a.who, err)
			case owner.Name == a.record.Name: // its own
			case !a.who.May(accounts.View, target(owner)) || string(d) == name:
				return errTaken
			}
		}
	}
	return s.mayTakeAbove(ctx, a, name)
}

// mayTakeAbove returns an error if a name is above one that belongs to somebody else.
func (s *Service) mayTakeAbove(ctx context.Context, a access, name string) error {
	page, err := s.Store.List(ctx, edits.Query{Kind: edits.Domain, Search: "." + name})
	if err != nil {
		return s.inside(a.who, err)
	}
	below := func(n string) bool { return strings.HasSuffix(n, "."+name) }
	for _, r := range page.Records {
		isBelow := below(r.Name) || slices.ContainsFunc(edits.Aliases(r.Values), below)
		if isBelow && r.Name != a.record.Name && !a.who.May(accounts.View, target(r)) {
			return errTaken
		}
	}
	return nil
}

// owner returns the record that has a name, or has it among its aliases.
func (s *Service) owner(ctx context.Context, ref edits.Ref) (edits.Record, error) {
	r, err := s.Store.Get(ctx, ref)
	if !errors.Is(err, edits.ErrNotFound) || strings.HasPrefix(ref.Name, "*.") {
		return r, err
	}
	page, err := s.Store.List(ctx, edits.Query{Kind: edits.Domain, Search: ref.Name})
	if err != nil {
		return r, err
	}
	for _, r := range page.Records {
		if slices.Contains(edits.Aliases(r.Values), ref.Name) {
			return r, nil
		}
	}
	return r, edits.ErrNotFound
}

// isServers reports whether a name is, or is above or below, a name of this server itself.
func (s *Service) isServers(name string) bool {
	current := s.Current()
	if current == nil {
		return false
	}
	for _, own := range []string{current.Server.Name, current.Server.AdminName} {
		if own != "" && (name == own || strings.HasSuffix(own, "."+name) || strings.HasSuffix(name, "."+own)) {
			return true
		}
	}
	return false
}
