package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// manyChanges is how many changes are worth making the indexes for searches again, instead of adding to them.
const manyChanges = 20_000

// searchIndex is the definition of an index for searches.
type searchIndex struct{ Name, Definition string }

// dropSearchIndexes drops the indexes for searches if a store is filled: if there are many changes, and fewer records than that so far. It returns
// those that restoreSearchIndexes must make again in the same transaction. It drops none if the user does not own the tables, or if somebody
// is reading them, whom it would wait for.
func dropSearchIndexes(ctx context.Context, tx pgx.Tx, changes int) ([]searchIndex, error) {
	if changes < manyChanges {
		return nil, nil
	}
	rows, err := tx.Query(ctx, `SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
		WHERE i.indexrelid IN (to_regclass('mailhint.records_search'), to_regclass('mailhint.records_search_shown'), to_regclass('mailhint.aliases_search'), to_regclass('mailhint.aliases_search_shown'))
		AND pg_has_role(c.relowner, 'USAGE') AND (SELECT coalesce(sum(records), 0) FROM mailhint.counts WHERE kind = 'domain') < $1`, changes)
	if err != nil {
		return nil, err
	}
	indexes, err := pgx.CollectRows(rows, pgx.RowToStructByName[searchIndex])
	if err != nil {
		return nil, err
	}
	err = pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
		statements := []string{"SET LOCAL lock_timeout = '1s'"}
		for _, index := range indexes {
			statements = append(statements, "DROP INDEX "+index.Name)
		}
		return execAll(ctx, tx, append(statements, "SET LOCAL lock_timeout = DEFAULT"))
	})
	if isCode(err, lockNotAvailable) {
		return nil, nil
	}
	return indexes, err
}

// restoreSearchIndexes makes indexes again.
func restoreSearchIndexes(ctx context.Context, tx pgx.Tx, indexes []searchIndex) error {
	var statements []string
	for _, index := range indexes {
		statements = append(statements, index.Definition)
	}
	return execAll(ctx, tx, statements)
}

func execAll(ctx context.Context, tx pgx.Tx, statements []string) error {
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
