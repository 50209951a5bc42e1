package postfixadmin

import (
	"strings"
	"testing"

	"mailhint/edits"
	"mailhint/imports"
	"mailhint/imports/database/databasetest"
	"mailhint/imports/importstest"
)

// schema has the columns of the tables that upgrade.php of PostfixAdmin 3.3 creates, as far as they matter here; BOOLEAN stands for what each server has.
var schema = []string{
	"CREATE TABLE domain (domain VARCHAR(255) NOT NULL PRIMARY KEY, description VARCHAR(255) NOT NULL, backupmx BOOLEAN NOT NULL, active BOOLEAN NOT NULL)",
	"CREATE TABLE alias_domain (alias_domain VARCHAR(255) NOT NULL PRIMARY KEY, target_domain VARCHAR(255) NOT NULL, active BOOLEAN NOT NULL)",
	`INSERT INTO domain (domain, description, backupmx, active) VALUES
		('ALL', '', false, true), ('bakery.example', 'a', false, true), ('florist.example', 'b', false, true), ('bread.example', 'another name', false, true),
		('resting.example', '', false, false), ('backup.example', '', true, true), ('not a domain', '', false, true), ('old.example', '', false, true)`,
	`INSERT INTO alias_domain (alias_domain, target_domain, active) VALUES ('bread.example', 'bakery.example', true), ('old.example', 'bakery.example', false)`,
}

func TestRead(t *testing.T) {
	mysql := make([]string, len(schema)) // its BOOLEAN is tinyint(1)
	for i := range schema {
		mysql[i] = strings.ReplaceAll(schema[i], "BOOLEAN", "tinyint(1)")
	}
	for _, file := range []string{databasetest.MariaDB(t, mysql...), databasetest.PostgreSQL(t, schema...)} {
		got := importstest.Convert(t, func(c *imports.Collection) error {
			return Read(t.Context(), c, file, edits.Values{"imap": "imap.hoster.example", "smtp": "smtp.hoster.example"})
		})
		importstest.Golden(t, "domains.txt", got)
	}
}
