// Package sql finds login names in a database, PostgreSQL or MySQL and MariaDB, with one statement whose parameters are the parts of an address.
// It runs in a read-only transaction.
//
// Connections to other machines are always encrypted, and the server's certificate is checked. On this machine, over the loopback interface or a
// socket, they are only encrypted if there is a CA to check the certificate with.
//
// Read sql.go first, then statement.go and dialects.go.
package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"mailhint/logins"
	"mailhint/secretfile"
)

// Config says where and what to ask. It has been checked as domains.toml checks it.
type Config struct {
	URL          string // postgres://user@host:port/database or mysql://…, with socket=path for a socket
	PasswordFile string // of the user; empty for none
	CA           string // file with the certificates of the only CAs that are trusted; empty for those of the system
	Query        string // with placeholders for the person
}

const (
	// maxConns and maxIdle are how many connections there are at once, and how many are kept.
	maxConns = 8
	maxIdle  = 4
	// maxRead is how much is read from the server after each request, in octets. Login names are far smaller.
	maxRead = 1 << 20
)

// Source is a logins.Source. Use Open.
type Source struct {
	statement statement
	dialect   dialect
	db        *sql.DB
}

// Open returns a Source. It checks everything that can be checked without a connection: the statement, the password file and the CA.
func Open(c Config) (*Source, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, errors.New("url is not a valid URL") // the error would repeat it
	}
	d, ok := dialects[u.Scheme]
	if !ok {
		return nil, errors.New("url must begin with postgres: or mysql:, followed by two slashes")
	}
	statement, err := newStatement(c.Query, d)
	if err != nil {
		return nil, err
	}
	to := target{config: c, url: u, socket: u.Query().Get("socket")}
	if _, err := to.password(); err != nil {
		return nil, err
	}
	if _, err := logins.ReadCA(c.CA); err != nil {
		return nil, err
	}
	db, err := d.open(to)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(maxConns)
	db.SetMaxIdleConns(maxIdle)
	db.SetConnMaxIdleTime(50 * time.Second) // less than firewalls forget a connection after
	db.SetConnMaxLifetime(10 * time.Minute) // so that another server behind the same name is found
	return &Source{statement, d, db}, nil
}

// target is the database to connect to.
type target struct {
	config Config
	url    *url.URL
	socket string // empty for TCP
}

// password is read for each connection, so that it can be changed.
func (t target) password() (string, error) {
	if t.config.PasswordFile == "" {
		return "", nil
	}
	return secretfile.ReadRegular(t.config.PasswordFile)
}

// isLocal reports whether connections stay on this machine.
func (t target) isLocal() bool {
	host := t.url.Hostname()
	addr, err := netip.ParseAddr(host)
	return t.socket != "" || host == "localhost" || err == nil && addr.IsLoopback()
}

// Find returns the first column of the rows that the statement finds, of which there should be one at most.
func (s *Source) Find(ctx context.Context, q logins.Question) (names []string, err error) {
	if s.dialect.asciiOnly && strings.ContainsFunc(q.Address.Local, func(r rune) bool { return r > '~' }) {
		return nil, nil
	}
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, s.describe(err)
	}
	defer tx.Rollback() // nothing was written
	rows, err := tx.QueryContext(ctx, s.statement.text, s.statement.args(q)...)
	if err != nil {
		return nil, s.describe(err)
	}
	defer rows.Close() // an error is that of Err
	for len(names) < 2 && rows.Next() {
		var name sql.NullString
		if err := rows.Scan(&name); err != nil {
			columns, _ := rows.Columns()
			if len(columns) != 1 {
				return nil, fmt.Errorf("the query returns %d columns; select only the login name", len(columns))
			}
			return nil, errors.New("the query returns something else than text; convert it in the query")
		}
		if name.Valid { // else the person has no login name
			names = append(names, name.String)
		}
	}
	return names, s.describe(rows.Err())
}

// Close closes the connections.
func (s *Source) Close() error { return s.db.Close() }

// describe says what went wrong, without what was asked. A fault of the data is not one of the database: somebody may have entered an address that
// the statement cannot work with.
func (s *Source) describe(err error) error {
	if err == nil {
		return nil
	}
	state, message := s.dialect.explain(err)
	switch {
	case state == "":
		return fmt.Errorf("%s: %w", s.dialect.name, err)
	case strings.HasPrefix(state, "22"): // data exception: the message may repeat the data
		return fmt.Errorf("%w: the query cannot be run for this address (SQLSTATE %s)", logins.ErrUnclear, state)
	case strings.HasPrefix(state, "23"), message == "":
		return fmt.Errorf("%s answers with an error (SQLSTATE %s)", s.dialect.name, state)
	}
	return fmt.Errorf("%s answers: %s (SQLSTATE %s)", s.dialect.name, message, state)
}

// dial connects to a target. What is read after each request is limited.
func (t target) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if t.socket != "" {
		network, address = "unix", t.socket
	}
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &limited{Conn: c, left: maxRead}, nil
}

// limited is a connection that reads only so much after each write.
type limited struct {
	net.Conn
	mu   sync.Mutex
	left int
}

var errTooMuch = fmt.Errorf("the server has sent more than %d octets", maxRead)

func (l *limited) Write(p []byte) (int, error) {
	l.mu.Lock()
	l.left = maxRead
	l.mu.Unlock()
	return l.Conn.Write(p)
}

// SyscallConn lets the driver of MySQL see whether the server has closed an idle connection.
func (l *limited) SyscallConn() (syscall.RawConn, error) {
	if c, ok := l.Conn.(syscall.Conn); ok {
		return c.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left -= n; l.left < 0 {
		return 0, errTooMuch
	}
	return n, err
}
