package postgres

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"mailhint/domains"
	"mailhint/edits"
)

// writeLock is the number of the advisory lock that whoever changes records holds until its transaction ends. The triggers of the tables take it
// too.
const writeLock = 7306086861316317024

// Apply implements edits.Store.
//
// Under the lock it reads the records of the set, compares their revisions, checks what they should become with what they inherit from and with the
// names that others have, and writes them and their history. Nothing reads all records, except that a change of a profile reads those
// that inherit from it and have values of their own.
func (s *Store) Apply(ctx context.Context, set edits.ChangeSet) (edits.Result, error) {
	list, err := checked(set.Edits)
	if err != nil || len(list) == 0 {
		return edits.Result{}, err
	}
	files, err := s.files()
	if err != nil {
		return edits.Result{}, err
	}
	set.Edits = list
	options := pgx.TxOptions{}
	if set.DryRun { // a standby, and a role that may only read, can do it
		options = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	}
	var result edits.Result
	err = pgx.BeginTxFunc(ctx, s.pool, options, func(tx pgx.Tx) error {
		if !set.DryRun {
			if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(writeLock)); err != nil {
				return err
			}
		}
		result, err = apply(ctx, tx, files, set)
		return err
	})
	if err != nil {
		return edits.Result{}, readOnly(err)
	}
	return result, nil
}

// readOnly returns an error of PostgreSQL about missing rights as edits has it.
func readOnly(err error) error {
	if isCode(err, insufficientRole) || isCode(err, readOnlyTransaction) {
		return &edits.NotWrittenError{File: "store", Err: fmt.Errorf("%w: %w", edits.ErrReadOnly, err)}
	}
	return err
}

// checked returns edits with values of their own.
func checked(list []edits.Edit) ([]edits.Edit, error) {
	own := make([]edits.Edit, len(list))
	seen := make(map[edits.Ref]bool, len(list))
	for i, e := range list {
		if seen[e.Ref] {
			return nil, fmt.Errorf("%s is changed twice in one set", e.Ref)
		}
		seen[e.Ref] = true
		values, err := copyOf(e.Values)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Ref, err)
		}
		own[i] = e
		own[i].Values = values
	}
	return own, nil
}

// change is an edit that changes something.
type change struct {
	edits.Edit
	before *edits.Record // nil if the record does not exist
	row    stored        // what it becomes
}

func apply(ctx context.Context, tx pgx.Tx, files *domains.Snapshot, set edits.ChangeSet) (edits.Result, error) {
	before, err := readRecords(ctx, tx, set.Edits)
	if err != nil {
		return edits.Result{}, err
	}
	changes, err := effective(ctx, tx, set.Edits, before)
	if err != nil || len(changes) == 0 {
		return edits.Result{}, err
	}
	var result edits.Result
	if result.Config, err = check(ctx, tx, files, changes); err != nil {
		return edits.Result{}, err
	}
	if result.Changes, err = describeAll(ctx, tx, changes, set); err != nil {
		return edits.Result{}, err
	}
	result.Diff = edits.Diff(result.Changes)
	if set.DryRun {
		return result, nil
	}
	return result, write(ctx, tx, changes, result.Changes)
}

// effective returns the edits that change something. The error is a *edits.ConflictError if a record does not have the expected revision.
func effective(ctx context.Context, tx pgx.Tx, list []edits.Edit, before map[edits.Ref]*edits.Record) ([]change, error) {
	var changes []change
	for _, e := range list {
		r := before[e.Ref]
		if err := expect(ctx, tx, e, r); err != nil {
			return nil, err
		}
		if r == nil && e.Values == nil || r != nil && r.Values.Equal(e.Values) && e.List == "" {
			continue
		}
		row, err := rowOf(e.Ref, e.Values)
		if err != nil {
			return nil, domains.Problems{{Position: place, Key: key(e.Ref), Text: err.Error()}}
		}
		row.revision = newRevision()
		changes = append(changes, change{e, r, row})
	}
	return changes, nil
}

