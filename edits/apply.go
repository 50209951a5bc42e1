package edits

import (
	"context"
	"fmt"

	"mailhint/spelling"
)

// Plan is what brings a store to a wanted state.
type Plan struct {
	// Edits are the changes, for a ChangeSet: profiles before domains, in the order of the wanted state, and then the removals.
	Edits []Edit
	// Added, Changed, Removed and Same count records.
	Added, Changed, Removed, Same int
}

// String says what the plan would do, for people.
func (p Plan) String() string {
	if len(p.Edits) == 0 {
		return fmt.Sprintf("nothing to change: %s as wanted", isOrAre(p.Same, "record"))
	}
	return fmt.Sprintf("%s to add, %s to change, %s to remove, %s unchanged",
		spelling.Thousands(p.Added), spelling.Thousands(p.Changed), spelling.Thousands(p.Removed), spelling.Thousands(p.Same))
}

func isOrAre(n int, noun string) string {
	if n == 1 {
		return spelling.Count(n, noun) + " is"
	}
	return "all " + spelling.Count(n, noun) + " are"
}

// RemovalsError means that a plan would remove so many records that the wanted state is probably incomplete: a program that stopped half-way, or the
// wrong file. Nothing was changed. What to do depends on where it is reported: the command, the API and the page each say it.
type RemovalsError struct {
	Removed, Before int // records to remove, and how many there are
	Allowed         int
	// Hourly is true if Removed also counts what the account has removed or disabled within the last hour.
	Hourly bool
}

func (e *RemovalsError) Error() string {
	within := ""
	if e.Hourly {
		within = " within an hour"
	}
	return fmt.Sprintf("%s of %s would be removed%s, but only %s may be; nothing was saved",
		spelling.Thousands(e.Removed), spelling.Count(e.Before, "record"), within, spelling.Thousands(e.Allowed))
}

// DefaultRemovals stands for the number of removals that are allowed if nothing else is said: a tenth of the records, or ten if that is more, but never
// all of them.
const DefaultRemovals = -1

// allowedRemovals returns how many of a number of records may be removed.
func allowedRemovals(allowed, before int) int {
	const share, few = 10, 10
	if allowed != DefaultRemovals {
		return allowed
	}
	return max(0, min(max(before/share, few), before-1))
}

// PlanApply compares a store with a wanted state, which has all its profiles and domains: what it does not have is to be removed. A plan without edits
// means that the store is as wanted. The error is a *RemovalsError, with the plan, if more records would go than allowed, which may be
// DefaultRemovals.
func PlanApply(ctx context.Context, s Store, wanted []Wanted, allowed int) (Plan, error) {
	now := make(map[Ref]Record)
	var order []Ref
	for _, kind := range []Kind{Profile, Domain} {
		err := each(ctx, s, kind, func(r Record) {
			now[r.Ref] = r
			order = append(order, r.Ref)
		})
		if err != nil {
			return Plan{}, err
		}
	}
	var p Plan
	stays := make(map[Ref]bool, len(wanted))
	for _, kind := range []Kind{Profile, Domain} {
		for _, w := range wanted {
			if w.Kind != kind {
				continue
			}
			stays[w.Ref] = true
			r, exists := now[w.Ref]
			switch {
			case !exists:
				p.Added++
			case r.Values.Equal(w.Values) && r.List == w.List:
				p.Same++
				continue
			default:
				p.Changed++
			}
			p.Edits = append(p.Edits, Edit{Ref: w.Ref, If: r.Revision, Action: ActionApply, Values: w.Values, List: w.List})
		}
	}
	for _, ref := range order {
		if !stays[ref] {
			p.Removed++
			p.Edits = append(p.Edits, Edit{Ref: ref, If: now[ref].Revision, Action: ActionApply})
		}
	}
	if limit := allowedRemovals(allowed, len(order)); p.Removed > limit {
		return p, &RemovalsError{Removed: p.Removed, Before: len(order), Allowed: limit}
	}
	return p, nil
}
