package admin

import (
	"context"
	"fmt"
	"time"

	"mailhint/accounts"
	"mailhint/edits"
)

// removalWindow is the time in which the removals of an account are counted together, so that a program that has gone wrong, or a stolen token, does
// not remove everything one domain at a time.
const removalWindow = time.Hour

// historyPage is how many changes are read at a time. It is a variable so that tests can make it small.
var historyPage = 10_000

// mayRemove returns an error unless the account may remove a record now.
func (s *Service) mayRemove(ctx context.Context, a access) error {
	switch {
	case a.record.Kind == edits.Profile:
		if !a.may(accounts.EditProfile) {
			return &DeniedError{"", "this account may not remove profiles"}
		}
	case !a.may(accounts.Remove):
		return &DeniedError{"", "this account may not remove this domain"}
	}
	return s.mayRemoveMore(ctx, a.who, 1, edits.DefaultRemovals)
}

// mayRemoveMore returns an error if an account would have removed more records within removalWindow than allowed, which may be
// edits.DefaultRemovals. Disabled domains count as removed.
func (s *Service) mayRemoveMore(ctx context.Context, p accounts.Principal, more, allowed int) error {
	count, err := s.removed(ctx, p)
	if err != nil {
		return s.inside(p, err)
	}
	page, err := s.Store.List(ctx, edits.Query{Kind: edits.Domain, Limit: 1, Among: visible(p)})
	if err != nil {
		return s.inside(p, err)
	}
	before := page.Total + count
	limit := allowed
	if allowed == edits.DefaultRemovals {
		const share, few = 10, 10
		limit = max(before/share, few)
	}
	if count+more > limit {
		return &edits.RemovalsError{Removed: count + more, Before: before, Allowed: limit, Hourly: true}
	}
	return nil
}

// removed counts the domains that an account has removed or disabled within removalWindow, and not restored.
func (s *Service) removed(ctx context.Context, p accounts.Principal) (int, error) {
	gone := make(map[string]bool)
	seen := make(map[edits.Ref]bool)
	for q := (edits.HistoryQuery{Since: s.now().Add(-removalWindow), Limit: historyPage}); ; {
		changes, err := s.Store.History(ctx, q)
		if err != nil {
			return 0, fmt.Errorf("the removals of the last hour cannot be counted: %w", err)
		}
		for _, c := range changes { // the newest first: the latest change of a record decides
			if c.Kind != edits.Domain || seen[c.Ref] {
				continue
			}
			seen[c.Ref] = true
			if c.Actor == p.Name && isGone(c) {
				gone[c.Name] = true
			}
		}
		if len(changes) < q.Limit {
			break
		}
		q.Before = changes[len(changes)-1].Number
	}
	return len(gone), nil
}

// isGone reports whether a change has taken a domain out of service.
func isGone(c edits.Change) bool {
	return c.Before != nil && isServed(c.Before.Values) && (c.After == nil || !isServed(c.After.Values))
}

func isServed(values edits.Values) bool { return values["enabled"] != false }

// disables reports whether a domain that is served would not be any more with these values.
func (a access) disables(values edits.Values) bool {
	return a.record.Kind == edits.Domain && a.exists() && isServed(a.record.Values) && !isServed(values)
}
