package admin

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"mailhint/accounts"
	"mailhint/domains"
	"mailhint/edits"
)

// access is a record as one account sees it. The record is the one that was read: what an account may do depends on the record's name, profile and
// admins, never on how a request spells them.
type access struct {
	who    accounts.Principal
	record edits.Record // without Revision if it does not exist
	// editable is the value of the key editable that the domain has, by inheritance as well.
	editable []string
}

// exists reports whether there is such a record.
func (a access) exists() bool { return a.record.Revision != edits.Absent }

// may reports whether the account may perform an action on the record.
func (a access) may(action accounts.Action) bool { return a.who.May(action, target(a.record)) }

// target describes a record for the table of permissions.
func target(r edits.Record) accounts.Target {
	if r.Kind == edits.Profile {
		return accounts.Target{Profile: r.Name}
	}
	return accounts.Target{Domain: r.Name, Profile: r.Profile, Admins: texts(r.Values["admins"])}
}

// texts returns the strings in a value that is a string or a list of them.
func texts(v any) []string {
	if one, ok := v.(string); ok {
		return []string{one}
	}
	list, _ := v.([]any)
	var all []string
	for _, element := range list {
		if text, ok := element.(string); ok {
			all = append(all, text)
		}
	}
	return all
}

// find returns a record that the account may see; the error is ErrNotFound if it may not, or if there is none.
func (s *Service) find(ctx context.Context, p accounts.Principal, ref edits.Ref) (access, error) {
	a, err := s.lookUp(ctx, p, ref)
	switch {
	case err != nil:
		return access{}, err
	case !a.exists():
		return access{}, ErrNotFound
	}
	return a, nil
}

// lookUp is find that also returns a record that does not exist.
func (s *Service) lookUp(ctx context.Context, p accounts.Principal, ref edits.Ref) (access, error) {
	r, err := s.Store.Get(ctx, ref)
	switch {
	case errors.Is(err, edits.ErrNotFound):
		return access{who: p, record: edits.Record{Ref: ref, Enabled: true}}, nil
	case err != nil:
		return access{}, s.inside(p, err)
	}
	a := access{who: p, record: r}
	if !s.sees(ctx, a) {
		return access{}, ErrNotFound
	}
	a.editable, err = s.editable(ctx, r)
	return a, err
}

// sees reports whether the account may see a record. A profile is visible to those who may see a domain that inherits from it.
func (s *Service) sees(ctx context.Context, a access) bool {
	if a.record.Kind == edits.Domain {
		return a.may(accounts.View)
	}
	if a.may(accounts.ViewProfile) {
		return true
	}
	among := visible(a.who)
	if among == nil || len(among.Names) == 0 && among.Admin == "" {
		return false
	}
	page, err := s.Store.List(ctx, edits.Query{Kind: edits.Domain, Profile: a.record.Name, Among: among})
	return err == nil && slices.ContainsFunc(page.Records, func(r edits.Record) bool { return a.who.May(accounts.View, target(r)) })
}

// visible selects, in a query, a superset of the domains that an account may see; nil for all.
func visible(p accounts.Principal) *edits.Among {
	switch {
	case p.SeesAll():
		return nil
	case p.Role == accounts.DomainAdmin:
		return &edits.Among{Names: p.Domains, Admin: p.Name}
	case len(p.Domains) > 0:
		return &edits.Among{Names: p.Domains}
	case p.Role == accounts.Provisioner && !slices.Contains(p.Profiles, accounts.AllProfiles):
		return &edits.Among{Profiles: p.Profiles}
	}
	return nil
}

// editable returns the value of the key editable that a domain has: its own, that of its profile, or that of [defaults].
func (s *Service) editable(ctx context.Context, r edits.Record) ([]string, error) {
	if own, has := r.Values["editable"]; has {
		return texts(own), nil
	}
	if r.Profile != "" {
		switch profile, err := s.Store.Get(ctx, edits.Ref{Kind: edits.Profile, Name: r.Profile}); {
		case err == nil:
			if inherited, has := profile.Values["editable"]; has {
				return texts(inherited), nil
			}
		case !errors.Is(err, edits.ErrNotFound):
			return nil, err
		}
	}
	if current := s.Current(); current != nil {
		return current.DefaultEditable, nil
	}
	return nil, nil
}

// why says why the account may not change a key of the record; empty if it may.
func (a access) why(key string) string {
	top, _, _ := strings.Cut(key, ".")
	switch {
	case isPath(key):
		return "names a file on the server; it can be changed only there"
	case a.exists() && !a.may(accounts.Edit) || a.record.Kind == edits.Profile && !a.may(accounts.EditProfile):
		return "this account may only look"
	case a.who.MayChange(key, a.editable):
		return ""
	case !canBeEditable(top):
		return "only an operator may change it"
	}
	return "is not among the keys that this account may change; an operator can add it to editable"
}

// canBeEditable reports whether admins of single domains can be allowed to change a key.
func canBeEditable(key string) bool {
	for _, k := range edits.Keys(edits.Domain) {
		if k.Name == key {
			return k.Editable
		}
	}
	return false
}

