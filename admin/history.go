package admin

import (
	"context"
	"errors"
	"slices"
	"time"

	"mailhint/accounts"
	"mailhint/edits"
)

// HistoryQuery selects changes.
type HistoryQuery struct {
	Before int64 // numbers below this one; 0 for the newest
	Limit  int   // at most so many; 0 for DefaultPage
}

// History returns the changes of one record, the newest first, as far as the account may see them: for operators and those who see every domain all of
// them, for others those since the record was last added, because before that it may have been somebody else's.
func (s *Service) History(ctx context.Context, p accounts.Principal, ref edits.Ref, q HistoryQuery) ([]edits.Change, error) {
	a, err := s.lookUp(ctx, p, ref)
	if err != nil {
		return nil, err
	}
	if !a.exists() && !p.SeesAll() {
		return nil, ErrNotFound
	}
	if q.Limit <= 0 {
		q.Limit = DefaultPage
	}
	changes, err := s.changesOf(ctx, a, edits.HistoryQuery{Ref: ref, Before: q.Before, Limit: min(q.Limit, MaxPage)})
	if err == nil && len(changes) == 0 && !a.exists() && q.Before == 0 {
		return nil, ErrNotFound
	}
	return seenChanges(p, changes), err
}

func (s *Service) changesOf(ctx context.Context, a access, q edits.HistoryQuery) ([]edits.Change, error) {
	changes, err := s.Store.History(ctx, q)
	if err != nil {
		return nil, s.inside(a.who, err)
	}
	if a.who.SeesAll() {
		return changes, nil
	}
	since, err := s.addedAt(ctx, a.record.Ref)
	if err != nil {
		return nil, s.inside(a.who, err)
	}
	return slices.DeleteFunc(changes, func(c edits.Change) bool { return c.Number < since }), nil
}

// addedAt returns the number of the change that has last added a record; 0 if the history has none.
func (s *Service) addedAt(ctx context.Context, ref edits.Ref) (int64, error) {
	const page, pages = 500, 20
	q := edits.HistoryQuery{Ref: ref, Limit: page}
	for range pages {
		changes, err := s.Store.History(ctx, q)
		if err != nil {
			return 0, err
		}
		for _, c := range changes {
			if c.Before == nil {
				return c.Number, nil
			}
			q.Before = c.Number
		}
		if len(changes) < page {
			return 0, nil
		}
	}
	return q.Before, nil
}

// AllHistory returns the changes of all records, or of one, for accounts that see every domain.
func (s *Service) AllHistory(ctx context.Context, p accounts.Principal, q edits.HistoryQuery) ([]edits.Change, error) {
	if !p.SeesAll() {
		return nil, &DeniedError{"", "only accounts that see every domain may read the changes of all of them; read those of a domain"}
	}
	changes, err := s.Store.History(ctx, q)
	return seenChanges(p, changes), s.inside(p, err)
}

// maxEvents limits the events of one answer.
const maxEvents = 1000

// Await returns events after the change with a number as soon as there are some, or none after a time. It is for accounts that see every domain.
func (s *Service) Await(ctx context.Context, p accounts.Principal, since int64, wait time.Duration) ([]edits.Event, error) {
	if !p.SeesAll() {
		return nil, &DeniedError{"", "only accounts that see every domain may follow the changes of all of them"}
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	var events []edits.Event
	for e, err := range s.Store.Watch(ctx, since) {
		if err != nil {
			return events, s.inside(p, err)
		}
		if events = append(events, e); len(events) == 1 { // what is there already comes at once
			time.AfterFunc(20*time.Millisecond, cancel)
		}
		if len(events) == maxEvents {
			break
		}
	}
	return events, nil
}

// Restore returns a record to how it was before a change, which also undoes all later ones; a number of 0 is the latest change. It gives back only what
// the account could set itself: keys, names and profiles are judged as in any other change.
func (s *Service) Restore(ctx context.Context, p accounts.Principal, ref edits.Ref, number int64, o Options) (Outcome, error) {
	a, err := s.lookUp(ctx, p, ref)
	if err != nil {
		return Outcome{}, err
	}
	if !a.exists() && !p.SeesAll() && p.Role != accounts.Provisioner {
		return Outcome{}, ErrNotFound
	}
	if !p.SeesAll() {
		if err := s.mayUndo(ctx, a, number); err != nil {
			return Outcome{}, err
		}
	}
	u, err := edits.Undo(ctx, s.Store, ref, number)
	switch {
	case errors.Is(err, edits.ErrUnchanged):
		return s.outcome(ctx, a, edits.Edit{}, edits.Result{}, o)
	case errors.Is(err, edits.ErrNoHistory) && !isInside(p):
		return Outcome{}, ErrNotFound
	case err != nil:
		return Outcome{}, s.inside(p, err)
	}
	if !a.exists() && !p.SeesAll() && a.mayAdd(u.Values, u.List) != nil { // that it was there is not shown
		return Outcome{}, ErrNotFound
	}
	u.If = o.If
	if err := s.mayRestore(ctx, a, &u.Edit); err != nil {
		s.audit(ctx, p, u.Edit, "", err)
		return Outcome{}, err
	}
	return s.apply(ctx, a, u.Edit, o)
}

// mayUndo returns ErrNotFound unless the account may see the change.
func (s *Service) mayUndo(ctx context.Context, a access, number int64) error {
	changes, err := s.changesOf(ctx, a, edits.HistoryQuery{Ref: a.record.Ref, Limit: 1, Before: numberAfter(number)})
	if err != nil {
		return err
	}
	if len(changes) == 0 || number != 0 && changes[0].Number != number {
		return ErrNotFound
	}
	return nil
}

func numberAfter(number int64) int64 {
	if number <= 0 {
		return 0
	}
	return number + 1
}

// mayRestore is mayMake for a state of the history. For an operator its files are those that the record has named before.
func (s *Service) mayRestore(ctx context.Context, a access, e *edits.Edit) error {
	if isInside(a.who) && e.Values != nil {
		if e.If == edits.Any {
			return ErrRevision
		}
		if a.disables(e.Values) {
			return s.mayRemoveMore(ctx, a.who, 1, edits.DefaultRemovals)
		}
		return nil
	}
	return s.mayMake(ctx, a, e)
}
