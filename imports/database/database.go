// Package database reads the databases of other programs: PostgreSQL, and MySQL or MariaDB. Nothing is changed: everything happens in one
// transaction that the server itself keeps from writing.
//
// The URL with the password is in a file that no other user may read, and that has nothing else in it:
//
//	postgres://reader:secret@db.example.com/postfixadmin
//	mysql://reader:secret@localhost/postfixadmin
//	mysql://reader:secret@/postfixadmin?socket=/run/mysqld/mysqld.sock
//
// A connection to another machine is encrypted, and the server's certificate is checked, unless the URL says otherwise with sslmode (PostgreSQL,
// where it means what it always does) or tls (MySQL: true, skip-verify, preferred or false).
package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver for PostgreSQL

	"mailhint/imports"

	"mailhint/secretfile"
	"mailhint/untrusted"
)

// Limits of what is read.
const (
	connectTimeout = 10 * time.Second
	readTimeout    = 2 * time.Minute // of everything
)

// maxRows limits the rows of one query; a variable for the tests.
var maxRows = 2_000_000

// DB is an open database.
type DB struct {
	db   *sql.DB
	tx   *sql.Tx
	ctx  context.Context
	stop context.CancelFunc
}

// ErrURL means that the file has no usable URL. Its text says how to write one, and nothing of the file.
var ErrURL = errors.New("is not a file with the URL of a database; write one line such as postgres://reader:secret@localhost/postfixadmin or mysql://reader:secret@localhost/postfixadmin")

// Open connects to the database whose URL is in a file. Errors name the file and what the server says, but never the URL, and wrap
// imports.ErrUnread unless the file is at fault.
func Open(ctx context.Context, file string) (*DB, error) {
	text, err := readURL(file)
	if err != nil {
		return nil, err
	}
	db, err := open(text)
	if err != nil {
		return nil, fmt.Errorf("%s %w", file, ErrURL)
	}
	return begin(ctx, db, "the database of "+file, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
}

// OpenDB reads a database with a driver that keeps from writing by itself. The name stands for the database in errors.
func OpenDB(ctx context.Context, db *sql.DB, name string) (*DB, error) {
	return begin(ctx, db, name, nil)
}

// begin begins the transaction in which everything is read.
func begin(ctx context.Context, db *sql.DB, name string, o *sql.TxOptions) (*DB, error) {
	db.SetMaxOpenConns(1)
	d := &DB{db: db}
	d.ctx, d.stop = context.WithTimeout(ctx, readTimeout)
	var err error
	if d.tx, err = db.BeginTx(d.ctx, o); err != nil {
		d.Close()
		return nil, fmt.Errorf("%w %s: %s", imports.ErrUnread, name, cause(err))
	}
	return d, nil
}

// readURL reads the file, which no other user may read.
func readURL(file string) (string, error) {
	text, err := secretfile.ReadRegular(file)
	if errors.As(err, new(*fs.PathError)) {
		return "", fmt.Errorf("%w %s: %w", imports.ErrUnread, file, imports.Cause(err))
	}
	return strings.TrimSpace(text), err
}

func open(text string) (*sql.DB, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "postgres", "postgresql":
		return openPostgres(u)
	case "mysql", "mariadb":
		return openMySQL(u)
	}
	return nil, ErrURL
}

func openPostgres(u *url.URL) (*sql.DB, error) { return sql.Open("pgx", postgresURL(u).String()) }

// postgresURL returns a URL with our defaults.
func postgresURL(u *url.URL) *url.URL {
	q := u.Query()
	local := isLocal(u.Hostname())
	if hosts := q.Get("host"); hosts != "" { // the driver prefers it
		local = true
		for host := range strings.SplitSeq(hosts, ",") {
			local = local && (isLocal(host) || strings.HasPrefix(host, "/"))
		}
	}
	if !q.Has("sslmode") && !local {
		q.Set("sslmode", "verify-full")
	}
	if !q.Has("connect_timeout") {
		q.Set("connect_timeout", fmt.Sprint(int(connectTimeout.Seconds())))
	}
	full := *u
	full.RawQuery = q.Encode()
	return &full
}

func openMySQL(u *url.URL) (*sql.DB, error) {
	c, err := mysqlConfig(u)
	if err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// mysqlConfig returns what a URL says, with our defaults.
func mysqlConfig(u *url.URL) (*mysql.Config, error) {
	c := mysql.NewConfig()
	c.Logger = &mysql.NopLogger{} // what it has to say is in the errors
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	c.DBName = strings.TrimPrefix(u.Path, "/")
	c.Timeout, c.ReadTimeout, c.WriteTimeout = connectTimeout, readTimeout, connectTimeout
	q := u.Query()
	port := u.Port()
	if port == "" {
		port = "3306"
	}
	c.Net, c.Addr = "tcp", net.JoinHostPort(u.Hostname(), port)
	if socket := q.Get("socket"); socket != "" {
		c.Net, c.Addr = "unix", socket
	}
	c.TLSConfig = q.Get("tls")
	if c.TLSConfig == "" && c.Net == "tcp" && !isLocal(u.Hostname()) {
		c.TLSConfig = "true"
	}
	for key := range q {
		if key != "tls" && key != "socket" {
			return nil, ErrURL
		}
	}
	if c.DBName == "" || c.Net == "tcp" && u.Hostname() == "" {
		return nil, ErrURL
	}
	return c, nil
}

// isLocal reports whether a host is this machine.
func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || host == "localhost" || ip != nil && ip.IsLoopback()
}

// cause is what a driver or a server says, in one line. The drivers leave passwords out of their errors, but name the user and the host.
func cause(err error) string {
	const enough = 300
	return untrusted.Clip(err.Error(), enough)
}

// Rows calls a function for each row of a query, until it returns an error. The errors name the query's table.
func (d *DB) Rows(table, query string, row func(scan func(into ...any) error) error) error {
	return d.rows(table, query, func(rows *sql.Rows) error { return row(rows.Scan) })
}

// Maps calls a function for each row of a query, with the values that are not NULL by column: for tables whose columns differ between versions.
func (d *DB) Maps(table, query string, row func(map[string]string)) error {
	return d.rows(table, query, func(rows *sql.Rows) error {
		columns, err := rows.Columns()
		if err != nil {
			return err
		}
		values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		byColumn := make(map[string]string, len(columns))
		for i, v := range values {
			if v.Valid {
				byColumn[columns[i]] = v.String
			}
		}
		row(byColumn)
		return nil
	})
}

func (d *DB) rows(table, query string, row func(*sql.Rows) error) error {
	rows, err := d.tx.QueryContext(d.ctx, query)
	if err != nil {
		return fmt.Errorf("%w the table %s: %s", imports.ErrUnread, table, cause(err))
	}
	defer rows.Close() // its error is that of rows.Err
	for n := 0; rows.Next(); n++ {
		if n == maxRows {
			return fmt.Errorf("%w the table %s: it has more than %d rows", imports.ErrUnread, table, maxRows)
		}
		if err := row(rows); err != nil {
			return fmt.Errorf("%w the table %s: row %d: %s", imports.ErrUnread, table, n+1, cause(err))
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%w the table %s: %s", imports.ErrUnread, table, cause(err))
	}
	return nil
}

// Close ends the transaction and the connection.
func (d *DB) Close() {
	if d.tx != nil {
		d.tx.Rollback() // nothing was changed
	}
	d.stop()
	d.db.Close() // it was only read
}

// Row names a row of a table, as a place.
func Row(table, key string) string {
	const longestKey = 260 // of a domain
	return fmt.Sprintf("table %s, row %s", table, untrusted.Clip(key, longestKey))
}
