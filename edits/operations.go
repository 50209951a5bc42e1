package edits

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"mailhint/domains"
)

// The operations below read a store and return what a record should become, as an Edit for Store.Apply. Its revision is that of the record as it was
// read: a change of somebody else in the meantime is a conflict, and then nothing is saved.

// The actions of the operations, as the history has them.
const (
	ActionAdd     = "add"
	ActionSet     = "set"
	ActionRemove  = "rm"
	ActionEnable  = "enable"
	ActionDisable = "disable"
	ActionEdit    = "edit"
	ActionUndo    = "undo"
	ActionApply   = "apply"
)

// ExistsError means that a record that should be added is already there, or that its name is an alias of another.
type ExistsError struct {
	Ref
	// By is the record that has the name.
	By Record
}

func (e *ExistsError) Error() string {
	at := ""
	if e.By.Where != (domains.Position{}) {
		at = " at " + e.By.Where.String()
	}
	switch {
	case e.By.Name != e.Name:
		return fmt.Sprintf("%s is an alias of %s%s; remove it from the aliases there first", e.Ref, e.By.Name, at)
	case e.By.List != "" && len(e.By.Values) == 0:
		return fmt.Sprintf("%s is %v: the list of profile %s has it%s; change it instead", e.Ref, ErrExists, e.By.List, at)
	}
	return fmt.Sprintf("%s is %v%s; change it instead", e.Ref, ErrExists, at)
}

// Is makes it match ErrExists.
func (e *ExistsError) Is(target error) bool { return target == ErrExists }

// ErrUnchanged means that a record already is what it should become, so that there is nothing to save.
var ErrUnchanged = errors.New("nothing to change")

// Add returns a new record with the values that are assigned. A domain that gets nothing but a profile goes into the profile's domains_file, if it
// has one. The error is an *ExistsError if there is such a record, or if the name is an alias of another.
func Add(ctx context.Context, s Store, ref Ref, values []Assignment) (Edit, error) {
	e := Edit{Ref: ref, If: Absent, Action: ActionAdd}
	r, err := s.Get(ctx, ref)
	switch {
	case err == nil:
		return e, &ExistsError{ref, r}
	case !errors.Is(err, ErrNotFound):
		return e, err
	}
	if owner, err := ownerOf(ctx, s, ref); err != nil || owner != nil {
		if err != nil {
			return e, err
		}
		return e, &ExistsError{ref, *owner}
	}
	if e.Values, err = assign(nil, values); err != nil {
		return e, err
	}
	profile, ok := e.Values["profile"].(string)
	if !ok || len(e.Values) > 1 || ref.Kind != Domain || isWildcard(ref) {
		return e, nil
	}
	p, err := s.Get(ctx, Ref{Profile, profile})
	switch {
	case err == nil && p.Values["domains_file"] != nil:
		e.Values, e.List = Values{}, profile
	case err != nil && !errors.Is(err, ErrNotFound): // that there is no such profile is reported with the place, by the store
		return e, err
	}
	return e, nil
}

// Set returns the record with the assignments made. One that is only in a list gets values of its own, as an exception to the list.
func Set(ctx context.Context, s Store, ref Ref, values []Assignment) (Edit, error) {
	return change(ctx, s, ref, ActionSet, func(before Values) (Values, error) { return assign(before, values) })
}

// Replace returns the record with other values, and how they are written; text may be empty. The record must still have the given revision, as an
// editor has read it.
func Replace(r Record, values Values, text string) Edit {
	return Edit{Ref: r.Ref, If: r.Revision, Action: ActionEdit, Values: values, List: r.List, Text: text}
}

// Remove returns the removal of a record, also from the list that has it.
func Remove(ctx context.Context, s Store, ref Ref) (Edit, error) {
	e, err := change(ctx, s, ref, ActionRemove, func(Values) (Values, error) { return nil, nil })
	e.List = ""
	return e, err
}

// Enable returns the domain with answers again.
func Enable(ctx context.Context, s Store, ref Ref) (Edit, error) {
	return change(ctx, s, ref, ActionEnable, func(before Values) (Values, error) {
		return assign(before, []Assignment{{Path: []string{"enabled"}}})
	})
}

// Disable returns the domain with enabled = false, so that it is treated as one that is not configured.
func Disable(ctx context.Context, s Store, ref Ref) (Edit, error) {
	return change(ctx, s, ref, ActionDisable, func(before Values) (Values, error) {
		return assign(before, []Assignment{{Path: []string{"enabled"}, Value: false}})
	})
}

// change returns an edit of a record that must exist.
func change(ctx context.Context, s Store, ref Ref, action string, to func(Values) (Values, error)) (Edit, error) {
	r, err := s.Get(ctx, ref)
	if err != nil {
		return Edit{}, missing(ctx, s, ref, err)
	}
	e := Edit{Ref: ref, If: r.Revision, Action: action, List: r.List}
	e.Values, err = to(r.Values)
	return e, err
}

// Existing returns a record that must exist. The error explains why there is none, as that of Set does.
func Existing(ctx context.Context, s Store, ref Ref) (Record, error) {
	r, err := s.Get(ctx, ref)
	return r, missing(ctx, s, ref, err)
}

// Assign returns assignments of all values of a record, in their usual order.
func Assign(values Values) []Assignment {
	var list []Assignment
	for _, key := range inOrder(Domain, values) {
		list = append(list, Assignment{Path: []string{key}, Value: values[key]})
	}
	return list
}

// Overlay returns assignments without those of which others replace the key, and the others.
func Overlay(below, above []Assignment) []Assignment {
	replaced := func(a Assignment) bool {
		return slices.ContainsFunc(above, func(b Assignment) bool { return slices.Equal(a.Path, b.Path) })
	}
	return slices.Concat(slices.DeleteFunc(slices.Clone(below), replaced), above)
}
