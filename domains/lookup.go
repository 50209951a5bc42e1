package domains

import (
	"context"
	"net/netip"
	"strings"

	"mailhint/settings"
)

// entry is what one entry of the configuration answers: for one domain and its aliases, for the names below a wildcard, or for
// all the names in a profile's lists.
type entry struct {
	primary  settings.Domain // the domain that the aliases are for; empty if each name is its own
	disabled bool
	choice   // without a rule that matches
	rules    []rule
	filled   *filled // nil if it was not made of a Template
}

// choice is settings, and what clients outside of certain networks get instead.
type choice struct {
	settings *settings.Settings
	// outside is for clients in none of the networks: settings without the unencrypted servers; nil for nothing at all.
	outside  *settings.Settings
	networks settings.Networks
}

// rule is a choice for some addresses or networks.
type rule struct {
	users *users            // nil for all
	from  settings.Networks // nil for all
	choice
}

// claim is the claim of an entry to a name, and where it was made. A configuration can have a million.
type claim struct {
	entry uint32
	file  uint32 // index into index.files
	line  uint32
}

// index finds the entry of a name.
type index struct {
	entries   []entry
	names     map[settings.Domain]claim // exact names and aliases
	wildcards map[settings.Domain]claim // by what follows "*."
	fallback  *fallback
	files     []string
	records   Records // names that are not in files; nil for none

	exchangers Exchangers
	findNames  settings.FindLoginNames
}

// FindLoginNames sets what finds login names for settings with look-ups. It must be called before the first Lookup; without it, everyone is
// answered as if nobody were known there.
func (x *index) FindLoginNames(find settings.FindLoginNames) { x.findNames = find }

// find returns the entry that answers a client for a name: that of the exact name, else the longest wildcard, else the fallback if it
// answers for the name. Aliases are exact names here; an alias that a wildcard matches is refused at load, because by the documented
// order it would never be reached.
func (x *index) find(d settings.Domain, client netip.Addr) (*entry, bool) {
	if e := x.named(d); e != nil {
		return e, true
	}
	if !x.isComplete() {
		return nil, false
	}
	if e := x.wildcard(d); e != nil {
		return e, true
	}
	if !x.fallback.answers(d, x.exchangers, client) {
		return nil, false
	}
	return &x.fallback.entry, true
}

// named returns the entry that has exactly this name; nil if there is none.
func (x *index) named(d settings.Domain) *entry {
	if c, ok := x.names[d]; ok {
		return &x.entries[c.entry]
	}
	return x.recorded(d)
}

// wildcard returns the entry of the longest wildcard that matches a name; nil if none does. A host at which clients ask, and what is below it,
// is not a mail domain unless it is configured by name: scanners take the names of new certificates and try autoconfig. in front of each.
func (x *index) wildcard(d settings.Domain) *entry {
	stored := x.records != nil && x.records.HasWildcards()
	if len(x.wildcards) == 0 && !stored {
		return nil
	}
	for {
		if settings.DomainOfServiceHost(string(d)) != "" {
			return nil
		}
		parent, ok := d.Parent()
		if !ok {
			return nil
		}
		if c, ok := x.wildcards[parent]; ok {
			return &x.entries[c.entry]
		}
		if stored {
			if r := x.records.FindWildcard(parent); r != nil {
				return &r.entry
			}
		}
		d = parent
	}
}

// Lookup is the settings.Lookup of this snapshot, which never waits. The Host's domain answers for an address of a domain that is not
// configured, or disabled, which must look the same from outside; but not for one that has no settings for this client.
func (x *index) Lookup(_ context.Context, q settings.Question) (settings.Found, error) {
	for _, d := range []settings.Domain{q.Address.Domain, q.Host} {
		if d == "" {
			continue
		}
		if e, ok := x.find(d, q.Client); ok && !e.disabled {
			found, err := e.lookup(d, q)
			if found.Settings != nil && found.Lookups != nil {
				found.FindNames = x.findNames
			}
			return found, err
		}
	}
	if !x.isComplete() {
		return settings.Found{}, settings.ErrUnavailable
	}
	return settings.Found{}, settings.ErrDomainNotFound
}

func (e *entry) lookup(d settings.Domain, q settings.Question) (settings.Found, error) {
	chosen := e.choose(q)
	s := chosen.forClient(q.Client)
	if s == nil {
		return settings.Found{}, settings.ErrNotForClient
	}
	found := settings.Found{Settings: s, Domain: d, Primary: e.primary, Varies: len(e.rules) > 0 || chosen.varies(), VariesByNetwork: e.variesByNetwork()}
	if found.Primary == "" {
		found.Primary = d
	}
	if e.filled != nil {
		found.Template, found.Values = e.filled.of(e, s), e.filled.values
	}
	if !fits(found) {
		return settings.Found{}, settings.ErrDomainNotFound
	}
	return found, nil
}

// choose returns the choice of the first rule that matches, or that of the entry.
func (e *entry) choose(q settings.Question) choice {
	for _, r := range e.rules {
		if r.users != nil && (q.Address.IsZero() || !r.users.contain(q.Address)) {
			continue
		}
		if r.from != nil && !r.from.Contain(q.Client) {
			continue
		}
		return r.choice
	}
	return e.choice
}

// varies reports whether some networks get something else than others.
func (c choice) varies() bool { return c.networks != nil && !c.networks.ContainAll() }

// variesByNetwork reports whether some networks get something else than others, whatever the address.
func (e *entry) variesByNetwork() bool {
	for _, r := range e.rules {
		if r.from != nil || r.varies() {
			return true
		}
	}
	return e.varies()
}

// forClient returns the settings for a client, whose address may not be known.
func (c choice) forClient(client netip.Addr) *settings.Settings {
	if !c.varies() || c.networks.Contain(client) {
		return c.settings
	}
	return c.outside
}

// fits reports whether hosts made of a domain are valid host names: "mail." before a domain of 250 octets is too long, and so is a label
// made of "mail-" and one of 60.
func fits(found settings.Found) bool {
	for _, server := range found.Servers {
		if !strings.Contains(string(server.Host), "%") {
			continue
		}
		if _, err := settings.ParseDomain(server.Host.Expand(string(found.Domain), string(found.Primary))); err != nil {
			return false
		}
	}
	return true
}

// all yields every set of settings that an entry can answer with.
func (e *entry) all(yield func(*settings.Settings) bool) bool {
	if e.disabled { // its rules are read, but never used
		return true
	}
	choices := []choice{e.choice}
	for _, r := range e.rules {
		choices = append(choices, r.choice)
	}
	for _, c := range choices {
		if c.settings != nil && !yield(c.settings) {
			return false
		}
		if c.outside != nil && c.outside != c.settings && !yield(c.outside) {
			return false
		}
	}
	return true
}
