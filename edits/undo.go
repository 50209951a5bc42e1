package edits

import (
	"context"
	"errors"
	"fmt"
)

// ErrNoHistory is matched by errors about changes that the history does not have; they say which.
var ErrNoHistory = errors.New("the history has no such change")

// historyError is about a change that the history does not have.
type historyError struct{ text string }

func (e historyError) Error() string        { return e.text }
func (e historyError) Is(target error) bool { return target == ErrNoHistory }

// Undone is what an undo will do.
type Undone struct {
	Edit
	// Reverted are the changes of the record that it undoes, the newest first: the one that was asked for and all after it.
	Reverted []Change
}

// Undo returns a record as it was before one of its changes, which also undoes all changes of the record after that one; a number of 0 is
// the latest change. A record that has been removed is restored, one that was added is removed, and an undo can be undone: it is a change like any
// other. In stores that keep text, the text is restored as it was.
//
// The error matches ErrNoHistory if there is no change to undo, or only one with a Summary, and ErrUnchanged if the record already is as it was
// before. A state that is no longer valid, because its profile is gone for instance, is refused by Store.Apply.
func Undo(ctx context.Context, s Store, ref Ref, number int64) (Undone, error) {
	changes, err := since(ctx, s, ref, number)
	if err != nil {
		return Undone{}, err
	}
	r, err := s.Get(ctx, ref)
	switch {
	case errors.Is(err, ErrNotFound):
		r = Record{Ref: ref, Revision: Absent}
	case err != nil:
		return Undone{}, err
	}
	first := changes[len(changes)-1]
	if first.Summary != nil && revisionOf(first.Before) == revisionOf(first.After) {
		return Undone{}, historyError{fmt.Sprintf("change %d cannot be undone, because it is one of many domains at once (%s); put back the list from before, or apply a snapshot from before", first.Number, first.Summary)}
	}
	u := Undone{Edit{Ref: ref, If: r.Revision, Action: ActionUndo, Undoes: first.Number}, changes}
	if before := first.Before; before != nil {
		u.Values, u.List, u.Text, u.File = before.Values, before.List, before.Text, before.File
		if before.Revision == r.Revision {
			return u, fmt.Errorf("%s already is as it was before change %d: %w", ref, first.Number, ErrUnchanged)
		}
	} else if r.Revision == Absent {
		return u, fmt.Errorf("%s already is not configured, as before change %d: %w", ref, first.Number, ErrUnchanged)
	}
	return u, nil
}

func revisionOf(s *State) Revision {
	if s == nil {
		return Absent
	}
	return s.Revision
}

// since returns the changes of a record from one on, the newest first; with number 0 only the latest.
func since(ctx context.Context, s Store, ref Ref, number int64) ([]Change, error) {
	if number == 0 {
		latest, err := s.History(ctx, HistoryQuery{Ref: ref, Limit: 1})
		if err == nil && len(latest) == 0 {
			err = historyError{fmt.Sprintf("the history has no change of %s", ref)}
		}
		return latest, err
	}
	if number < 0 {
		return nil, historyError{fmt.Sprintf("the history has no change %d; changes are numbered from 1", number)}
	}
	const page = 100
	var changes []Change
	for before := int64(0); ; {
		more, err := s.History(ctx, HistoryQuery{Ref: ref, Before: before, Limit: page})
		if err != nil {
			return nil, err
		}
		for _, c := range more {
			if c.Number < number {
				break
			}
			changes = append(changes, c)
		}
		if len(changes) > 0 && changes[len(changes)-1].Number == number {
			return changes, nil
		}
		if len(more) < page || more[len(more)-1].Number < number {
			return nil, noSuchChange(ctx, s, ref, number)
		}
		before = more[len(more)-1].Number
	}
}

// noSuchChange says to what a number belongs.
func noSuchChange(ctx context.Context, s Store, ref Ref, number int64) error {
	other, err := s.History(ctx, HistoryQuery{Before: number + 1, Limit: 1})
	if err != nil {
		return err
	}
	if len(other) > 0 && other[0].Number == number {
		return historyError{fmt.Sprintf("change %d is not one of %s, but of %s", number, ref, other[0].Ref)}
	}
	return historyError{fmt.Sprintf("the history has no change %d", number)}
}
