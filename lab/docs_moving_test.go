//go:build linux

package lab

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // the driver
)

// movingFiles writes the files that the pages about other programs import.
func (w *docsWorld) movingFiles(t *testing.T, dir string) {
	t.Helper()
	for name, from := range map[string]string{
		"automx.conf": "automx/testdata/basic.conf", "seed.json": "automx2/testdata/seed.json", "domains.json": "mailcow/testdata/domains.json",
		"alias-domains.json": "mailcow/testdata/aliases.json", "mailcow.conf": "mailcow/testdata/mailcow.conf", "zone.json": "happydomain/testdata/for-zone.json",
	} {
		text, err := os.ReadFile(filepath.Join(w.root, "imports", from))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), string(text))
	}
	for name, text := range movingTexts {
		write(t, filepath.Join(dir, name), text)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "db.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(automx2Tables); err != nil {
		t.Fatal(err)
	}
}

const automx2Tables = `CREATE TABLE IF NOT EXISTS provider (id, name, short_name); CREATE TABLE IF NOT EXISTS domain (id, name, provider_id, ldapserver_id);
CREATE TABLE IF NOT EXISTS server (id, prio, name, port, type, socket_type, user_name, authentication); CREATE TABLE IF NOT EXISTS server_domain (server_id, domain_id);
CREATE TABLE IF NOT EXISTS davserver (id, url, port, type); CREATE TABLE IF NOT EXISTS davserver_domain (davserver_id, domain_id);
DELETE FROM domain; DELETE FROM server; DELETE FROM server_domain; INSERT INTO domain VALUES (1, 'bakery.example', 1, NULL);
INSERT INTO server VALUES (1, 10, 'imap.hoster.example', 993, 'imap', 'SSL', '%EMAILADDRESS%', 'plain'), (2, 10, 'smtp.hoster.example', 465, 'smtp', 'SSL', '%EMAILADDRESS%', 'plain');
INSERT INTO server_domain VALUES (1, 1), (2, 1);`

var movingTexts = map[string]string{
	"automx3.conf": `[automx]
provider = hoster.example
domains = bakery.example
[global]
backend = static
imap = yes
imap_server = imap.hoster.example
imap_port = 993
imap_encryption = ssl
imap_auth = plaintext
smtp = yes
smtp_server = smtp.hoster.example
smtp_port = 465
smtp_encryption = ssl
smtp_auth = plaintext
`,
	"docker-compose.yml": `services:
  bakery:
    image: monogramm/autodiscover-email-settings:latest
    environment: {DOMAIN: bakery.example, IMAP_HOST: imap.hoster.example, IMAP_PORT: 993, IMAP_SOCKET: SSL, SMTP_HOST: smtp.hoster.example, SMTP_PORT: 465, SMTP_SOCKET: SSL}
`,
	"bakery.env": "DOMAIN=bakery.example\nIMAP_HOST=imap.hoster.example\nIMAP_PORT=993\nIMAP_SOCKET=SSL\nSMTP_HOST=smtp.hoster.example\nSMTP_PORT=465\nSMTP_SOCKET=SSL\n",
	"backup.json": `{"Domains": [{"domain": "bakery.example.", "zone_history": ["Z"]}], "Zones": [{"id": "Z", "services": {"": [{"_svctype": "abstract.EmailAutoConfig", "Service": {
"incomingSRV": {"Hdr": {"Name": "_imaps._tcp"}, "Port": 993, "Target": "imap.hoster.example."}, "outgoingSRV": {"Hdr": {"Name": "_submissions._tcp"}, "Port": 465, "Target": "smtp.hoster.example."}}}]}}]}`,
	"names.txt": "example.com # ours\n",
	"customers.csv": `domain,profile,name,aliases,imap,smtp
bakery.example,,Bakery,,imap.hoster.example,smtp.hoster.example
butcher.example,,"Butcher, Inc.","meat.example,sausage.example",imap.hoster.example,smtp.hoster.example
`,
	"autodiscover.xml": `<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"><Response><Account><Action>settings</Action>
<Protocol><Type>IMAP</Type><Server>imap.example.net</Server><Port>993</Port><SPA>off</SPA><SSL>on</SSL></Protocol>
<Protocol><Type>SMTP</Type><Server>smtp.example.net</Server><Port>465</Port><SPA>off</SPA><SSL>on</SSL></Protocol></Account></Response></Autodiscover>`,
}