// expect returns an error unless a record has the expected revision.
func expect(ctx context.Context, tx pgx.Tx, e edits.Edit, r *edits.Record) error {
	if e.If == edits.Any || r != nil && e.If == r.Revision || r == nil && e.If == edits.Absent {
		return nil
	}
	conflict := &edits.ConflictError{Ref: e.Ref}
	if r != nil {
		conflict.Current = r.Revision
	}
	latest, err := history(ctx, tx, edits.HistoryQuery{Ref: e.Ref, Limit: 1})
	if err != nil {
		return err
	}
	if len(latest) > 0 {
		conflict.By = &latest[0]
	}
	return conflict
}

// newRevision returns a revision that no record has had: it is random.
func newRevision() int64 {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return int64(binary.BigEndian.Uint64(b[:]))
}

// readRecords reads the records of a set.
func readRecords(ctx context.Context, tx pgx.Tx, list []edits.Edit) (map[edits.Ref]*edits.Record, error) {
	names := map[edits.Kind][]string{}
	for _, e := range list {
		names[e.Kind] = append(names[e.Kind], e.Name)
	}
	found := make(map[edits.Ref]*edits.Record)
	for _, kind := range []edits.Kind{edits.Profile, edits.Domain} {
		rows, err := tx.Query(ctx, "SELECT "+columns+" FROM mailhint.records r WHERE kind = $1::text::mailhint.record_kind AND name = ANY($2)", string(kind), valid(names[kind]))
		if err != nil {
			return nil, err
		}
		_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
			r, err := scanRecord(row)
			found[r.Ref] = &r
			return struct{}{}, err
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// describeAll returns changes as the history has them, with numbers unless it is a dry run.
func describeAll(ctx context.Context, tx pgx.Tx, changes []change, set edits.ChangeSet) ([]edits.Change, error) {
	first, now, err := int64(0), time.Now(), error(nil)
	if !set.DryRun {
		if first, now, err = reserve(ctx, tx, changes); err != nil {
			return nil, err
		}
	}
	described := make([]edits.Change, len(changes))
	for i := range changes {
		if described[i], err = describe(&changes[i], set, now); err != nil {
			return nil, err
		}
		if !set.DryRun {
			described[i].Number = first + int64(i) + 1
		}
	}
	return described, nil
}

// describe returns a change as the history has it.
func describe(c *change, set edits.ChangeSet, now time.Time) (edits.Change, error) {
	d := edits.Change{Time: now, Actor: set.Actor, Via: set.Via, Action: c.Action, Ref: c.Ref, Reason: set.Reason, Undoes: c.Undoes}
	if c.before != nil {
		d.Before = state(*c.before)
	}
	var err error
	if c.Values != nil {
		d.After, err = c.row.state()
	}
	return d, err
}

// reserve takes the numbers for changes, and returns the one before the first, and the time.
func reserve(ctx context.Context, tx pgx.Tx, changes []change) (first int64, now time.Time, err error) {
	err = tx.QueryRow(ctx, "UPDATE mailhint.meta SET sequence = sequence + $1, revision = $2 RETURNING sequence - $1, clock_timestamp()",
		len(changes), changes[len(changes)-1].row.revision).Scan(&first, &now)
	return first, now, err
}

// writtenAtOnce is how many changes one statement writes.
const writtenAtOnce = 10_000

// write writes the records and the history of changes.
func write(ctx context.Context, tx pgx.Tx, changes []change, described []edits.Change) error {
	return writing(ctx, tx, len(changes), func() error {
		for len(changes) > 0 {
			n := min(len(changes), writtenAtOnce)
			if err := writeSome(ctx, tx, changes[:n], described[:n]); err != nil {
				return err
			}
			changes, described = changes[n:], described[n:]
		}
		return nil
	})
}

// writing prepares a transaction for about a number of changes, calls write, and does what has to be done after that.
func writing(ctx context.Context, tx pgx.Tx, changes int, write func() error) error {
	if _, err := tx.Exec(ctx, "SELECT set_config('mailhint.recorded', 'on', true)"); err != nil {
		return err
	}
	indexes, err := dropSearchIndexes(ctx, tx, changes)
	if err != nil {
		return err
	}
	if err := write(); err != nil {
		return err
	}
	if err := restoreSearchIndexes(ctx, tx, indexes); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "SELECT pg_notify($1, '')", channel)
	return err
}

// writeSome writes changes with a few statements, however many they are.
func writeSome(ctx context.Context, tx pgx.Tx, changes []change, described []edits.Change) error {
	var gone, put rowsOf
	var aliases, aliasesShown, owners []string
	var past [][]any
	for i, c := range changes {
		d := described[i]
		if c.Values == nil {
			gone.add(c.row, d)
		} else {
			put.add(c.row, d)
		}
		if c.Kind == edits.Domain {
			for _, alias := range aliasesOf(c.Ref, c.Values) {
				aliases, aliasesShown, owners = append(aliases, string(alias)), append(aliasesShown, alias.Unicode()), append(owners, c.Name)
			}
		}
		past = append(past, historyRow(c, d))
	}
	batch := &pgx.Batch{}
	batch.Queue("DELETE FROM mailhint.records r USING unnest($1::text[], $2::text[]) AS gone (kind, name) WHERE r.kind = gone.kind::mailhint.record_kind AND r.name = gone.name",
		gone.kinds, gone.names)
	batch.Queue("DELETE FROM mailhint.aliases WHERE domain = ANY($1)", domainNames(changes))
	batch.Queue(`INSERT INTO mailhint.records AS r (kind, name, shown, profile, own, revision, sequence, actor, changed)
		SELECT kind::mailhint.record_kind, name, shown, profile, own::jsonb, revision, sequence, $8, $9
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[]) AS put (kind, name, shown, profile, own, revision, sequence)
		ON CONFLICT (kind, name) DO UPDATE SET profile = EXCLUDED.profile, own = EXCLUDED.own, revision = EXCLUDED.revision, sequence = EXCLUDED.sequence,
			actor = EXCLUDED.actor, changed = EXCLUDED.changed`,
		put.kinds, put.names, put.shown, put.profiles, put.own, put.revisions, put.sequences, described[0].Actor, described[0].Time)
	batch.Queue("INSERT INTO mailhint.aliases (name, shown, domain) SELECT name, nullif(shown, name), domain FROM unnest($1::text[], $2::text[], $3::text[]) AS a (name, shown, domain)",
		aliases, aliasesShown, owners)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"mailhint", "history"}, historyColumns, pgx.CopyFromRows(past))
	return err
}

