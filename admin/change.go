package admin

import (
	"context"
	"errors"
	"strings"

	"mailhint/accounts"
	"mailhint/domains"
	"mailhint/edits"
	"mailhint/untrusted"
)

// Options say how a change is to be made.
type Options struct {
	// If is the revision that the record must have, as it was read; edits.Absent for a record that must not exist.
	If edits.Revision
	// Via is how the request came: edits.API or edits.Web.
	Via edits.Via
	// Reason is why, for the history.
	Reason string
	// DryRun makes everything except saving.
	DryRun bool
	// Probe says what to do about mail servers that do not work.
	Probe ProbeMode
	// Address is the one for which to preview what clients get; empty for a made-up one.
	Address string
	// List is the profile whose list is to have the domain, "" for none; nil for where it is already and, for a new domain, the usual place.
	List *string
	// Previews are made for dry runs always, and otherwise if this is true.
	Previews bool
}

// ProbeMode says whether mail servers are looked at before a change is saved.
type ProbeMode string

// The modes.
const (
	ProbeSkip    ProbeMode = "skip"    // they are not looked at
	ProbeWarn    ProbeMode = "warn"    // what is wrong with them is reported, and the change saved
	ProbeRequire ProbeMode = "require" // a change is not saved if one of them does not work
)

// Outcome is what a change has done or, in a dry run, would do.
type Outcome struct {
	// Changes are what the history has gained; empty if there was nothing to change.
	Changes []edits.Change `json:"changes"`
	// Revision is that of the record afterwards; empty if it is gone.
	Revision edits.Revision `json:"revision,omitempty"`
	// Diff is a unified diff.
	Diff string `json:"diff,omitempty"`
	// Domains counts the domains whose answers the change touches; it is set for profiles.
	Domains int `json:"domains,omitempty"`
	// Previews are what clients get before and after.
	Previews []ClientPreview `json:"previews,omitempty"`
	// Servers are what was seen of the mail servers, if that was asked for.
	Servers []ServerCheck `json:"servers,omitempty"`
	// Files are the files that were written.
	Files []string `json:"files,omitempty"`
	// Config is the configuration with the changes, as in edits.Result.
	Config *domains.Snapshot `json:"-"`
}

// Put gives a record new values, all of them, and adds it if Options.If is edits.Absent.
func (s *Service) Put(ctx context.Context, p accounts.Principal, ref edits.Ref, values edits.Values, o Options) (Outcome, error) {
	if values == nil {
		values = edits.Values{}
	}
	action := edits.ActionSet
	if o.If == edits.Absent {
		action = edits.ActionAdd
	}
	a, err := s.forChange(ctx, p, ref, action, o.If == edits.Absent)
	if err != nil {
		return Outcome{}, err
	}
	e := edits.Edit{Ref: ref, If: o.If, Action: action, Values: values, List: a.record.List}
	if o.List != nil {
		e.List = *o.List
	}
	return s.save(ctx, a, e, o)
}

// Add adds a domain with the values that are assigned, as mailhint add does: one that gets nothing but a profile goes into the profile's list of
// domains, if it has one, unless Options.List says otherwise.
func (s *Service) Add(ctx context.Context, p accounts.Principal, ref edits.Ref, values edits.Values, o Options) (Outcome, error) {
	o.If = edits.Absent
	if o.List != nil || ref.Kind != edits.Domain {
		return s.Put(ctx, p, ref, values, o)
	}
	a, err := s.forChange(ctx, p, ref, edits.ActionAdd, true)
	if err != nil {
		return Outcome{}, err
	}
	if a.exists() { // and may be seen
		return Outcome{}, &edits.ExistsError{Ref: ref, By: a.seen()}
	}
	if err := s.mayMake(ctx, a, &edits.Edit{Ref: ref, Values: values}); err != nil {
		s.audit(ctx, p, edits.Edit{Ref: ref, Action: edits.ActionAdd}, "", err)
		return Outcome{}, err
	}
	e, err := edits.Add(ctx, s.Store, ref, edits.Assign(values))
	if exists := (*edits.ExistsError)(nil); errors.As(err, &exists) && !isInside(p) {
		return Outcome{}, errTaken
	}
	if err != nil {
		return Outcome{}, s.inside(p, err)
	}
	return s.save(ctx, a, e, o)
}

