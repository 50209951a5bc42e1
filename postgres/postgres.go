// Package postgres keeps domains and profiles in PostgreSQL, for many replicas: it is an edits.Store. Accounts, certificates and the order budget
// that all replicas share are there too.
//
// Everything is in the schema "mailhint" of one database. Each domain and each profile is a row with its own values, as domains.toml would have
// them. Changes are numbered, from 1, without gaps, and one lock makes them one after the other, so that whoever has read change 7 will never see
// change 6 appear. Replicas read all rows once (Copy), and then what has changed (Since), whenever something may have (Notify).
//
// Other programs may write the rows as well, with SQL: triggers number their changes, and write the history. Nothing checks what they write; see
// package replica for what becomes of it.
//
// The files, in the order in which they are best read:
//
//   - postgres.go: opening the database; migrate.go and migrations: its tables
//   - record.go, query.go, history.go: reading records and their history; apply.go, check.go, bulk.go: changing them; import.go: adding millions
//   - copy.go, notify.go: what replicas read; records.go: what commands answer from
//   - accounts.go: accounts, tokens, sessions and the audit trail; certificates.go: certificates and the locks of their orders
package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/secretfile"
)

// Config says where the database is.
type Config struct {
	// URL is a connection string as libpq takes it: postgres://user@host1,host2/database?target_session_attrs=primary&sslmode=verify-full, or
	// words such as host=… user=….
	URL string
	// PasswordFile is a file with the password of the user; empty for none. It is read again for each new connection.
	PasswordFile string
	// Files returns the configuration of the files, whose [defaults] and profiles the records inherit from. It is needed for changes only.
	Files func() (*domains.Snapshot, error)
	// MaxConns is how many connections are kept at most; 0 for 4.
	MaxConns int
}

// Store is a database. All methods may be called by several goroutines at once.
type Store struct {
	pool  *pgxpool.Pool
	files func() (*domains.Snapshot, error)
}

// Errors that callers act on.
var (
	// ErrNoTables means that the database has no tables of mailhint: run mailhint store init.
	ErrNoTables = errors.New("the database has no tables of mailhint; mailhint store init makes them")
	// ErrOlder means that the tables are those of an older version of mailhint: run mailhint store migrate.
	ErrOlder = errors.New("the tables are those of an older version of mailhint; mailhint store migrate changes them")
	// ErrNewer means that the tables are those of a newer version, which this one does not know: run that version.
	ErrNewer = errors.New("the tables are those of a newer version of mailhint; this version does not use them")
)

// Open opens a database whose tables have been made. The error is ErrNoTables, ErrOlder or ErrNewer if they do not fit.
func Open(ctx context.Context, c Config) (*Store, error) {
	s, err := New(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := s.pool.Ping(ctx); err != nil {
		s.Close()
		return nil, noAnswer(err)
	}
	return s, nil
}

// ErrNoAnswer is matched by errors of Open and Migrate that mean that no server answers, or that it does not let this user in.
var ErrNoAnswer = errors.New("no server answers")

func noAnswer(err error) error {
	if errors.As(err, new(*pgconn.ConnectError)) {
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	return err
}

// New is Open for servers, which start although the database does not answer: the error is about the Config only, and what Open returns is returned
// by whatever is called later, until the database answers with tables that fit.
func New(ctx context.Context, c Config) (*Store, error) {
	return connect(ctx, c, func(ctx context.Context, conn *pgx.Conn) error { return checkVersion(ctx, conn) })
}

// connect opens a database. Each new connection must pass the check.
func connect(ctx context.Context, c Config, check func(context.Context, *pgx.Conn) error) (*Store, error) {
	config, err := parse(c)
	if err != nil {
		return nil, err
	}
	config.AfterConnect = check
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	return &Store{pool: pool, files: c.Files}, nil
}

// connectTimeout is how long one attempt to connect to one host may take, unless the URL says connect_timeout.
const connectTimeout = 5 * time.Second

func parse(c Config) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, errors.New(err.Error()) // the error itself has the whole URL, with a password if there is one
	}
	if c.PasswordFile != "" {
		config.BeforeConnect = func(_ context.Context, conn *pgx.ConnConfig) (err error) {
			if conn.Password, err = secretfile.ReadRegular(c.PasswordFile); err != nil {
				return fmt.Errorf("password_file: %w", err)
			}
			return nil
		}
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	if _, named := config.ConnConfig.RuntimeParams["application_name"]; !named {
		config.ConnConfig.RuntimeParams["application_name"] = "mailhint"
	}
	config.MaxConns = 4
	if c.MaxConns > 0 {
		config.MaxConns = int32(c.MaxConns)
	}
	return config, nil
}

// Close closes all connections.
func (s *Store) Close() { s.pool.Close() }

// isCode reports whether an error is one of PostgreSQL's, by its code (SQLSTATE).
func isCode(err error, code string) bool {
	var failed *pgconn.PgError
	return errors.As(err, &failed) && failed.Code == code
}

// Codes of PostgreSQL's errors.
const (
	insufficientRole    = "42501"
	readOnlyTransaction = "25006"
	lockNotAvailable    = "55P03"
)

var _ edits.Store = (*Store)(nil)

// checkVersion returns an error unless the tables are those that this program knows.
func checkVersion(ctx context.Context, q querier) error {
	version, err := versionOf(ctx, q)
	switch {
	case err != nil:
		return err
	case version == 0:
		return ErrNoTables
	case version < newest:
		return fmt.Errorf("%w (%d, this one has %d)", ErrOlder, version, newest)
	case version > newest:
		return fmt.Errorf("%w (%d, this one has %d)", ErrNewer, version, newest)
	}
	return nil
}

// querier is a connection, a pool or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}
