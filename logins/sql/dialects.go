package sql

import (
	"cmp"
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"mailhint/logins"
)

// dialect is a kind of database.
type dialect struct {
	name string
	open func(target) (*sql.DB, error)
	// explain returns the SQLSTATE and the message of an error that the database has answered with; "" for other errors.
	explain func(error) (state, message string)
	// parameter is how the statement refers to the n-th parameter, from 1 on.
	parameter func(n int) string
	// dollars is true if $$ begins a quoted text.
	dollars bool
	// asciiOnly is true if the database compares letters as equal that are not, such as ä and a, unless it is told otherwise.
	asciiOnly bool
}

// dialects are found by the scheme of the URL.
var dialects = map[string]dialect{
	"postgres": {name: "PostgreSQL", open: openPostgres, explain: explainPostgres, parameter: func(n int) string { return "$" + strconv.Itoa(n) }, dollars: true},
	"mysql":    {name: "MySQL", open: openMySQL, explain: explainMySQL, parameter: func(int) string { return "?" }, asciiOnly: true},
}

// tls returns how connections are encrypted; nil for not at all. The CA is read for each connection, so that it can be changed.
func (t target) tls() (*tls.Config, error) {
	if t.isLocal() && t.config.CA == "" {
		return nil, nil
	}
	roots, err := logins.ReadCA(t.config.CA)
	if err != nil {
		return nil, err
	}
	return &tls.Config{ServerName: t.url.Hostname(), RootCAs: roots, MinVersion: tls.VersionTLS12}, nil
}

func openPostgres(t target) (*sql.DB, error) {
	c, err := pgx.ParseConfig("host=localhost port=5432 user=x dbname=x sslmode=disable") // instead of what the variables PG… say
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL: %w", err)
	}
	port, err := strconv.ParseUint(cmp.Or(t.url.Port(), "5432"), 10, 16)
	if err != nil {
		return nil, errors.New("url has a port that is not valid")
	}
	c.Host, c.Port, c.User, c.Database = cmp.Or(t.url.Hostname(), "localhost"), uint16(port), t.url.User.Username(), strings.Trim(t.url.Path, "/")
	c.Password, c.Fallbacks, c.ValidateConnect, c.KerberosSrvName = "", nil, nil, ""
	c.RuntimeParams = map[string]string{"application_name": "mailhint"} // which poolers accept
	c.DefaultQueryExecMode = pgx.QueryExecModeExec                      // nothing is prepared, for the same reason
	c.DialFunc = t.dial
	c.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil } // dial does it
	return stdlib.OpenDB(*c, stdlib.OptionBeforeConnect(func(_ context.Context, c *pgx.ConnConfig) (err error) {
		if c.Password, err = t.password(); err == nil {
			c.TLSConfig, err = t.tls()
		}
		return err
	})), nil
}

func explainPostgres(err error) (state, message string) {
	var of *pgconn.PgError
	if !errors.As(err, &of) {
		return "", ""
	}
	return of.Code, of.Message
}

func openMySQL(t target) (*sql.DB, error) {
	c := mysql.NewConfig()
	c.User, c.DBName = t.url.User.Username(), strings.Trim(t.url.Path, "/")
	c.Net, c.Addr = "tcp", net.JoinHostPort(t.url.Hostname(), cmp.Or(t.url.Port(), "3306"))
	if t.socket != "" {
		c.Net, c.Addr = "unix", t.socket
	}
	c.DialFunc = t.dial
	c.Logger = &mysql.NopLogger{}
	err := c.Apply(mysql.BeforeConnect(func(_ context.Context, c *mysql.Config) (err error) {
		if c.Passwd, err = t.password(); err == nil {
			c.TLS, err = t.tls()
		}
		return err
	}))
	if err != nil {
		return nil, fmt.Errorf("MySQL: %w", err)
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("MySQL: %w", err)
	}
	return sql.OpenDB(connector), nil
}

func explainMySQL(err error) (state, message string) {
	var of *mysql.MySQLError
	if !errors.As(err, &of) {
		return "", ""
	}
	state = string(of.SQLState[:])
	if of.SQLState == [5]byte{} {
		state = strconv.Itoa(int(of.Number))
	}
	return state, of.Message
}