// Patch changes single keys: a value of nil removes a key. A table, such as oauth2, is changed as a whole.
func (s *Service) Patch(ctx context.Context, p accounts.Principal, ref edits.Ref, values map[string]any, o Options) (Outcome, error) {
	a, err := s.forChange(ctx, p, ref, edits.ActionSet, false)
	if err != nil {
		return Outcome{}, err
	}
	after := make(edits.Values, len(a.record.Values)+len(values))
	for key, v := range a.record.Values {
		after[key] = v
	}
	for key, v := range values {
		if v == nil {
			delete(after, key)
		} else {
			after[key] = v
		}
	}
	return s.save(ctx, a, edits.Edit{Ref: ref, If: o.If, Action: edits.ActionSet, Values: after, List: a.record.List}, o)
}

// Delete removes a record, also from the list that has it.
func (s *Service) Delete(ctx context.Context, p accounts.Principal, ref edits.Ref, o Options) (Outcome, error) {
	a, err := s.forChange(ctx, p, ref, edits.ActionRemove, false)
	if err != nil {
		return Outcome{}, err
	}
	return s.save(ctx, a, edits.Edit{Ref: ref, If: o.If, Action: edits.ActionRemove}, o)
}

// forChange returns a record that is to be changed or added. A refusal is in the audit trail whether there is such a record or not, because the account
// may read what it has tried itself.
func (s *Service) forChange(ctx context.Context, p accounts.Principal, ref edits.Ref, action string, add bool) (access, error) {
	a, err := s.mayFind(ctx, p, ref, add)
	if err != nil {
		s.audit(ctx, p, edits.Edit{Ref: ref, Action: action}, "", err)
	}
	return a, err
}

func (s *Service) mayFind(ctx context.Context, p accounts.Principal, ref edits.Ref, add bool) (access, error) {
	a, err := s.lookUp(ctx, p, ref)
	switch {
	case errors.Is(err, ErrNotFound) && add:
		if p.May(accounts.Add, target(edits.Record{Ref: ref})) || p.Role == accounts.Provisioner {
			return access{}, errTaken
		}
		return access{}, ErrNotFound
	case err != nil:
		return access{}, err
	case a.exists() || add:
		return a, nil
	}
	return access{}, ErrNotFound
}

// save saves an edit of a record, after it has found out whether the account may make it.
func (s *Service) save(ctx context.Context, a access, e edits.Edit, o Options) (Outcome, error) {
	if err := s.mayMake(ctx, a, &e); err != nil {
		s.audit(ctx, a.who, e, "", err)
		return Outcome{}, err
	}
	return s.apply(ctx, a, e, o)
}

// maxProfileName limits the name of a new profile, in characters.
const maxProfileName = 100

// mayMake returns an error unless the account may make an edit. It completes the edit.
func (s *Service) mayMake(ctx context.Context, a access, e *edits.Edit) error {
	if e.If == edits.Any {
		return ErrRevision
	}
	if e.Values == nil {
		return s.mayRemove(ctx, a)
	}
	switch {
	case a.record.Kind == edits.Profile:
		if !a.may(accounts.EditProfile) {
			return &DeniedError{"", "this account may not change profiles"}
		}
		if name := a.record.Name; !a.exists() && (name == "" || strings.Contains(name, "/") || untrusted.Clip(name, maxProfileName) != name) {
			return invalid("", "is not a name for a profile; write at most %d printable characters without a slash", maxProfileName)
		}
	case !a.exists():
		if err := a.mayAdd(e.Values, e.List); err != nil {
			return err
		}
		var err error
		added := a.record
		added.Values, added.Profile = e.Values, profileOf(e.Values, e.List)
		if a.editable, err = s.editable(ctx, withoutOwn(added)); err != nil {
			return s.inside(a.who, err)
		}
	case !a.may(accounts.Edit):
		return &DeniedError{"", "this account may only look at this domain"}
	}
	if err := domains.CheckLimits(edits.TOML(e.Ref, e.Values)); err != nil {
		return invalid("", "%v", err)
	}
	if err := a.mayBecome(e.Values, e.List); err != nil {
		return err
	}
	if a.disables(e.Values) {
		if err := s.mayRemoveMore(ctx, a.who, 1, edits.DefaultRemovals); err != nil {
			return err
		}
	}
	if !isInside(a.who) {
		e.Text, e.File = "", ""
	}
	return s.mayTake(ctx, a, e.Values)
}

