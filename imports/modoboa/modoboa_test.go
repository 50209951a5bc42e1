package modoboa

import (
	"testing"

	"mailhint/edits"
	"mailhint/imports"
	"mailhint/imports/database/databasetest"
	"mailhint/imports/importstest"
)

// schema has the columns of Modoboa's models that matter here.
var schema = []string{
	"CREATE TABLE admin_domain (id integer PRIMARY KEY, name varchar(253) NOT NULL, enabled BOOLEAN NOT NULL, type varchar(20) NOT NULL)",
	"CREATE TABLE admin_domainalias (id integer PRIMARY KEY, name varchar(100) NOT NULL, enabled BOOLEAN NOT NULL, target_id integer NOT NULL)",
	`INSERT INTO admin_domain VALUES (1, 'bakery.example', true, 'domain'), (2, 'florist.example', true, 'domain'), (3, 'resting.example', false, 'domain'),
		(4, 'relayed.example', true, 'relaydomain')`,
	"INSERT INTO admin_domainalias VALUES (1, 'bread.example', true, 1), (2, 'old.example', false, 1)",
}

func TestRead(t *testing.T) {
	for _, file := range []string{databasetest.MariaDB(t, schema...), databasetest.PostgreSQL(t, schema...)} {
		importstest.Golden(t, "domains.txt", importstest.Convert(t, func(c *imports.Collection) error {
			return Read(t.Context(), c, file, edits.Values{"imap": "mail.hoster.example", "smtp": "mail.hoster.example", "login": "%EMAILLOCALPART%"})
		}))
	}
}
