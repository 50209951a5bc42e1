package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"

	"mailhint/domains"
	"mailhint/edits"
)

// Import is a set of new records, of which there may be millions.
type Import struct {
	// Records are read once. Profiles come before the domains that inherit from them.
	Records iter.Seq2[edits.Ref, edits.Values]
	// Count is about how many there are.
	Count int
	// Action, Actor and Reason are for the history.
	Action, Actor, Reason string
	DryRun                bool // do everything, and then take it back
	// Step is called after each record has been written; nil for nobody.
	Step func()
	// Verify is called when all records have been written, with what the database then has. After an error nothing is saved.
	Verify func(*Records) error
}

// OtherValuesError means that an import has a record that the database has already, with other values.
type OtherValuesError struct{ edits.Ref }

func (e *OtherValuesError) Error() string {
	return fmt.Sprintf("the database already has %s, with other values; remove it from one of them", e.Ref)
}

// errDryRun ends the transaction of a dry run.
var errDryRun = errors.New("dry run")

// Import adds records in one transaction, a batch at a time: after an error, and after an interruption, none of them is there. Records that the database has already, with
// the same values, are left as they are, so that an import can be repeated. What Apply would refuse is refused. Other changes wait until it has ended.
func (s *Store) Import(ctx context.Context, m Import) (added int, err error) {
	files, err := s.files()
	if err != nil {
		return 0, err
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(writeLock)); err != nil {
			return err
		}
		w := &importing{Import: m, tx: tx, files: files}
		if err := writing(ctx, tx, m.Count, func() error { return w.all(ctx) }); err != nil {
			return err
		}
		added = w.added
		if err := w.verify(ctx); err != nil {
			return err
		}
		if m.DryRun {
			return errDryRun
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return 0, readOnly(err)
	}
	return added, nil
}

// importing is an import that is going on.
type importing struct {
	Import
	tx    pgx.Tx
	files *domains.Snapshot
	added int
}

// all writes all records.
func (w *importing) all(ctx context.Context) error {
	batch := make([]edits.Edit, 0, writtenAtOnce)
	for ref, values := range w.Records {
		batch = append(batch, edits.Edit{Ref: ref, If: edits.Any, Action: w.Action, Values: values})
		if len(batch) < writtenAtOnce {
			continue
		}
		if err := w.write(ctx, batch); err != nil {
			return err
		}
		batch = batch[:0]
	}
	return w.write(ctx, batch)
}

// write writes a batch of records, as Apply does.
func (w *importing) write(ctx context.Context, batch []edits.Edit) error {
	list, err := checked(batch)
	if err != nil {
		return err
	}
	before, err := readRecords(ctx, w.tx, list)
	if err != nil {
		return err
	}
	changes, err := effective(ctx, w.tx, list, before)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if c.before != nil {
			return &OtherValuesError{c.Ref}
		}
	}
	if len(changes) > 0 {
		if err := w.writeChanges(ctx, changes); err != nil {
			return err
		}
	}
	for range batch {
		if w.Step != nil {
			w.Step()
		}
	}
	return nil
}

func (w *importing) writeChanges(ctx context.Context, changes []change) error {
	if _, err := check(ctx, w.tx, w.files, changes); err != nil {
		return err
	}
	described, err := describeAll(ctx, w.tx, changes, edits.ChangeSet{Actor: w.Actor, Via: edits.Command, Reason: w.Reason})
	if err != nil {
		return err
	}
	w.added += len(changes)
	return writeSome(ctx, w.tx, changes, described)
}

// verify lets the caller look at what has been written.
func (w *importing) verify(ctx context.Context) error {
	if w.Verify == nil {
		return nil
	}
	records, err := recordsOf(ctx, w.tx, w.files)
	if err != nil {
		return err
	}
	records.Forgetful = true
	err = w.Verify(records)
	if failed := records.Err(); failed != nil { // what was not read seems to be missing
		return failed
	}
	return err
}