// withoutOwn is a new domain without the key editable, so that nobody makes keys editable by adding a domain.
func withoutOwn(r edits.Record) edits.Record {
	values := make(edits.Values, len(r.Values))
	for key, v := range r.Values {
		if key != "editable" {
			values[key] = v
		}
	}
	r.Values = values
	return r
}

// profileOf is the profile that values and a list come to.
func profileOf(values edits.Values, list string) string {
	if profile, named := values["profile"].(string); named {
		return profile
	}
	return list
}

// mayAdd returns an error unless the account may add the record with a profile.
func (a access) mayAdd(values edits.Values, list string) error {
	profile := profileOf(values, list)
	if a.who.May(accounts.Add, accounts.Target{Domain: a.record.Name, Profile: profile}) {
		return nil
	}
	if a.who.Role != accounts.Provisioner {
		return ErrNotFound
	}
	return &DeniedError{"profile", "this account may add domains only on the profiles that it is for"}
}

// apply saves an edit that is allowed.
func (s *Service) apply(ctx context.Context, a access, e edits.Edit, o Options) (Outcome, error) {
	set := edits.ChangeSet{Edits: []edits.Edit{e}, Actor: a.who.Name, Via: o.Via, Reason: o.Reason, DryRun: true}
	var outcome Outcome
	dry := o.DryRun || o.Probe == ProbeRequire || o.Probe == ProbeWarn
	if dry {
		planned, err := s.Store.Apply(ctx, set)
		if err != nil {
			return Outcome{}, s.refused(ctx, a, e, err)
		}
		if outcome, err = s.outcome(ctx, a, e, planned, o); err != nil {
			return Outcome{}, err
		}
		if outcome.Servers, err = s.checkBefore(ctx, a, planned, o); err != nil {
			s.audit(ctx, a.who, e, "", err)
			return outcome, err
		}
		if o.DryRun {
			return outcome, nil
		}
	}
	set.DryRun = false
	result, err := s.Store.Apply(ctx, set)
	if err != nil {
		return Outcome{}, s.refused(ctx, a, e, err)
	}
	servers := outcome.Servers
	if outcome, err = s.outcome(ctx, a, e, result, o); err != nil {
		return Outcome{}, err
	}
	outcome.Servers = servers
	if len(result.Changes) > 0 {
		s.audit(ctx, a.who, e, outcome.Revision, nil)
		if s.Saved != nil {
			s.Saved(ctx, result)
		}
	}
	return outcome, nil
}

// refused returns an error of the store as the account may see it.
func (s *Service) refused(ctx context.Context, a access, e edits.Edit, err error) error {
	err = s.mistakes(a, e.Values, err)
	s.audit(ctx, a.who, e, "", err)
	return err
}

// outcome describes what the store has done, or would do.
func (s *Service) outcome(ctx context.Context, a access, e edits.Edit, result edits.Result, o Options) (Outcome, error) {
	outcome := Outcome{Changes: seenChanges(a.who, result.Changes), Diff: result.Diff, Files: result.Files, Config: result.Config}
	if outcome.Changes == nil {
		outcome.Changes = []edits.Change{}
	}
	if !isInside(a.who) {
		outcome.Diff, outcome.Files = edits.Diff(outcome.Changes), nil
	}
	switch {
	case len(result.Changes) == 0:
		outcome.Revision = a.record.Revision
	case result.Changes[0].After != nil:
		outcome.Revision = result.Changes[0].After.Revision
	}
	if a.record.Kind == edits.Profile {
		count, err := s.domainsOf(ctx, a.who, a.record.Name)
		if err != nil {
			return Outcome{}, err
		}
		outcome.Domains = count
	}
	if o.DryRun || o.Previews {
		previews, err := s.compare(ctx, a, result.Config, o.Address)
		if err != nil {
			return Outcome{}, err
		}
		outcome.Previews = previews
	}
	return outcome, nil
}
