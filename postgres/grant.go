package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// servingRights are what a server needs that serves domains: to read them and follow their changes.
var servingRights = []string{
	"GRANT USAGE ON SCHEMA mailhint TO %s",
	"GRANT SELECT ON mailhint.version, mailhint.meta, mailhint.records, mailhint.aliases, mailhint.counts, mailhint.history TO %s",
}

// certificateRights are what a server needs besides if it orders certificates and serves them.
var certificateRights = []string{
	"GRANT SELECT, INSERT, UPDATE, DELETE ON mailhint.acme_values, mailhint.acme_locks TO %s",
}

// Grant gives a role of the database the rights of a server: it can read domains and, with certificates, order and use them. It can neither change
// domains nor see accounts, tokens, sessions and the audit trail. The role must exist, and the user of the Config must own the tables.
func Grant(ctx context.Context, c Config, role string, certificates bool) error {
	s, err := Open(ctx, c)
	if err != nil {
		return err
	}
	defer s.Close()
	rights := servingRights
	if certificates {
		rights = append(rights[:len(rights):len(rights)], certificateRights...)
	}
	quoted := pgx.Identifier{role}.Sanitize()
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		for _, right := range rights {
			if _, err := tx.Exec(ctx, fmt.Sprintf(right, quoted)); err != nil {
				return err
			}
		}
		return nil
	})
}
