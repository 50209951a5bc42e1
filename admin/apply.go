package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"mailhint/accounts"
	"mailhint/edits"
)

// MaxSet limits the edits of one set.
const MaxSet = 100_000

// Applied is what the application of a snapshot has changed, or would.
type Applied struct {
	Added   int `json:"added"`
	Changed int `json:"changed"`
	Removed int `json:"removed"`
	Same    int `json:"same"`
	Outcome
}

// Snapshot returns all profiles and domains that an account may see, as edits.Snapshot does.
func (s *Service) Snapshot(ctx context.Context, p accounts.Principal) ([]edits.Wanted, error) {
	list := []edits.Wanted{}
	for _, kind := range []edits.Kind{edits.Profile, edits.Domain} {
		q := edits.Query{Kind: kind}
		if kind == edits.Domain {
			q.Among = visible(p)
		}
		page, err := s.Store.List(ctx, q)
		if err != nil {
			return nil, s.inside(p, err)
		}
		for _, r := range page.Records {
			if s.sees(ctx, access{who: p, record: r}) {
				list = append(list, edits.Wanted{Ref: r.Ref, List: r.List, Values: r.Values})
			}
		}
	}
	return list, nil
}

// Health returns why the store can be neither read nor written at the moment, as an account may know it; nil if it can.
func (s *Service) Health(ctx context.Context, p accounts.Principal) error {
	err := s.Store.Health(ctx)
	if err == nil || isInside(p) {
		return err
	}
	return errors.New("ask an operator")
}

// Apply brings all profiles and domains to a wanted state. Allowed is how many records may be removed, edits.DefaultRemovals for the usual guard.
func (s *Service) Apply(ctx context.Context, p accounts.Principal, wanted []edits.Wanted, allowed int, o Options) (Applied, error) {
	if !p.May(accounts.Apply, accounts.Target{}) {
		return Applied{}, &DeniedError{"", "only operators may replace all domains"}
	}
	plan, err := edits.PlanApply(ctx, s.Store, wanted, allowed)
	applied := Applied{Added: plan.Added, Changed: plan.Changed, Removed: plan.Removed, Same: plan.Same}
	if err != nil {
		return applied, s.notApplied(ctx, p, err)
	}
	gone := plan.Removed
	for _, e := range plan.Edits {
		if e.Values == nil {
			continue
		}
		before, err := s.lookUp(ctx, p, e.Ref)
		if err != nil {
			return applied, err
		}
		if err := samePaths(before.record.Values, e.Values); err != nil {
			return applied, fmt.Errorf("%s: %w", e.Ref, err)
		}
		if before.disables(e.Values) {
			gone++
		}
	}
	if gone > 0 && allowed == edits.DefaultRemovals {
		if err := s.mayRemoveMore(ctx, p, gone, allowed); err != nil {
			return applied, s.notApplied(ctx, p, err)
		}
	}
	applied.Outcome, err = s.applySet(ctx, p, plan.Edits, o)
	return applied, edits.AtWanted(err, wanted)
}

// notApplied records that a snapshot or a set was refused.
func (s *Service) notApplied(ctx context.Context, p accounts.Principal, err error) error {
	s.record(ctx, p, accounts.Event{Action: edits.ActionApply, Refused: true, Detail: err.Error()})
	return s.inside(p, err)
}

// Change saves edits of several records as a whole or not at all. Each is judged as if it were made alone.
func (s *Service) Change(ctx context.Context, p accounts.Principal, list []edits.Edit, o Options) (Outcome, error) {
	if len(list) > MaxSet {
		return Outcome{}, invalid("edits", "has more than %d edits; make several sets of them", MaxSet)
	}
	removed := 0
	seen := make(map[edits.Ref]bool)
	for i := range list {
		e := &list[i]
		e.Action = cmp.Or(e.Action, usualAction(*e))
		if seen[e.Ref] {
			return Outcome{}, invalid("edits", "has two edits of the same record; make one of them, or two sets")
		}
		seen[e.Ref] = true
		a, err := s.lookUp(ctx, p, e.Ref)
		if err == nil && !a.exists() && (e.If != edits.Absent || e.Values == nil && !p.SeesAll()) && !isInside(p) {
			err = ErrNotFound
		}
		if err == nil {
			err = s.mayMake(ctx, a, e)
		}
		if err != nil {
			s.audit(ctx, p, *e, "", err)
			if len(list) > 1 {
				err = &RecordError{e.Ref, err}
			}
			return Outcome{}, err
		}
		if e.Values == nil || a.disables(e.Values) {
			removed++
		}
	}
	if removed > 1 {
		if err := s.mayRemoveMore(ctx, p, removed, edits.DefaultRemovals); err != nil {
			return Outcome{}, s.notApplied(ctx, p, err)
		}
	}
	return s.applySet(ctx, p, list, o)
}

// usualAction is what the history calls an edit of which nothing else is said.
func usualAction(e edits.Edit) string {
	switch {
	case e.Values == nil:
		return edits.ActionRemove
	case e.If == edits.Absent:
		return edits.ActionAdd
	}
	return edits.ActionSet
}

// applySet saves edits that are allowed.
func (s *Service) applySet(ctx context.Context, p accounts.Principal, list []edits.Edit, o Options) (Outcome, error) {
	result, err := s.Store.Apply(ctx, edits.ChangeSet{Edits: list, Actor: p.Name, Via: o.Via, Reason: o.Reason, DryRun: o.DryRun})
	if err != nil {
		if len(list) == 1 && !isInside(p) {
			a := access{who: p, record: edits.Record{Ref: list[0].Ref}}
			return Outcome{}, s.mistakes(a, list[0].Values, err)
		}
		if !isInside(p) {
			return Outcome{}, s.setMistakes(p, list, err)
		}
		return Outcome{}, err
	}
	outcome := Outcome{Changes: seenChanges(p, result.Changes), Diff: result.Diff, Files: result.Files, Config: result.Config}
	if outcome.Changes == nil {
		outcome.Changes = []edits.Change{}
	}
	if !isInside(p) {
		outcome.Diff, outcome.Files = edits.Diff(outcome.Changes), nil
	}
	if o.DryRun || len(result.Changes) == 0 {
		return outcome, nil
	}
	for _, c := range result.Changes {
		revision := edits.Absent
		if c.After != nil {
			revision = c.After.Revision
		}
		s.audit(ctx, p, edits.Edit{Ref: c.Ref, Action: c.Action}, revision, nil)
	}
	if s.Saved != nil {
		s.Saved(ctx, result)
	}
	return outcome, nil
}
