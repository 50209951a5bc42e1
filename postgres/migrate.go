package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

//go:embed migrations/*.sql
var migrations embed.FS

// newest is the version of the tables that this program knows: the number of files in migrations. A released file never changes.
const newest = 3

// migrationLock is the number of the advisory lock that whoever changes the tables holds.
const migrationLock = 7306086861316317025

// Migrate makes the tables, or changes those of an older version, and returns the versions before and after; before is 0 if there were none.
// Programs that do it at the same time wait for each other. All of it is done, or nothing. The error is ErrNewer if the tables are those of
// a newer version, and ErrNoTables if there are none and none may be made.
func Migrate(ctx context.Context, c Config, mayMake bool) (before, after int, err error) {
	s, err := connect(ctx, c, nil)
	if err != nil {
		return 0, 0, err
	}
	defer s.Close()
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
			return err
		}
		if before, err = versionOf(ctx, tx); err != nil {
			return err
		}
		if before > newest {
			return fmt.Errorf("%w (%d, this one has %d)", ErrNewer, before, newest)
		}
		if before == 0 && !mayMake {
			return ErrNoTables
		}
		if before == 0 {
			if _, err := tx.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS mailhint; CREATE TABLE mailhint.version (version int NOT NULL); INSERT INTO mailhint.version VALUES (0)"); err != nil {
				return err
			}
		}
		for v := before + 1; v <= newest; v++ {
			text, err := migrations.ReadFile(fmt.Sprintf("migrations/%d.sql", v))
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, string(text)); err != nil {
				return fmt.Errorf("version %d of the tables: %w", v, err)
			}
		}
		_, err := tx.Exec(ctx, "UPDATE mailhint.version SET version = $1", newest)
		return err
	})
	return before, newest, noAnswer(err)
}

// versionOf returns the version of the tables; 0 if there are none.
func versionOf(ctx context.Context, q querier) (version int, err error) {
	var exists bool
	if err := q.QueryRow(ctx, "SELECT to_regclass('mailhint.version') IS NOT NULL").Scan(&exists); err != nil {
		return 0, err
	}
	if !exists {
		return 0, nil
	}
	err = q.QueryRow(ctx, "SELECT version FROM mailhint.version").Scan(&version)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return version, err
}
