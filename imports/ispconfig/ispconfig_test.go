package ispconfig

import (
	"testing"

	"mailhint/edits"
	"mailhint/imports"
	"mailhint/imports/database/databasetest"
	"mailhint/imports/importstest"
)

// schema has the columns of ISPConfig 3's tables that matter here.
var schema = []string{
	"CREATE TABLE server (server_id int unsigned NOT NULL PRIMARY KEY, server_name varchar(255) NOT NULL DEFAULT '', mail_server tinyint(1) NOT NULL DEFAULT 0)",
	"CREATE TABLE mail_domain (domain_id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, server_id int unsigned NOT NULL, domain varchar(255) NOT NULL, active enum('n','y') NOT NULL)",
	`CREATE TABLE mail_forwarding (forwarding_id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, source varchar(255) NOT NULL, destination text,
		type enum('alias','aliasdomain','forward','catchall') NOT NULL DEFAULT 'alias', active enum('n','y') NOT NULL)`,
	"INSERT INTO server VALUES (1, 'mail1.hoster.example', 1), (2, 'MAIL2.hoster.example', 1), (3, 'mail3', 1)",
	`INSERT INTO mail_domain (server_id, domain, active) VALUES (1, 'bakery.example', 'y'), (1, 'florist.example', 'y'), (2, 'butcher.example', 'y'),
		(1, 'resting.example', 'n'), (3, 'short.example', 'y'), (9, 'nowhere.example', 'y'), (1, 'bread.example', 'y')`,
	`INSERT INTO mail_forwarding (source, destination, type, active) VALUES ('@bread.example', '@bakery.example', 'aliasdomain', 'y'),
		('info@bakery.example', 'anna@bakery.example', 'alias', 'y')`,
}

func TestRead(t *testing.T) {
	old := databasetest.MariaDB(t, schema...) // without mail_user.login
	importstest.Golden(t, "old.txt", importstest.Convert(t, func(c *imports.Collection) error { return Read(t.Context(), c, old, nil) }))
	logins := append(schema[:len(schema):len(schema)], "CREATE TABLE mail_user (email varchar(255), login varchar(255))",
		"INSERT INTO mail_user VALUES ('anna@bakery.example', 'anna@bakery.example'), ('bea@bakery.example', 'bea1')")
	file := databasetest.MariaDB(t, logins...)
	importstest.Golden(t, "profile.txt", importstest.Convert(t, func(c *imports.Collection) error {
		return Read(t.Context(), c, file, edits.Values{"profile": "shared"})
	}))
}