// pathKeys are the keys whose values are names of files on the server. Nothing that comes over the network may set them: a program that can
// name a file can find out what is in it, or whether it exists.
var pathKeys = []string{"logo", "users_file", "domains_file"}

// isPath reports whether a key, or the last part of a path of keys, names a file.
func isPath(key string) bool {
	return slices.Contains(pathKeys, key[strings.LastIndexByte(key, '.')+1:])
}

// The elements that a list can have which grows for an account that is not an operator: every answer for the domain has all servers.
const (
	maxServers = 20 // of one key
	maxAliases = 1000
)

// mayGrow returns an error if a list gets longer than the account may make it.
func (a access) mayGrow(values edits.Values) error {
	if isInside(a.who) {
		return nil
	}
	for _, key := range append([]string{"aliases"}, serverKeys...) {
		most := maxServers
		if key == "aliases" {
			most = maxAliases
		}
		before, _ := a.record.Values[key].([]any)
		if after, _ := values[key].([]any); len(after) > max(most, len(before)) {
			return invalid(key, "has %d elements; only an operator may give it more than %d", len(after), most)
		}
	}
	return nil
}

// mayBecome returns an error unless the account may give the record these values and this list.
func (a access) mayBecome(values edits.Values, list string) error {
	before := a.record.Values
	if err := a.mayGrow(values); err != nil {
		return err
	}
	if err := samePaths(before, values); err != nil {
		return err
	}
	var denied *DeniedError
	for _, d := range changes(before, values) {
		if why := a.why(d); why != "" {
			denied = &DeniedError{d, why}
			break
		}
	}
	if denied == nil {
		denied = a.mayNest(before, values)
	}
	if denied != nil {
		return denied
	}
	return a.mayInherit(values, list)
}

// mayInherit returns an error unless the account may put the domain on the profile that the values and the list come to.
func (a access) mayInherit(values edits.Values, list string) error {
	if a.record.Kind != edits.Domain {
		return nil
	}
	profile, named := values["profile"].(string)
	if !named {
		profile = list
	}
	same := a.exists() && profile == a.record.Profile && list == a.record.List
	switch {
	case a.who.SeesAll() || same:
		return nil
	case list != a.record.List && !a.who.MayChange("profile", a.editable):
		return &DeniedError{"profile", a.why("profile")}
	case !a.who.AllowsProfile(profile), list != "" && list != a.record.List && !a.who.AllowsProfile(list):
		return &DeniedError{"profile", "this account may not put domains on that profile"}
	}
	return nil
}

// changes returns the keys of which two records have different values: oauth2.issuer for a key of a table that both have.
func changes(before, after edits.Values) []string {
	c := edits.Change{Ref: edits.Ref{Kind: edits.Domain}, Before: &edits.State{Values: before}, After: &edits.State{Values: after}}
	var keys []string
	for _, d := range c.Differences() {
		keys = append(keys, d.Key)
	}
	return keys
}

// serverKeys are those whose values can be tables with a login and login methods of their own.
var serverKeys = []string{"imap", "pop3", "smtp", "sieve"}

// mayNest returns an error if a server gets a login or login methods of its own, which no server of the same key had before, and the account may not
// change the key of that name.
func (a access) mayNest(before, after edits.Values) *DeniedError {
	for _, key := range serverKeys {
		for _, inner := range []string{"login", "auth"} {
			had := nested(before[key], inner)
			isNew := func(v string) bool { return !slices.Contains(had, v) }
			if slices.ContainsFunc(nested(after[key], inner), isNew) && a.why(inner) != "" {
				return &DeniedError{key + "." + inner, a.why(inner)}
			}
		}
	}
	return nil
}

// nested returns the values of a key in the tables of a value, as JSON.
func nested(v any, key string) []string {
	var found []string
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			found = append(found, nested(element, key)...)
		}
	case map[string]any:
		if inner, has := v[key]; has {
			text, err := json.Marshal(inner)
			if err != nil { // values are made of what JSON can express
				return []string{err.Error()}
			}
			found = append(found, string(text))
		}
	}
	return found
}

// samePaths returns an error if values name a file that the record did not name before, in the same place.
func samePaths(before, after map[string]any) error {
	had := paths(before)
	for _, p := range paths(after) {
		if !slices.Contains(had, p) {
			return &DeniedError{p.key, "names a file on the server; it can be changed only there"}
		}
	}
	return nil
}

// path is a file that a record names.
type path struct{ key, value string }

// paths returns the files that values name, at any depth.
func paths(v any) []path {
	var found []path
	switch v := v.(type) {
	case edits.Values:
		return paths(map[string]any(v))
	case map[string]any:
		for key, inner := range v {
			if isPath(key) {
				text, err := json.Marshal(inner)
				if err != nil {
					text = []byte(err.Error())
				}
				found = append(found, path{key, string(text)})
				continue
			}
			found = append(found, paths(inner)...)
		}
	case []any:
		for _, inner := range v {
			found = append(found, paths(inner)...)
		}
	}
	return found
}

// ownProblems are those of values alone, whatever else is configured.
func ownProblems(ref edits.Ref, values edits.Values) domains.Problems {
	return domains.CheckValues(domains.RecordKind(ref.Kind), ref.Name, values)
}