// rowsOf are columns of rows, as arrays.
type rowsOf struct {
	kinds, names         []string
	shown, profiles, own []*string
	revisions, sequences []int64
}

func (rows *rowsOf) add(s stored, c edits.Change) {
	rows.kinds, rows.names = append(rows.kinds, string(s.Kind)), append(rows.names, s.Name)
	rows.shown, rows.profiles, rows.own = append(rows.shown, shown(s.Ref)), append(rows.profiles, s.profile), append(rows.own, textOf(s.own))
	rows.revisions, rows.sequences = append(rows.revisions, s.revision), append(rows.sequences, c.Number)
}

func textOf(json []byte) *string {
	if json == nil {
		return nil
	}
	text := string(json)
	return &text
}

func domainNames(changes []change) []string {
	names := []string{}
	for _, c := range changes {
		if c.Kind == edits.Domain {
			names = append(names, c.Name)
		}
	}
	return names
}

// historyColumns are the columns that historyRow fills in.
var historyColumns = []string{"number", "time", "actor", "via", "action", "reason", "undoes", "kind", "name",
	"before_revision", "before_profile", "before_own", "revision", "removed", "profile", "own"}

func historyRow(c change, d edits.Change) []any {
	var revision *int64
	var before stored
	if c.before != nil {
		before, _ = rowOf(c.Ref, c.before.Values) // they come from a row
		r, err := parseRevision(c.before.Revision)
		if err == nil {
			revision = &r
		}
	}
	return []any{d.Number, d.Time, d.Actor, string(d.Via), d.Action, d.Reason, d.Undoes, string(c.Kind), c.Name,
		revision, before.profile, before.own, c.row.revision, c.Values == nil, c.row.profile, c.row.own}
}
