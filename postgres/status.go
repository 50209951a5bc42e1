package postgres

import (
	"context"
)

// Status is what is to be known about a database.
type Status struct {
	// Server is the host and port of the server that has answered.
	Server string `json:"server"`
	// Product is its version, as it says it.
	Product string `json:"product"`
	// Standby is true if it follows another server, so that it takes no changes.
	Standby bool `json:"standby"`
	// Encrypted is true if the connection is.
	Encrypted bool `json:"encrypted"`
	// User is the role that is signed in.
	User string `json:"user"`
	// Version is that of the tables.
	Version int `json:"version"`
	Position
	Domains  int `json:"domains"`
	Profiles int `json:"profiles"`
	// Octets is how much space everything takes.
	Octets int64 `json:"octets"`
	// Trigrams is true if searches use an index.
	Trigrams bool `json:"trigrams"`
}

// Status looks at the database.
func (s *Store) Status(ctx context.Context) (st Status, err error) {
	if st.Position, err = s.Position(ctx); err != nil {
		return st, err
	}
	if st.Version, err = versionOf(ctx, s.pool); err != nil {
		return st, err
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return st, err
	}
	defer conn.Release()
	st.Server = conn.Conn().PgConn().Conn().RemoteAddr().String()
	err = conn.QueryRow(ctx, `SELECT split_part(version(), ' ', 2), pg_is_in_recovery(), coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false), current_user::text,
		(SELECT coalesce(sum(records) FILTER (WHERE kind = 'domain'), 0) FROM mailhint.counts), (SELECT coalesce(sum(records) FILTER (WHERE kind = 'profile'), 0) FROM mailhint.counts),
		(SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c WHERE c.relnamespace = 'mailhint'::regnamespace AND c.relkind = 'r'),
		to_regclass('mailhint.records_search') IS NOT NULL`).Scan(&st.Product, &st.Standby, &st.Encrypted, &st.User, &st.Domains, &st.Profiles, &st.Octets, &st.Trigrams)
	return st, err
}
