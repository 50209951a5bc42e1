package edits

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"mailhint/domains"
)

// beside is two stores as one.
type beside struct{ files, database Store }

// Beside returns a store of the files and of a database beside them: records that the files have stay there, all others are in the database, and new
// ones go there. The history of a record that the files have is theirs; everything else about history is the database's. A set of changes is either for the
// files or for the database, because two stores cannot save it as a whole.
func Beside(files, database Store) Store { return &beside{files, database} }

// BothError means that the files and the database have the same name, so that it is not clear which of them is meant.
type BothError struct {
	Ref
	Where domains.Position // in the files
}

func (e *BothError) Error() string {
	return fmt.Sprintf("%s is defined at %s and in the store; remove one of them: take it out of the file by hand, or out of the store with mailhint rm", e.Ref, e.Where)
}

// in returns which store has a record; nil if neither has it.
func (b *beside) in(ctx context.Context, ref Ref) (Store, Record, error) {
	inFiles, err := b.files.Get(ctx, ref)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, Record{}, err
	}
	isInFiles := err == nil
	inDatabase, err := b.database.Get(ctx, ref)
	switch {
	case err != nil && !errors.Is(err, ErrNotFound):
		if isInFiles { // which works without the database
			return b.files, inFiles, nil
		}
		return nil, Record{}, err
	case err == nil && isInFiles:
		return b.database, inDatabase, &BothError{ref, inFiles.Where}
	case err == nil:
		return b.database, inDatabase, nil
	case isInFiles:
		return b.files, inFiles, nil
	}
	return nil, Record{}, ErrNotFound
}

// Get implements Store. Of a record that both have it returns that of the files, which is the one that is served.
func (b *beside) Get(ctx context.Context, ref Ref) (Record, error) {
	_, r, err := b.in(ctx, ref)
	if errors.As(err, new(*BothError)) {
		return b.files.Get(ctx, ref)
	}
	return r, err
}

// List implements Store.
func (b *beside) List(ctx context.Context, q Query) (Page, error) {
	if q.ManagedBy == ByStore {
		return b.database.List(ctx, q)
	}
	files, err := b.files.List(ctx, q)
	if err != nil || q.ManagedBy != "" {
		return files, err
	}
	database, err := b.database.List(ctx, q)
	if err != nil {
		return Page{}, err
	}
	page := Page{Records: append(files.Records, database.Records...), More: files.More || database.More, Total: files.Total + database.Total}
	slices.SortStableFunc(page.Records, func(a, b Record) int { return strings.Compare(a.Name, b.Name) })
	if q.Limit > 0 && len(page.Records) > q.Limit {
		page.Records, page.More = page.Records[:q.Limit], true
	}
	return page, nil
}

// Apply implements Store.
func (b *beside) Apply(ctx context.Context, set ChangeSet) (Result, error) {
	var in Store
	var first Ref
	set.Edits = slices.Clone(set.Edits)
	for i, e := range set.Edits {
		s, _, err := b.in(ctx, e.Ref)
		switch {
		case errors.As(err, new(*BothError)) && e.Values == nil:
			set.Edits[i].If = Any // it was read from the files
		case errors.Is(err, ErrNotFound):
			s = b.database
			if e.List != "" {
				s = b.files
			}
		case err != nil:
			return Result{}, err
		}
		if in == nil {
			in, first = s, e.Ref
		}
		if s != in {
			return Result{}, fmt.Errorf("%s is in the files and %s is in the store, or the other way round; nothing was saved: change those of the files and those of the store one after the other", first, e.Ref)
		}
	}
	switch in {
	case nil:
		return Result{}, nil
	case b.files:
		if err := b.free(ctx, set.Edits); err != nil {
			return Result{}, err
		}
	}
	return in.Apply(ctx, set)
}

// free refuses names for the files that the database has.
func (b *beside) free(ctx context.Context, list []Edit) error {
	for _, e := range list {
		for _, alias := range Aliases(e.Values) {
			ref := Ref{Domain, alias}
			r, err := b.database.Get(ctx, ref)
			if errors.Is(err, ErrNotFound) {
				var owner *Record
				if owner, err = ownerOf(ctx, b.database, ref); owner != nil {
					r = *owner
				} else if err == nil {
					continue
				}
			}
			if err != nil {
				return err
			}
			return domains.Problems{{Position: domains.Position{File: domains.StorePlace}, Key: "domains.\"" + r.Name + "\"", Text: alias + " is already defined in the store; remove one of them"}}
		}
	}
	return nil
}

// History implements Store.
func (b *beside) History(ctx context.Context, q HistoryQuery) ([]Change, error) {
	if q.Ref != (Ref{}) {
		if _, err := b.files.Get(ctx, q.Ref); err == nil {
			return b.files.History(ctx, q)
		}
	}
	return b.database.History(ctx, q)
}

// Watch implements Store, for the database: who serves the files follows them.
func (b *beside) Watch(ctx context.Context, since int64) iter.Seq2[Event, error] {
	return b.database.Watch(ctx, since)
}

// Health implements Store.
func (b *beside) Health(ctx context.Context) error {
	return errors.Join(b.files.Health(ctx), b.database.Health(ctx))
}
