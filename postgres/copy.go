package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"mailhint/edits"
)

// Position is a state of the records: that after a change. The zero Position is before the first change of any database.
type Position struct {
	// Database identifies the database.
	Database string `json:"database"`
	// Sequence is the number of the latest change; 0 before the first one.
	Sequence int64 `json:"sequence"`
	// Revision is the revision of that change, which tells two changes with the same number apart: a database that was restored from a backup
	// numbers other changes with numbers it has already used.
	Revision int64 `json:"revision"`
}

// Row is a record as the database keeps it. Its slices are valid only until the function that gets it returns.
type Row struct {
	Kind edits.Kind
	Name []byte
	// Profile is the key profile of a domain; empty for none.
	Profile []byte
	// Own is a JSON object with the other keys; nil for none, which most domains have.
	Own []byte
	// Revision is what edits.Record has, as a number.
	Revision int64
	// Sequence is the number of the change that the record comes from.
	Sequence int64
	// Removed is true for a record that the change has removed.
	Removed bool
}

// ErrOtherPast means that a database does not continue the past of a Position: it is another one, it has been restored from a backup of an
// earlier time, or it no longer has the history since then. Read all records again.
var ErrOtherPast = errors.New("the database has another past")

// MaxSince is how many changes Since returns at most.
const MaxSince = 10_000

// Position returns the state that the database is in.
func (s *Store) Position(ctx context.Context) (Position, error) { return positionOf(ctx, s.pool) }

func positionOf(ctx context.Context, q querier) (p Position, err error) {
	err = q.QueryRow(ctx, "SELECT database_id::text, sequence, revision FROM mailhint.meta").Scan(&p.Database, &p.Sequence, &p.Revision)
	return p, err
}

// Copy calls take with every record, profiles first, and returns the position that they are the state of. It ends with the error that
// take returns.
func (s *Store) Copy(ctx context.Context, take func(Row) error) (Position, error) {
	var p Position
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
		if p, err = positionOf(ctx, tx); err != nil {
			return err
		}
		for _, kind := range []edits.Kind{edits.Profile, edits.Domain} {
			if err := eachRecord(ctx, tx, kind, take); err != nil {
				return err
			}
		}
		return nil
	})
	return p, err
}

// eachRecord calls take with every record of a kind.
func eachRecord(ctx context.Context, db querier, kind edits.Kind, take func(Row) error) error {
	rows, err := db.Query(ctx, "SELECT kind = 'profile', name, profile, own::text, revision, sequence, false FROM mailhint.records WHERE kind = $1", string(kind))
	if err != nil {
		return err
	}
	return eachRow(rows, take)
}

// eachRow reads rows with the columns of Row. Nothing is copied: a replica reads ten million of them.
func eachRow(rows pgx.Rows, take func(Row) error) error {
	defer rows.Close()
	for rows.Next() {
		raw, fields := rows.RawValues(), rows.FieldDescriptions()
		r := Row{Kind: edits.Domain, Name: raw[1], Profile: raw[2], Own: raw[3]}
		if isTrue(raw[0]) {
			r.Kind = edits.Profile
		}
		r.Removed = isTrue(raw[6])
		for i, number := range []*int64{4: &r.Revision, 5: &r.Sequence} {
			if number == nil {
				continue
			}
			var err error
			if *number, err = integer(raw[i], fields[i].Format); err != nil {
				return err
			}
		}
		if err := take(r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// isTrue reads a boolean, which is a byte in PostgreSQL's binary form and a letter in its text form.
func isTrue(raw []byte) bool { return len(raw) == 1 && (raw[0] == 1 || raw[0] == 't') }

// integer reads a bigint in PostgreSQL's binary or text form.
func integer(raw []byte, format int16) (int64, error) {
	if format == pgx.BinaryFormatCode && len(raw) == 8 {
		return int64(binary.BigEndian.Uint64(raw)), nil
	}
	return strconv.ParseInt(string(raw), 10, 64)
}

// Since calls take with what each change after a position has made of its record, in the order of the changes, and returns the position after
// the last of them: at most MaxSince changes, so that the caller asks again until the position stays the same. The error is ErrOtherPast if
// the database does not continue what the position is a state of.
func (s *Store) Since(ctx context.Context, since Position, take func(Row) error) (Position, error) {
	p := since
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		now, err := positionOf(ctx, tx)
		if err != nil || now == since {
			return err
		}
		if err := continues(ctx, tx, now, since); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT kind = 'profile', name, profile, own::text, revision, number, removed FROM mailhint.history
			WHERE number > $1 ORDER BY number LIMIT $2`, since.Sequence, MaxSince)
		if err != nil {
			return err
		}
		return eachRow(rows, func(r Row) error {
			if r.Sequence != p.Sequence+1 {
				return fmt.Errorf("%w: it has no change %d", ErrOtherPast, p.Sequence+1)
			}
			p = Position{now.Database, r.Sequence, r.Revision}
			return take(r)
		})
	})
	return p, err
}

// continues returns ErrOtherPast unless a database in one state has been in an earlier one.
func continues(ctx context.Context, q querier, now, earlier Position) error {
	switch {
	case now.Database != earlier.Database:
		return fmt.Errorf("%w: it is another database", ErrOtherPast)
	case now.Sequence < earlier.Sequence:
		return fmt.Errorf("%w: its latest change is %d, which is before %d", ErrOtherPast, now.Sequence, earlier.Sequence)
	case earlier.Sequence == 0:
		return nil
	}
	var revision int64
	err := q.QueryRow(ctx, "SELECT revision FROM mailhint.history WHERE number = $1", earlier.Sequence).Scan(&revision)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("%w: its history no longer has change %d", ErrOtherPast, earlier.Sequence)
	case err == nil && revision != earlier.Revision:
		return fmt.Errorf("%w: change %d is another one", ErrOtherPast, earlier.Sequence)
	}
	return err
}
